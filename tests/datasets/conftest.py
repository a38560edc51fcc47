"""A small data set of four files, and real HTTP servers on this machine to fetch it from."""

import contextlib
import gzip
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlplab.datasets.published.catalog import Entry
from mlplab.datasets.published.payload import Payload


@dataclass
class Server:
    """Answers GET for `files`, by name, and records the requests.

    It can announce a wrong length, or stop in the middle of a file until it is released.
    """

    url: str
    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    announced: int | None = None
    stall: bool = False
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.respond(self.path[1:] in files)

        def do_GET(self) -> None:
            name = self.path[1:]
            server.requests.append(name)
            content = files.get(name, b"")
            self.respond(name in files, server.announced or len(content))
            with contextlib.suppress(ConnectionError):
                if server.stall:
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    server.asked.set()
                    server.released.wait()
                else:
                    self.wfile.write(content)

        def respond(self, known: bool, length: int = 0) -> None:
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_port}", files)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, bytes]], Server]]:
    """Start a server with each call."""
    with contextlib.ExitStack() as stack:
        yield lambda files: stack.enter_context(serving(files))


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections: bound, so that no other program gets it, but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="session")
def payloads() -> dict[str, bytes]:
    """Four IDX files, decompressed."""
    return {
        "train-images": struct.pack(">4BIII", 0, 0, 8, 3, 6, 2, 3) + bytes(range(36)),
        "train-labels": struct.pack(">4BI", 0, 0, 8, 1, 6) + bytes([0, 1, 2, 0, 1, 2]),
        "test-images": struct.pack(">4BIII", 0, 0, 8, 3, 2, 2, 3) + bytes(range(12)),
        "test-labels": struct.pack(">4BI", 0, 0, 8, 1, 2) + bytes([2, 1]),
    }


@pytest.fixture(scope="session")
def zipped(payloads: dict[str, bytes]) -> dict[str, bytes]:
    """The same files gzipped, as on a mirror."""
    return {f"{file}.gz": gzip.compress(content) for file, content in payloads.items()}


@pytest.fixture(scope="session")
def entry(payloads: dict[str, bytes]) -> Entry:
    """Their entry, without providers."""
    files = (Payload(file, len(content), hashlib.sha256(content).hexdigest()) for file, content in payloads.items())
    return Entry(
        name="tiny",
        title="Eight images",
        licence="MIT",
        class_names=("a", "b", "c"),
        image_shape=(2, 3),
        train_rows=6,
        test_rows=2,
        payloads=tuple(files),
    )
