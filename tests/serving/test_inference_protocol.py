"""The server speaks the Open Inference Protocol, and predicts what the run does."""

import json
import math
import subprocess
import sys

import httpx
import numpy as np
import pytest
from server_process import Server, binary_output, binary_request, tensor

from mlplab import __version__

INFER = "/v2/models/digits/infer"


def test_it_predicts_all_test_images_as_the_run_does(server, fashion_mnist, fashion_run):
    images = fashion_mnist.test.images
    expected = fashion_run.predict(images)
    found = []
    for start in range(0, len(images), 1000):
        request = binary_request(images[start : start + 1000])
        found.append(binary_output(server.client.post("/v2/models/fashion/infer", **request)))
    probabilities = np.concatenate(found)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    differs = np.flatnonzero(probabilities.argmax(1) != expected.argmax(1))
    two = np.sort(expected[differs], axis=1)[:, -2:]
    assert (two[:, 1] - two[:, 0] < 2e-5).all()  # ties only


def test_json_and_binary_tensors_give_the_same(server, digits, digits_run):
    rows = digits.test.images[:3]
    expected = digits_run.predict(rows)
    nested, floats = (
        tensor(rows) | {"data": rows.tolist()},
        tensor(rows) | {"data": rows.ravel().astype(float).tolist()},
    )
    for given in (tensor(rows), nested, floats):
        output = server.client.post(INFER, json={"id": "a", "inputs": [given]}).json()
        assert output.keys() == {"model_name", "model_version", "id", "outputs"}
        assert (output["model_name"], output["model_version"], output["id"]) == ("digits", "1", "a")
        (values,) = output["outputs"]
        assert (values["name"], values["datatype"], values["shape"]) == ("probabilities", "FP32", [3, 10])
        np.testing.assert_allclose(np.reshape(values["data"], (3, 10)), expected, rtol=0, atol=1e-6)
    binary = server.client.post("/v2/models/digits/versions/1/infer", **binary_request(rows, id="ü"))
    np.testing.assert_array_equal(binary_output(binary), np.float32(values["data"]).reshape(3, 10))
    assert json.loads(binary.content[: int(binary.headers["inference-header-content-length"])])["id"] == "ü"


def test_outputs_are_chosen_and_each_in_its_form(server, digits):
    rows = digits.test.images[:2]
    as_bytes = {"name": "probabilities", "parameters": {"binary_data": True}}
    chosen = server.client.post(INFER, json={"inputs": [tensor(rows)], "outputs": [as_bytes]})
    in_json = server.client.post(INFER, **binary_request(rows, outputs=[{"name": "probabilities"}], parameters={}))
    assert chosen.headers["content-type"] == "application/octet-stream"
    np.testing.assert_array_equal(binary_output(chosen).ravel(), np.float32(in_json.json()["outputs"][0]["data"]))


def test_what_the_server_and_its_models_are(server):
    get = server.client.get
    assert get("/v2").json() == {"name": "mlplab", "version": __version__, "extensions": ["binary_tensor_data"]}
    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models").json() == {"models": ["digits", "fashion"]}
    described = {
        "name": "fashion",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "input", "datatype": "UINT8", "shape": [-1, 28, 28]}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    for path in ("/v2/models/fashion", "/v2/models/fashion/versions/1"):
        assert get(path).json() == described
        assert get(f"{path}/ready").json() == {"name": "fashion", "ready": True}
    assert server.client.head("/v2/health/live").status_code == 200


