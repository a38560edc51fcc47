"""`mlplab serve` against a bare Starlette server over onnxruntime and LitServe, with the same ONNX file: 784-20-10.

The servers run in turn on one core, the load comes from another. In a round each server starts, answers single images
over one connection and over many, batches of 100, and half the load that it can hold, at a fixed rate; each round goes
the other way than the one before. Requests are JSON; batches also go as bytes to mlplab (Triton's binary tensors) and
Starlette. At a fixed rate a latency counts from the moment at which the request was due. The last part sends mlplab
twice the load that it can hold, with a network of 784-512-512-10, over more connections than its queue has room for.

    .ci/setup litserve
    .venv/bin/python benchmarks/serve.py [--rounds 5] [--seconds 3] [--overload 60] [--only mlplab starlette]
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import report

import mlplab
from mlplab.serving.run_files import ONNX, PAGE

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "peers"))

from http_load import Load, load, request_of  # noqa: E402 - after its path  # pyright: ignore[reportMissingImports] - lies in peers/

PORT, MANY, ROWS, FULL, QUEUE = 8765, 32, 100, 400, 64
LITSERVE = report.ROOT / ".peers" / "litserve" / "bin" / "python"
INFER = "/v2/models/network/infer"
SERVERS = {
    "mlplab": [sys.executable, "-m", "mlplab", "serve", "network={run}", "--port", str(PORT), "--quiet"],
    "starlette": [sys.executable, str(HERE / "peers" / "starlette_server.py"), "{file}", str(PORT)],
    "litserve": [str(LITSERVE), str(HERE / "peers" / "litserve_server.py"), "{file}", str(PORT)],
}


@dataclass(frozen=True)
class Requests:
    """The requests that a server gets: one image in JSON, 100 in JSON, 100 in bytes if it takes them."""

    one: bytes
    many: bytes
    binary: bytes | None


def trained(path: Path, hidden: str) -> Path:
    """Train a network, and let the server's first start make its ONNX file and its page."""
    words = ["train", "fashion-mnist", "--hidden", hidden, "--epochs", "1", "--batch-size", "1000", "--quiet"]
    subprocess.run([sys.executable, "-m", "mlplab", *words, "--out", str(path)], check=True)
    with running("mlplab", path):
        while not (path / PAGE).exists():
            time.sleep(0.1)
    return path


def requests_for(server: str, images: np.ndarray) -> Requests:
    """Return the requests for a server. `images`: uint8 (100, 28, 28)."""

    def given(rows: np.ndarray, **more: Any) -> dict[str, Any]:
        return {"name": "input", "shape": list(rows.shape), "datatype": "UINT8", **more}

    def in_json(rows: np.ndarray) -> bytes:
        return json.dumps({"inputs": [given(rows, data=rows.ravel().tolist())]}).encode()

    path, binary = INFER if server == "mlplab" else "/infer", None
    if server == "mlplab":
        size = given(images, parameters={"binary_data_size": images.nbytes})
        head = json.dumps({"inputs": [size], "parameters": {"binary_data_output": True}}).encode()
        binary = request_of(path, head + images.tobytes(), f"Inference-Header-Content-Length: {len(head)}")
    elif server == "starlette":
        binary = request_of("/bytes", images.tobytes(), "Content-Type: application/octet-stream")
    return Requests(request_of(path, in_json(images[:1])), request_of(path, in_json(images)), binary)


@contextmanager
def running(server: str, run: Path, *options: str) -> "Iterator[tuple[subprocess.Popen[bytes], float]]":
    """Start a server on the first core: its process, and the seconds until it answers."""
    words = [*(word.format(run=run, file=run / ONNX) for word in SERVERS[server]), *options]
    cores = sorted(os.sched_getaffinity(0))
    require_free()
    started = time.perf_counter()
    os.sched_setaffinity(0, cores[:1])  # which the server inherits
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    os.sched_setaffinity(0, cores[1:] or cores)
    try:
        image = np.zeros((ROWS, 28, 28), np.uint8)
        while True:
            try:
                load(PORT, requests_for(server, image).one, 1, 0.001)
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - started > 60:
                    raise RuntimeError(f"{server} does not answer") from None
                time.sleep(0.005)
        yield process, time.perf_counter() - started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)  # children of LitServe outlive it otherwise
        process.wait(20)
        require_free()
        os.sched_setaffinity(0, cores)


