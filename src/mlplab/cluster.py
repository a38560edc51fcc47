"""Where tasks are carried out: in this process, or on the nodes of a Ray cluster. Ray is imported here alone.

A task is a function of what all tasks share and of what is its own. What they share goes once into the cluster's
object store. Tasks of a node that dies are carried out again on another.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import logging
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from mlplab.errors import ClusterError, MlplabError, UsageError
from mlplab.runs import machine

_log = logging.getLogger("mlplab")

Result = TypeVar("Result")
Function = Callable[[Any, Any, Any], Result]
"""`function(shared, task, progress)`; it, its arguments and what it returns are pickled where they travel."""

_ANSWER_SECONDS = 12.0
"""Within which a cluster has to answer; Ray itself would go on asking for minutes."""
_GRACE_SECONDS = 0.5
_RETRIES = 3
_STORE_BYTES = 512 * 2**20
"""Of a Ray of our own. Memory is taken as it is used, and what does not fit goes to the disk."""
_QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its default warns of a change to come
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # lines that Ray would print on standard output
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of tasks whose results nobody waits for any more
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": "1",  # a task too large for the memory would otherwise be begun again for ever
}
_PROBE = """
import sys, ray
try:
    ray.init(sys.argv[1], log_to_driver=False, logging_level="DEBUG")
except BaseException as error:
    print(error)
    sys.exit(1)
