"""The server's process: how it starts, what it makes and keeps, how it ends."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
from server_process import Server, answer_of, binary_output, binary_request, tensor

from mlplab import Run, files
from mlplab.errors import ModelError, RunError, UsageError
from mlplab.exports.identity import weights_sha256
from mlplab.serving.limits import Limits
from mlplab.serving.models import named_runs
from mlplab.serving.run_files import ONNX, kept_page
from mlplab.serving.server import Address, serve


def refused(*arguments, **environment):
    """Return the exit code and the message of a server that does not start."""
    command = [sys.executable, "-m", "mlplab", "serve", *map(str, arguments)]
    env = os.environ | {"COLUMNS": "1000"} | environment
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, " ".join(done.stderr.split())


DRAWING = 'id="payload"'
"""What the page on which a person draws has, and the plain one has not."""


def predicted(run, digits, wait_for_page=False):
    """Start a server for a run: what it predicts for four images, and what it says. May wait for its drawing page."""
    rows = digits.test.images[:4]
    with Server(run, "--verbose") as server:
        assert server.models == ["my run"]
        if wait_for_page:
            deadline = time.monotonic() + 60
            while DRAWING not in server.client.get("/").text:
                assert time.monotonic() < deadline
                time.sleep(0.05)  # between two looks
        found = binary_output(server.client.post("/v2/models/my%20run/infer", **binary_request(rows)))
        return found, server.end()[1]


def test_the_onnx_file_and_the_page_are_made_once_and_kept(digits_run, digits, tmp_path):
    run = shutil.copytree(digits_run.path, tmp_path / "my run")
    expected = digits_run.predict(digits.test.images[:4])
    for says_making in (True, False):
        found, said = predicted(run, digits, wait_for_page=True)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        assert (f"Making {ONNX} of my run, once" in said) is says_making
        assert "POST /v2/models/my run/infer 200" in said
    metadata = onnxruntime.InferenceSession(run / ONNX).get_modelmeta().custom_metadata_map
    assert (metadata["run"], metadata["sha256"]) == ("my run", weights_sha256(digits_run))
    directory = Run(run).directory
    assert kept_page(Run(run), weights_sha256(digits_run))
    assert kept_page(Run(run), "0" * 64) is None
    assert directory.kept_file(ONNX) == run / ONNX
    (run / ONNX).write_bytes((run / ONNX).read_bytes()[:-1])
    assert directory.kept_file(ONNX) is None


@pytest.mark.slow
def test_the_onnx_file_is_made_again_for_other_weights_and_elsewhere_where_it_cannot_be_kept(
    digits_served, digits, tmp_path
):
    run = shutil.copytree(digits_served.path, tmp_path / "my run")
    tensors = files.read_tensors(run / "model.safetensors")[0]
    files.write_tensors(run / "model.safetensors", {name: tensor / 2 for name, tensor in tensors.items()})
    (run / "SHA256SUMS").unlink()
    expected = Run(run).predict(digits.test.images[:4])
    assert abs(expected - digits_served.predict(digits.test.images[:4])).max() > 0.01
    before = (run / ONNX).read_bytes()
    for is_kept in (True, False):
        found, said = predicted(run, digits)
        assert "Making" in said
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
        if is_kept:
            assert (run / ONNX).read_bytes() != before
            (run / ONNX).unlink()
            (run / ONNX).mkdir()  # where it is to be kept


def test_what_does_not_start_is_said_plainly(digits_served, digits_run, tmp_path):
    run = digits_served.path
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, message = refused(run, "--port", port)
    assert code == 2
    assert f"Port {port} of 127.0.0.1 cannot be listened on: Address already in use. Give another --port" in message
    code, message = refused(run, "--host", "0.0.0.0", MLPLAB_TOKEN="")
    assert code == 2
    assert "Others can reach 0.0.0.0, so requests must prove who they are from. Give --token" in message
    code, message = refused(run, "--token", "")  # as from a variable that is not set
    assert code == 2
    assert "--token must be letters, digits and signs of ASCII, at least one; it is empty." in message
    for arguments, message in (
        ({"port": 70_000}, "port must be from 0 to 65535"),
        ({"host": "no address", "token": "a"}, "no address is no address"),
        ({"host": "192.0.2.1", "token": "a"}, "192.0.2.1 is no address of this machine"),  # of RFC 5737, nobody's
        ({"token": "ü"}, "token must be letters, digits and signs of ASCII"),
        ({"host": "::", "port": 0}, "Others can reach ::"),
    ):
        with pytest.raises(UsageError, match=message):
            serve({"a": run}, Address(**arguments), Limits(), say=print, ready=print)
    unfinished = shutil.copytree(digits_run.path, tmp_path / "unfinished")
    (unfinished / "result.json").unlink()
    for path, message in ((tmp_path / "no", "There is no run at"), (unfinished, "is not finished")):
        with pytest.raises(RunError, match=message):
            serve({"a": path}, Address(port=0), Limits(), say=print, ready=print)


def test_another_address_takes_a_token(digits_served):
    with Server(digits_served.path, "--host", "0.0.0.0", "--token", "secret", token="secret") as server:
        port = server.address[1]
        assert httpx.get(f"http://127.0.0.1:{port}/v2").status_code == 401
        assert server.client.get(f"http://127.0.0.1:{port}/v2").status_code == 200
        host = {"Host": "evil.example"}
        assert server.client.get(f"http://127.0.0.1:{port}/v2", headers=host).status_code == 421
    allowed = ("--host", "0.0.0.0", "--token", "secret", "--allow-host", "models.example")
    with Server(digits_served.path, *allowed, token="secret") as server:
        host = {"Host": "models.example"}
        assert server.client.get(f"http://127.0.0.1:{server.address[1]}/v2", headers=host).status_code == 200


def test_names_of_models(tmp_path):
    (tmp_path / "a=b").mkdir()
    assert named_runs([str(tmp_path / "one"), f"x={tmp_path}/one"]) == {"one": tmp_path / "one", "x": tmp_path / "one"}
    assert list(named_runs([str(tmp_path / "a=b")])) == ["a=b"]
    for specs, message in (
        (["runs/a", "other/a"], "Two models have the name a. Give them names: mlplab serve a-1=runs/a a-2=other/a"),
        (["=runs/a"], "A model must have a name"),
        (["\n=runs/a"], "A model must have a name"),
    ):
        with pytest.raises(UsageError) as error:
            named_runs(specs)
        assert message in str(error.value)


def test_a_foreign_onnx_file_is_not_served(tmp_path):
    from onnx import TensorProto, helper

    from mlplab.serving.predictor import Predictor

    (tmp_path / "text.onnx").write_text("no file of ONNX")
    values = [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", 2]) for name in "ab"]
    graph = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (tmp_path / "int64.onnx").write_bytes(model.SerializeToString())
    for name, message in (("text", "is no ONNX file that can be run"), ("int64", "expected uint8 or float32 rows")):
        with pytest.raises(ModelError, match=message):
            Predictor(tmp_path / f"{name}.onnx")


def test_an_end_in_mid_load_loses_no_accepted_request(digits_served, digits):
    """Each request sent while the server gets SIGTERM is answered right, refused, or finds nobody listening."""
    rows = digits.test.images[:50]
    expected = digits_served.predict(rows)
    answers, errors, wrong = [], [], []
    with Server(f"digits={digits_served.path}") as server, contextlib.ExitStack() as stack:
        stop = threading.Event()

        def load():
            with httpx.Client(base_url=server.url, timeout=20) as client:
                while not stop.is_set():
                    try:
                        answer = client.post("/v2/models/digits/infer", **binary_request(rows))
                    except httpx.ConnectError:
                        return  # it no longer listens
                    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                        errors.append(str(error))
                        return
                    answers.append(answer.status_code)
                    if answer.status_code == 200 and abs(binary_output(answer) - expected).max() > 1e-5:
                        wrong.append(answer)
                    if answer.headers.get("connection") == "close":
                        return

        clients = [threading.Thread(target=load) for _ in range(8)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 60
        while len(answers) < 100:
            assert time.monotonic() < deadline, (answers, errors)
            time.sleep(0.01)  # between two looks
        late = stack.enter_context(server.connect())  # a request that is half sent
        request = binary_request(rows)
        content, length = request["content"], request["headers"]["Inference-Header-Content-Length"]
        head = f"POST /v2/models/digits/infer HTTP/1.1\nHost: localhost\nInference-Header-Content-Length: {length}\n"
        late.sendall(f"{head}Content-Length: {len(content)}\n\n".replace("\n", "\r\n").encode() + content[:10])
        assert server.client.get("/v2").status_code == 200  # by now it is accepted
        started = time.perf_counter()
        server.process.send_signal(signal.SIGTERM)
        late.sendall(content[10:])
        assert answer_of(late)[0] == 200
        for client in clients:
            client.join(20)
        code, stderr = server.end()
        assert time.perf_counter() - started < 10
        stop.set()
    assert (code, wrong, errors) == (0, [], [])
    assert set(answers) <= {200, 503}
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_it_ends_although_clients_are_slow(digits_served):
    with Server(f"digits={digits_served.path}") as server:
        connections = [server.connect() for _ in range(3)]
        head = b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        connections[0].sendall(head)
        connections[1].sendall(b"GET")
        assert server.client.get("/v2").status_code == 200
        started = time.perf_counter()
        assert server.end(signal.SIGINT)[0] == 0
        assert time.perf_counter() - started < 10
        for connection in connections:
            connection.close()


def test_it_is_small(digits_served, digits):
    with Server(f"digits={digits_served.path}") as server:
        for _ in range(3):
            server.client.post("/v2/models/digits/infer", json={"inputs": [tensor(digits.test.images)]})
            server.client.get("/docs")
        assert server.memory < 200e6


def test_it_opens_no_file_of_its_own_and_no_connection(server):
    """By default ONNX Runtime records what it runs, and sends it to Microsoft; mlplab switches that off."""
    folder = Path(f"/proc/{server.process.pid}/fd")
    opened = [os.readlink(entry) for entry in folder.iterdir()]
    assert not [path for path in opened if path.startswith("/") and not path.startswith(("/dev/", "/proc/"))], opened
