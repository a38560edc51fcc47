"""The connection of this process to a Ray: started on this machine, or found at an address."""

import contextlib
import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

from mlplab.errors import Advice, ClusterError, MissingPackageError, UsageError, import_optional
from mlplab.runs import machine

_log = logging.getLogger("mlplab")

_ANSWER_SECONDS = 12.0
"""A cluster has to answer within this time; Ray itself would wait for minutes."""
_STORE_BYTES = 512 * 2**20
"""Object store of a Ray that mlplab starts. Memory is taken as it is used; the rest goes to the disk."""
_QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its default warns of a change to come
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # lines that Ray would print on standard output
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of tasks that were cancelled
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": "1",  # a task too large for the memory would otherwise be started again for ever
}
_SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": "CRITICAL"}
_PROBE = """
import sys, ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level="DEBUG")
except BaseException as error:
    print(error)
    sys.exit(1)
"""
_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect this process to the Ray at an address of `cluster.workers`, and yield the package ray.

    A connection that this process had before is used, and stays.

    Raises:
        UsageError: if it is not an address.
        MissingPackageError: if Ray, or what it needs for such an address, is not installed.
        ClusterError: if no cluster answers.
    """
    _check_address(address)
    deadline = time.monotonic() + _ANSWER_SECONDS
    with _quiet():  # before Ray is imported, which reads some of it
        ray = import_optional("A cluster", "mlplab[cluster]", "ray", "exceptions")
        if ray.is_initialized():
            present = ray.get_runtime_context().gcs_address
            if address not in ("local", "auto", present):
                raise UsageError(
                    f"This process is connected to the Ray at {present} already: call ray.shutdown() before it uses "
                    f"the one at {address}."
                )
            yield ray
        else:
            with _own_connection(ray, address, deadline):
                yield ray


def _check_address(address: str) -> None:
    parts = _ADDRESS.fullmatch(address)
    if address not in ("local", "auto") and (parts is None or not 0 < int(parts["port"]) < 2**16):
        address_of = Advice("ray must be", "--ray must be")
        raise UsageError(
            f"{address_of} 'local', 'auto', or a cluster's address such as 10.0.0.5:6379 or ray://10.0.0.5:10001; "
            f"got {address!r}.",
            advice=[address_of],
        )
    if parts and parts["client"] and importlib.util.find_spec("grpc") is None:
        raise MissingPackageError('Addresses that begin with ray:// need a further package: pip install "ray[client]"')


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Ray from printing, unless the environment asks for it; remove the variables that it sets afterwards."""
    before = set(os.environ)
    os.environ.update({name: value for name, value in _QUIET.items() if name not in before})
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            if name.startswith(("RAY_", "PYTHONBREAKPOINT")):  # others are not Ray's
                del os.environ[name]


@contextlib.contextmanager
def _own_connection(ray: Any, address: str, deadline: float) -> Iterator[None]:
    """Open a connection, and close it afterwards. A Ray that was started for it is stopped."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)  # Ray puts its own in its place, and leaves it there
    try:
        with warnings.catch_warnings():
            # Ray starts programs, and forks for that. JAX warns of forks; those which start a program are harmless.
            warnings.filterwarnings("ignore", r"os\.fork", RuntimeWarning)
            if address == "local":
                _log.info("Starting Ray on this machine …")
                processors = machine.threads()
                ray.init(
                    "local", num_cpus=processors, object_store_memory=_STORE_BYTES, include_dashboard=False, **_SILENT
                )
            else:
                _log.info(f"Connecting to the Ray at {address} …")
                if reason := _why_no_answer(address, deadline):
                    raise ClusterError(
                        f"No Ray cluster that can be used answers at {address}: {reason}. 'ray start --head' starts "
                        "one and prints its address; docs/cluster.md describes it."
                    )
                ray.init(address, **_SILENT)
        yield
    finally:
        ray.shutdown()
        if main:
            signal.signal(signal.SIGTERM, before)


def _why_no_answer(address: str, deadline: float) -> str:
    """The reason why no cluster answers; empty if one does. Another process tries: Ray's wait cannot be cut short."""
    parts = _ADDRESS.fullmatch(address)
    if parts:
        try:
            socket.create_connection((parts["host"].strip("[]"), int(parts["port"])), timeout=5).close()
        except OSError as error:
            return error.strerror or str(error)
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=max(0.1, deadline - time.monotonic()),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        if re.search(rb"auth\w* ?token", error.stderr or b"", re.IGNORECASE):
            return "it asks for a token, so set RAY_AUTH_MODE=token here, and have its token in ~/.ray/auth_token"
        return "the server there is not Ray" if parts else "it did not answer in time"
    if probe.returncode == 0:
        return ""
    return " ".join(probe.stdout.split()).rstrip(".") or "its process ended without a message"
