"""`mlplab serve` as a process of its own, on a free port of this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

import httpx
import numpy as np


class Server:
    """A running server. `with Server("RUN", "--queue", 4) as server: server.client.get("/v2")`.

    Attributes:
        url: of the server.
        models: names of its models.
        process: its process.
        client: sends requests to it.
    """

    def __init__(self, *arguments: Any, env: dict[str, str] | None = None, token: str | None = None):
        command = [sys.executable, "-m", "mlplab", "serve", *map(str, arguments), "--port", "0", "--json"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {})
        )
        assert self.process.stdout is not None
        lines, late = [], threading.Timer(60, self.process.kill)
        late.start()
        while (line := self.process.stdout.readline()) not in ("}\n", ""):
            lines.append(line)
        late.cancel()
        if not line:
            raise AssertionError(self.end()[1])
        ready = json.loads("".join(lines) + line)
        self.url, self.models = ready["url"], ready["models"]
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        self.address = (httpx.URL(self.url).host, httpx.URL(self.url).port)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.end()

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal: exit code, standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        stderr = self.process.communicate(timeout=15)[1]
        return self.process.returncode, stderr

    def connect(self) -> socket.socket:
        """Return a connection to which a test writes bytes of its own."""
        return socket.create_connection(self.address, timeout=20)

    def say(self, head: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send lines of a head, and a body, as they are: status code, answer."""
        with self.connect() as connection:
            connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
            return answer_of(connection)

    @property
    def memory(self) -> int:
        """Bytes that it has in memory."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Read an answer to its end: status code, and all of it."""
    received = b""
    while part := connection.recv(65536):
        received += part
        head, end, body = received.partition(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if end and length and len(body) >= int(length[0].split(b":")[1]):
            break
    return int(received.split()[1]) if received else 0, received


def tensor(rows: np.ndarray, **more: Any) -> dict[str, Any]:
    """Return the input of an `infer` request for raw rows, in JSON."""
    datatype = {"uint8": "UINT8", "float32": "FP32"}[rows.dtype.name]
    return {"name": "input", "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist(), **more}


def binary_request(rows: np.ndarray, **more: Any) -> dict[str, Any]:
    """Return the content and the headers of an `infer` request with a binary tensor, as Triton's clients send it."""
    given = tensor(rows) | {"parameters": {"binary_data_size": rows.nbytes}}
    del given["data"]
    head = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}, **more}).encode()
    return {"content": head + rows.tobytes(), "headers": {"Inference-Header-Content-Length": str(len(head))}}


def binary_output(response: httpx.Response) -> np.ndarray:
    """Return the first output of an answer with binary tensors."""
    length = int(response.headers["Inference-Header-Content-Length"])
    output = json.loads(response.content[:length])["outputs"][0]
    size = output["parameters"]["binary_data_size"]
    return np.frombuffer(response.content[length : length + size], np.float32).reshape(output["shape"])