GOOD = {"name": "input", "datatype": "UINT8", "shape": [1, 8, 8], "data": [0] * 64}
WRONG = [
    (b"{", "must be JSON"),
    (b"\xff", "must be JSON"),
    (b"[" * 100_000, "must be JSON"),
    (b"[1]", "a JSON object with a list of inputs; got a list"),
    (b'{"inputs": [NaN]}', "must be JSON, with finite numbers"),
    ({}, "inputs must be a list of one object, for 'input'; got nothing"),
    ({"inputs": [GOOD, GOOD]}, "got a list of 2"),
    ({"inputs": [GOOD], "id": 3}, "id must be a text; got a number"),
    ({"inputs": [GOOD], "parameters": []}, "parameters of the request must be an object; got a list"),
    ({"inputs": [GOOD | {"name": "x"}]}, "must have the name 'input'; got \"x\""),
    ({"inputs": [GOOD | {"datatype": "FP32"}]}, 'must have the datatype UINT8; got "FP32"'),
    ({"inputs": [GOOD | {"shape": [1, 64]}]}, "must have the shape [n, 8, 8], n at least 1; got [1, 64]"),
    ({"inputs": [GOOD | {"shape": [0, 8, 8], "data": []}]}, "n at least 1; got [0, 8, 8]"),
    ({"inputs": [GOOD | {"shape": [True, 8, 8]}]}, "n at least 1"),
    ({"inputs": [GOOD | {"shape": [10**30, 8, 8]}]}, "n at least 1"),
    ({"inputs": [GOOD | {"shape": [2, 8, 8]}]}, "must be 128 numbers, flat or nested like its shape [2, 8, 8]"),
    ({"inputs": [GOOD | {"data": [[[0] * 8] * 7 + [[0] * 7]]}]}, "must be 64 numbers"),
    ({"inputs": [GOOD | {"data": "0"}]}, "must have data, a list of numbers; got a text"),
    ({"inputs": [GOOD | {"data": [0.5] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD | {"data": [256] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD | {"data": [-1] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD | {"data": [True] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD | {"data": [None] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD | {"data": ["1"] * 64}]}, "must be whole numbers from 0 to 255"),
    ({"inputs": [GOOD], "outputs": [{"name": "logits"}]}, 'names probabilities, each once; got "logits"'),
    ({"inputs": [GOOD], "outputs": [3]}, "outputs must be a list of objects with a name"),
    (
        {"inputs": [GOOD], "outputs": [{"name": "probabilities", "parameters": {"classification": 2}}]},
        "classification is not supported",
    ),
    ({"inputs": [GOOD | {"parameters": {"shared_memory_region": "a"}}]}, "Shared memory is not supported"),
    ({"inputs": [GOOD | {"parameters": {"binary_data_size": 3}}]}, "has 64 bytes; binary_data_size is 3"),
    ({"inputs": [GOOD | {"parameters": {"binary_data_size": 64}}]}, "has both data and binary_data_size"),
]


@pytest.mark.parametrize(("body", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_a_request_that_does_not_fit_is_refused_with_what_was_expected(server, body, message):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = server.client.post(INFER, content=content)
    assert answer.status_code == 400, answer.text
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    ("length", "cut", "message"),
    [
        ("7.5", 0, "must be a number of bytes"),
        ("9" * 30, 0, "must be a number of bytes"),
        ("0", 0, "must be from 1 to"),
        ("999999", 0, "must be from 1 to"),
        (None, 0, "64 bytes must follow the JSON, as binary_data_size says; got no"),
        ("right", 1, "64 bytes must follow the JSON, as binary_data_size says; got 63"),
        ("right", -1, "64 bytes must follow the JSON, as binary_data_size says; got 65"),
    ],
)
def test_binary_tensors_that_do_not_fit_are_refused(server, length, cut, message):
    request = binary_request(np.zeros((1, 8, 8), np.uint8))
    right = request["headers"]["Inference-Header-Content-Length"]
    if length is None:
        del request["headers"]["Inference-Header-Content-Length"]
        request["content"] = request["content"][: int(right)]
    else:
        request["headers"]["Inference-Header-Content-Length"] = right if length == "right" else length
    if cut:
        request["content"] = request["content"][:-1] if cut > 0 else request["content"] + b"0"
    answer = server.client.post(INFER, **request)
    assert (answer.status_code, message in answer.json()["error"]) == (400, True), answer.text


def test_addresses_that_are_not_there(server):
    get = server.client.get
    for path, status in (
        ("/v2/models/none", 404),
        ("/v2/models/digits/versions/2", 404),
        ("/v2/models/digits/versions/2/ready", 404),
        ("/no", 404),
        ("/v2/", 404),
        ("/v2/models/..%2f..%2fetc/ready", 404),
        (INFER, 405),
    ):
        answer = get(path)
        assert answer.status_code == status, path
        assert answer.json()["error"], path
    assert "There are: digits, fashion." in get("/v2/models/none").json()["error"]
    assert get(INFER).headers["allow"] == "POST"
    assert server.client.post("/predict", content=b"x").status_code == 404  # which of the two?


def test_embeddings_are_numbers_and_no_pictures(embeddings_served, rng):
    rows = rng.normal(0, 2, (7, 24)).astype(np.float32)
    expected = embeddings_served.predict(rows)
    with Server(embeddings_served.path) as server:
        (name,) = server.models
        assert name == embeddings_served.path.name
        infer = f"/v2/models/{name}/infer"
        answer = server.client.post(infer, json={"inputs": [tensor(rows)]}).json()["outputs"][0]
        np.testing.assert_allclose(np.reshape(answer["data"], (7, 3)), expected, rtol=0, atol=1e-5)
        answer = server.client.post(infer, **binary_request(rows))
        np.testing.assert_allclose(binary_output(answer), expected, rtol=0, atol=1e-5)
        for value in (math.nan, math.inf, -math.inf):
            bad = rows.copy()
            bad[3, 5] = value
            answer = server.client.post(infer, **binary_request(bad))
            assert (answer.status_code, "must be finite" in answer.json()["error"]) == (400, True)
        for number in ("1e39", "1" + 400 * "0", "true", "null", '"1"', "[1]"):
            data = f"[{number}{', 0' * 23}]"
            body = f'{{"inputs": [{{"name": "input", "shape": [1, 24], "datatype": "FP32", "data": {data}}}]}}'
            answer = server.client.post(infer, content=body)
            assert answer.status_code == 400, number
        picture = server.client.post("/predict", content=b"x", headers={"Content-Type": "image/png"})
        assert picture.status_code == 400
        assert "does not predict images. Send its rows" in picture.json()["error"]
        page = server.client.get("/").text
        assert "not images, so there is" in page


def test_the_process_has_neither_keras_nor_jax(digits_served):
    code = (
        "import sys; from mlplab.cli import main; from mlplab.serving import server, app, pages\n"
        "from mlplab.serving.predictor import Predictor; from mlplab.serving.models import Model\n"
        "from concurrent.futures import ThreadPoolExecutor; from mlplab import Run; from pathlib import Path\n"
        "from mlplab.serving.limits import Limits; from mlplab.serving.metrics import Metrics\n"
        f"run = Run({str(digits_served.path)!r})\n"
        "file = server.onnx_file(run, server.weights_sha256(run), Path('no'), print)\n"
        "model = Model.load('a', run, file, ThreadPoolExecutor(1), Limits(), Metrics())\n"
        "print({'keras', 'jax', 'sklearn', 'matplotlib', 'scipy', 'pandas', 'onnx', 'ray'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_its_description_is_openapi_and_names_every_address(server):
    description = server.client.get("/openapi.json").json()
    assert description["openapi"] == "3.1.0"
    for path, methods in description["paths"].items():
        if "get" in methods:
            answer = server.client.get(path)
            assert answer.status_code == 200, path
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in methods["get"]["responses"]["200"]["content"], path
    assert {"/v2/models/digits/infer", "/predict/fashion", "/metrics", "/docs"} <= description["paths"].keys()
    assert "/v2/models/digits/infer" in server.client.get("/docs").text


def test_metrics_count_requests_and_batches(server, digits):
    def value(name):
        lines = httpx.get(f"{server.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    counted = 'mlplab_requests_total{code="200",route="/v2/models/{name}/infer"}'
    before, rows = value(counted), value('mlplab_batch_rows_sum{model="digits"}')
    server.client.post(INFER, json={"inputs": [tensor(digits.test.images[:5])]})
    assert value(counted) == before + 1
    assert value('mlplab_batch_rows_sum{model="digits"}') == rows + 5
    assert value('mlplab_request_seconds_count{route="/v2/models/{name}/infer"}') > 0
    assert value('mlplab_queue_length{model="digits"}') == 0
    assert value("mlplab_connections") >= 1
    assert value("process_resident_memory_bytes") > 1e7
