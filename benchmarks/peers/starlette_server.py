"""A server by hand, Starlette over onnxruntime, with nothing else: what serve.py holds mlplab's server against.

python starlette_server.py NETWORK.onnx PORT
"""

import json
import sys

import numpy as np
import onnxruntime
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])


async def infer(request: Request) -> JSONResponse:
    """Predict rows in JSON."""
    (given,) = json.loads(await request.body())["inputs"]
    rows = np.array(given["data"], np.uint8).reshape(given["shape"])
    (found,) = session.run(None, {"input": rows})
    output = {"name": "probabilities", "datatype": "FP32", "shape": list(found.shape), "data": found.ravel().tolist()}
    return JSONResponse({"model_name": "network", "model_version": "1", "outputs": [output]})


async def infer_bytes(request: Request) -> Response:
    """Predict rows that are the body, as bytes."""
    rows = np.frombuffer(await request.body(), np.uint8).reshape(-1, 28, 28)
    return Response(session.run(None, {"input": rows})[0].tobytes(), media_type="application/octet-stream")


app = Starlette(
    routes=[Route("/infer", infer, methods=["POST"]), Route("/bytes", infer_bytes, methods=["POST"])],
)
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False, loop="uvloop", http="httptools")