"""
_ADDRESS = re.compile(r"(?P<client>ray://)?(?P<host>[\w.-]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})", re.ASCII)


class Workers(Protocol):
    """What carries out tasks."""

    @property
    def slots(self) -> int:
        """Tasks that are carried out at once."""
        ...

    @property
    def threads(self) -> int:
        """Threads that a task computes with."""
        ...

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """The position of each task and `function(shared, task, progress)`, in the order in which they are done.

        `progress` is passed on in this process; on a cluster a task gets None.

        An iterator that is left early, or by an error, leaves no task behind.

        Raises:
            MlplabError: that a task raised, as it raised it; no further task is begun.
            ClusterError: if a task was lost, and lost again each time that it was begun anew.
        """
        ...


class Here:
    """Carries out tasks in this process, one after the other."""

    slots = 1

    @property
    def threads(self) -> int:
        """All that this process may use."""
        return machine.threads()

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """See `Workers.map`; in the order of the tasks."""
        for position, task in enumerate(tasks):
            yield position, function(shared, task, progress)


@contextlib.contextmanager
def workers(ray: str | None, *, cpus_per_task: int | None = None) -> Iterator[Workers]:
    """What carries out tasks, for as long as the context lasts.

    A Ray that was started for this is stopped afterwards. A cluster stays as it was, without the tasks; so does a
    connection that this process had before.

    Args:
        ray: `None` for this process; `"local"` for a Ray of our own on this machine; the address of a cluster:
            `"HOST:PORT"` from one of its machines, `"ray://HOST:PORT"` from any other, `"auto"` for the one that
            runs on this machine.
        cpus_per_task: processors that a task computes with, and JAX devices that it has; by default two, or one where
            no node has more. Where JAX supports GPUs and the cluster has some, a task has a GPU to itself.

    Raises:
        UsageError: if `ray` is no address, or the package is missing.
        ClusterError: if no cluster answers within 15 seconds, or none of its nodes can carry out a task.
    """
    if ray is None:
        yield Here()
        return
    _check_address(ray)
    if cpus_per_task is not None and cpus_per_task < 1:
        raise UsageError(f"cpus_per_task must be a whole number from 1 on; got {cpus_per_task}.")
    deadline = time.monotonic() + _ANSWER_SECONDS
    with _quiet():  # before Ray is imported, which reads some of it
        package = _package()
        with _connected(package, ray, deadline):
            yield OnRay(package, cpus_per_task)


class OnRay:
    """Carries out tasks on the nodes of the cluster that this process is connected to; made by `workers`."""

    def __init__(self, ray: Any, cpus_per_task: int | None = None):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = int(max(node.get("CPU", 0) for node in nodes))
        cpus = min(2, max(1, most)) if cpus_per_task is None else cpus_per_task
        gpus = int(_has_gpu_support() and any(node.get("GPU", 0) >= 1 for node in nodes))
        wanted = {"CPU": cpus, "GPU": gpus}
        fits = [min(int(node.get(kind, 0) // n) for kind, n in wanted.items() if n) for node in nodes]
        if not sum(fits):
            raise ClusterError(
                f"A task takes {cpus} processors of one machine, and no machine of the cluster has more than {most}."
            )
        self.slots, self.threads, self._ray = sum(fits), cpus, ray
        # XLA splits sums among its threads. So their number is the task's, not the machine's; XLA reads it in NPROC.
        # max_calls: Ray would end a process that used a GPU after each task, and with it all that JAX has compiled.
        self._begin = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_calls=0,
            max_retries=_RETRIES,
            retry_exceptions=False,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": {"KERAS_BACKEND": "jax", "MLPLAB_DEVICES": str(cpus), "NPROC": str(cpus)}},
        )(_carry_out)
        self._stored: tuple[Any, Any] = (None, None)
        self._told: set[str] = set()

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """See `Workers.map`. What was shared last stays in the object store, and need not be put there again."""
        if self._stored[0] is not shared:
            self._stored = (shared, self._ray.put(shared))
        waiting = {self._begin.remote(function, self._stored[1], task): i for i, task in enumerate(tasks)}
        try:
            while waiting:
                [done], _ = self._ray.wait(list(waiting), num_returns=1)
                result = self._result_of(done, waiting[done])
                yield waiting.pop(done), result
        finally:
            if waiting:
                self._cancel(list(waiting))

    def _cancel(self, references: list[Any]) -> None:
        """End what runs, and begin nothing that does not yet."""
        # Ray aborts our own process where a task is done in the very moment in which it is cancelled ("Tried to
        # complete task that was not pending"). So those that are about to be done are given time for it.
        _, left = self._ray.wait(references, num_returns=len(references), timeout=_GRACE_SECONDS)
        for reference in reversed(left):  # the last first: otherwise processors that become free would begin others
            self._ray.cancel(reference, force=True)  # a compiled loop hears nothing milder

    def _result_of(self, reference: Any, position: int) -> Any:
        exceptions = self._ray.exceptions
        try:
            result, node, versions = self._ray.get(reference)
        except exceptions.RayTaskError as error:
            if missing := re.search("No module named .*", str(error)):
                raise ClusterError(
                    f"A node of the cluster lacks what the task needs: {missing[0]}. Install mlplab on all nodes, in "
                    "the same version, in the Python that Ray was started with."
                ) from error
            raise
        except exceptions.RayError as error:
            raise ClusterError(
                f"Task {position} was begun {1 + _RETRIES} times, and each time its process or node was lost, perhaps "
                f"for want of memory. Ray says: {_first_line(error)}"
            ) from error
        if isinstance(result, MlplabError):
            raise result
        self._compare(node, versions)
        return result

    def _compare(self, node: str, versions: dict[str, str]) -> None:
        """Warn, once for each node, of versions that differ from ours."""
        ours = _versions()
        differ = [f"{name} {versions.get(name)}, not {ours[name]}" for name in ours if versions.get(name) != ours[name]]
        if differ and node not in self._told:
            self._told.add(node)
            warnings.warn(
                f"The node {node} has {', '.join(differ)} as this machine: its results may differ from those here.",
                stacklevel=4,
            )


def _carry_out(function: Function[Result], shared: Any, task: Any) -> tuple[Result | MlplabError, str, dict[str, str]]:
    """In a process of the cluster: the result, and where it comes from. Our own errors travel as values, unchanged."""
    try:
        result = function(shared, task, None)
    except MlplabError as error:
        result = error
    return result, platform.node(), _versions()


@functools.cache
def _versions() -> dict[str, str]:
    return machine.versions()


def _package() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise UsageError(
            'Clusters need the package ray, which is not installed: pip install "mlplab[cluster]"'
        ) from error
    return ray


def _has_gpu_support() -> bool:
    """Whether JAX has a plugin for another device than the CPU, on this machine and so on nodes that are like it."""
    return bool(importlib.metadata.entry_points(group="jax_plugins"))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _check_address(address: str) -> None:
    found = _ADDRESS.fullmatch(address)
    if address not in ("local", "auto") and (found is None or not 0 < int(found["port"]) < 2**16):
        raise UsageError(
            f"ray must be 'local', 'auto', or a cluster's address such as 10.0.0.5:6379 or ray://10.0.0.5:10001; "
            f"got {address!r}."
        )
    if found and found["client"] and importlib.util.find_spec("grpc") is None:
        raise UsageError('Addresses that begin with ray:// need a further package: pip install "ray[client]"')


@contextlib.contextmanager
def _connected(ray: Any, address: str, deadline: float) -> Iterator[None]:
    if ray.is_initialized():
        present = ray.get_runtime_context().gcs_address
        if address not in ("local", "auto", present):
            raise UsageError(
                f"This process is connected to the Ray at {present} already: call ray.shutdown() before it uses the "
                f"one at {address}."
            )
        yield
        return
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)  # Ray puts its own in its place, and leaves it there
    try:
        with warnings.catch_warnings():
            # Ray starts programs, and forks for that. JAX warns of forks; those which start a program are harmless.
            warnings.filterwarnings("ignore", r"os\.fork", RuntimeWarning)
            _connect(ray, address, deadline)
        yield
    finally:
        ray.shutdown()
        if main:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Ray says nothing on its own, unless it was told to, and what it sets in the environment is gone afterwards."""
    before = set(os.environ)
    os.environ.update({name: value for name, value in _QUIET.items() if name not in before})
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            if name.startswith(("RAY_", "PYTHONBREAKPOINT")):  # others are not Ray's
                del os.environ[name]


def _connect(ray: Any, address: str, deadline: float) -> None:
    silent = {"log_to_driver": False, "logging_level": "CRITICAL"}
    _log.info("Starting Ray on this machine …" if address == "local" else f"Connecting to the Ray at {address} …")
    if address == "local":
        ray.init(
            "local", num_cpus=machine.threads(), object_store_memory=_STORE_BYTES, include_dashboard=False, **silent
        )
        return
    reason = _why_no_answer(address, deadline)
    if reason:
        raise ClusterError(
            f"No Ray cluster that can be used answers at {address}: {reason}. 'ray start --head' starts one and prints "
            "its address; docs/cluster.md tells more."
        )
    ray.init(address, **silent)


def _why_no_answer(address: str, deadline: float) -> str:
    """Empty if a cluster answers. Asked in a process of its own, as Ray's asking cannot be cut short."""
    found = _ADDRESS.fullmatch(address)
    if found:
        try:
            socket.create_connection((found["host"].strip("[]"), int(found["port"])), timeout=5).close()
        except OSError as error:
            return error.strerror or str(error)
    try:
        asked = subprocess.run(
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
        return "what listens there does not speak as Ray does" if found else "it was not heard of in time"
    return (
        ""
        if asked.returncode == 0
        else " ".join(asked.stdout.split()).rstrip(".") or "its process ended without a word"
    )
