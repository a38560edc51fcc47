"""The server's process: loads the models, listens on the address, and answers requests until SIGTERM or Ctrl-C."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from mlplab.errors import UsageError, another
from mlplab.exports.identity import weights_sha256
from mlplab.runs import Run
from mlplab.serving.access import Access, is_loopback
from mlplab.serving.app import Application
from mlplab.serving.connections import limited, sweep
from mlplab.serving.limits import Limits
from mlplab.serving.metrics import Metrics
from mlplab.serving.models import Model
from mlplab.serving.run_files import PageMaker, kept_page, onnx_file

_DECODING = 2
"""Threads that decode images. Each may hold one of the largest."""
_LINGER_SECONDS = 0.2
_FILES = 100
"""Files of a process beside its connections."""


@dataclass(frozen=True)
class Address:
    """Where a server listens, and who may send requests.

    Attributes:
        host: an address of this machine, or its name.
        port: 0: a free one.
        token: that each request must have; needed where others can reach the address.
        names: by which the server may be called beside its address.

    Raises:
        UsageError: for an address that others can reach, without a token.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    names: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise UsageError(f"port must be from 0 to 65535; got {self.port}.", arguments=("port",))
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            got = "" if self.token else "; it is empty"
            raise UsageError(
                f"token must be letters, digits and signs of ASCII, at least one{got}.", arguments=("token",)
            )
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"Others can reach {self.host}, so requests must prove who they are from. Give token, or MLPLAB_TOKEN, "
                "or leave the address out.",
                arguments=("token",),
            )


def serve(
    runs: Mapping[str, Path],
    address: Address,
    limits: Limits,
    *,
    say: Callable[[str], object],
    ready: Callable[[str], object],
) -> None:
    """Serve runs until SIGTERM or Ctrl-C.

    Args:
        runs: run directories by the names of their models.
        address: where.
        limits: bounds on requests.
        say: is told what takes long.
        ready: is called with the URL, once requests are answered.

    Raises:
        UsageError: for a port that is taken, and an address that is not of this machine.
        RunError: for a run that is not finished.
        ModelError: for a network that has no form in ONNX.
    """
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(_listen(address))
        _allow_files(limits.connections + _FILES)
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlplab-serve-")))
        decoding, computing = ThreadPoolExecutor(_DECODING, "images"), ThreadPoolExecutor(1, "batches")
        for executor in (decoding, computing):
            stack.callback(executor.shutdown, wait=False, cancel_futures=True)
        metrics = Metrics()
        models, hashes = {}, {}
        for name, path in runs.items():
            run = Run(path)
            run.require_finished()
            hashes[name] = weights_sha256(run)
            file = onnx_file(run, hashes[name], temporary / name, say)
            models[name] = Model.load(name, run, file, computing, limits, metrics)
        access = Access(address.host, address.names, address.token)
        application = Application(models, access, limits, metrics, decoding)
        stack.callback(_show_pages(application, models, hashes).end)
        _Server(application, metrics, limits, lambda: ready(_url(address.host, listening))).run([listening])


def _show_pages(application: Application, models: Mapping[str, Model], hashes: Mapping[str, str]) -> PageMaker:
    """Show the pages that are kept in runs, and begin to make the others. `hashes`: SHA-256 of weights, by model."""
    missing = {}
    for name, model in models.items():
        if not model.preparation.takes_pictures:
            continue
        html = kept_page(model.run, hashes[name])
        if html is None:
            missing[name] = (model.run, hashes[name])
        else:
            application.show(name, html)
    maker = PageMaker(missing, application.show)
    maker.start()
    return maker


class _Server(uvicorn.Server):
    """uvicorn, with connections that are bounded, and an end that refuses what comes late."""

    def __init__(self, application: Application, metrics: Metrics, limits: Limits, ready: Callable[[], object]):
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what clients do wrong
        super().__init__(
            uvicorn.Config(
                application,
                http=limited(limits),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=limits.idle_seconds,
                timeout_graceful_shutdown=limits.exit_seconds,
            )
        )
        self._application, self._ready = application, ready
        metrics.watch_connections(lambda: len(self.server_state.connections))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and Ctrl-C. uvicorn's own sends them again at the end, so that nothing could be cleaned up."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sweeping = asyncio.create_task(sweep(self.server_state.connections))
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is accepted, refuse for a moment what comes late on open connections, then close them."""
        self._application.is_ending = True
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LINGER_SECONDS)
        await super().shutdown(sockets)
        self._sweeping.cancel()


def _listen(address: Address) -> socket.socket:
    """Return a socket that has taken the address. It refuses connections until uvicorn has it."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"{address.host} is no address: {error.strerror}.", arguments=("host",)) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                f"{address.host} is no address of this machine. Leave it out, or take 0.0.0.0 for all addresses.",
                arguments=("host",),
            ) from error
        elsewhere = another("port")
        raise UsageError(
            f"Port {address.port} of {address.host} cannot be listened on: {error.strerror}. {elsewhere}; 0 takes a "
            "free one.",
            advice=[elsewhere],
        ) from error
    return listening


def _allow_files(count: int) -> None:
    """Allow this process as many open files as its connections need, where the system lets it: some begin with 256."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # not on Windows, which has no such limit

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < count:
            resource.setrlimit(resource.RLIMIT_NOFILE, (count if hard < 0 else min(count, hard), hard))


def _url(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