def require_free() -> None:
    """Wait until nothing listens on the port, lest another server answers."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)):
                return
        time.sleep(0.05)
    raise RuntimeError(f"port {PORT} is taken: end what listens there")


def memory(process: "subprocess.Popen[bytes]") -> int:
    """Bytes that a process and its children have in memory."""
    total, waiting = 0, [process.pid]
    while waiting:
        pid = waiting.pop()
        waiting += [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def measured(server: str, run: Path, images: np.ndarray, seconds: float) -> dict[str, float]:
    """Measure one server once."""
    requests = requests_for(server, images)

    def checked(found: Load) -> Load:
        assert set(found.codes) == {200}, (server, found.codes)
        return found

    with running(server, run) as (process, start):
        load(PORT, requests.one, MANY, 1)  # warm up
        single = checked(load(PORT, requests.one, 1, seconds))
        many = checked(load(PORT, requests.one, MANY, seconds))
        half = checked(load(PORT, requests.one, MANY, seconds, rate=many.per_second / 2))
        batches = checked(load(PORT, requests.many, 4, seconds))
        found: dict[str, float] = {
            "start_seconds": start,
            "single_per_second": single.per_second,
            "single_p50_ms": 1e3 * single.percentile(0.5),
            "single_p99_ms": 1e3 * single.percentile(0.99),
            "concurrent_per_second": many.per_second,
            "concurrent_p50_ms": 1e3 * many.percentile(0.5),
            "concurrent_p99_ms": 1e3 * many.percentile(0.99),
            "half_load_p99_ms": 1e3 * half.percentile(0.99),
            "batch_images_per_second": ROWS * batches.per_second,
        }
        if requests.binary is not None:
            in_bytes = checked(load(PORT, requests.binary, 4, seconds))
            found["binary_batch_images_per_second"] = ROWS * in_bytes.per_second
        return found | {"memory_bytes": memory(process)}


def runtime_alone(file: Path, images: np.ndarray, seconds: float) -> float:
    """Images a second that onnxruntime predicts in batches of 100 on one thread, without any server."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    started, count = time.perf_counter(), 0
    while (now := time.perf_counter()) - started < seconds:
        session.run(None, {"input": images})
        count += 1
    return count * len(images) / (now - started)


def overloaded(run: Path, images: np.ndarray, seconds: float) -> dict[str, Any]:
    """Send mlplab twice the load that it can hold: what became of it, and memory at the beginning and the end."""
    one = requests_for("mlplab", images).one
    with running("mlplab", run, "--queue", str(QUEUE)) as (process, _):
        holds = load(PORT, one, MANY, 2)
        load(PORT, one, FULL, 1)
        before = memory(process)
        found = load(PORT, one, FULL, seconds, rate=2 * holds.per_second)
        after = memory(process)
    expected, *others = (probabilities(body) for body in (*holds.bodies, *found.bodies))
    assert all(abs(other - expected).max() < 1e-5 for other in others), "an accepted request was answered wrongly"
    codes = {str(code): count for code, count in sorted(found.codes.items())}
    return {"seconds": seconds, "rate": 2 * holds.per_second, "codes": codes, "memory_bytes": [before, after]}


def probabilities(body: bytes) -> np.ndarray:
    """Return the numbers in an answer in JSON."""
    return np.array(json.loads(body)["outputs"][0]["data"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each load (default 3)")
    parser.add_argument("--overload", type=float, default=60, help="seconds at twice the load (default 60)")
    parser.add_argument("--only", nargs="+", choices=SERVERS, default=list(SERVERS), help="saves nothing")
    arguments = parser.parse_args()
    on = report.machine()
    images = np.ascontiguousarray(mlplab.load("fashion-mnist", quiet=True).test.images[:ROWS])
    with tempfile.TemporaryDirectory() as folder:
        run = trained(Path(folder) / "network", "20")
        found: dict[str, list[dict[str, float]]] = {server: [] for server in arguments.only}
        alone = []
        for number, server in report.alternating(arguments.only, arguments.rounds):
            found[server].append(measured(server, run, images, arguments.seconds))
            print(f"round {number + 1}, {server}: {found[server][-1]['concurrent_per_second']:,.0f} requests a second")
            if server == arguments.only[0]:
                alone.append(runtime_alone(run / ONNX, images, 1))
        overload = overloaded(trained(Path(folder) / "large", "512,512"), images, arguments.overload)
    payload = summary(found, alone) | {"n": arguments.rounds, "seconds": arguments.seconds, "overload": overload}
    print(f"\ntwice the load for {arguments.overload:g} s: {overload}")
    if arguments.only == list(SERVERS):
        report.save("serve", payload, on, packages=("mlplab", "onnxruntime", "starlette", "uvicorn", "numpy"))


def summary(found: dict[str, list[dict[str, float]]], alone: list[float]) -> dict[str, Any]:
    """Print the medians. Return them with their spread, and the ratios of mlplab to each peer in the same round."""
    names = list(dict.fromkeys(name for rounds in found.values() for one in rounds for name in one))
    servers = {
        server: {name: report.spread(one[name] for one in rounds) for name in names if name in rounds[0]}
        for server, rounds in found.items()
    }
    rows = [
        (name, *(f"{servers[server][name]['median']:,.4g}" if name in servers[server] else "–" for server in found))
        for name in names
    ]
    report.print_table(("median", *found), rows)
    print(f"onnxruntime alone, batches of {ROWS}: {report.spread(alone)['median']:,.0f} images a second")
    ratios = {
        peer: {
            name: report.spread(a[name] / b[name] for a, b in zip(found["mlplab"], rounds, strict=True))
            for name in names
            if name in rounds[0] and name in found["mlplab"][0]
        }
        for peer, rounds in found.items()
        if peer != "mlplab" and "mlplab" in found
    }
    return {"servers": servers, "mlplab/peer": ratios, "runtime_alone_images_per_second": report.spread(alone)}


if __name__ == "__main__":
    main()
