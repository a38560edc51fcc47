"""A LitServe server for one ONNX file: what serve.py holds mlplab's server against.

python litserve_server.py NETWORK.onnx PORT
"""

import sys

import litserve
import numpy as np
import onnxruntime


class Network(litserve.LitAPI):
    def setup(self, device):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])

    def decode_request(self, request):
        (given,) = request["inputs"]
        return np.array(given["data"], np.uint8).reshape(given["shape"])

    def predict(self, rows):
        return self.session.run(None, {"input": rows})[0]

    def encode_response(self, found):
        output = {"name": "probabilities", "datatype": "FP32", "shape": list(found.shape)}
        return {"model_name": "network", "outputs": [output | {"data": found.ravel().tolist()}]}


if __name__ == "__main__":
    server = litserve.LitServer(Network(), accelerator="cpu", api_path="/infer")
    server.run(
        port=int(sys.argv[2]), host="127.0.0.1", num_api_servers=1, generate_client_file=False, log_level="error"
    )
