"""Workers that carry out tasks: this process, or the nodes of a Ray cluster. Only this file imports Ray.

A task is a function of a value that all tasks share and of a value of its own. The shared value goes into the
cluster's object store once. Tasks of a node that dies are carried out again on another.
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
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlplab.errors import ClusterError, MlplabError, UsageError
from mlplab.runs import machine, travel

_log = logging.getLogger("mlplab")

Result = TypeVar("Result")
Function = Callable[[Any, Any, Any], Result]
"""`function(shared, task, progress)`. On a cluster, the function, its arguments and its result are pickled."""

_ANSWER_SECONDS = 12.0
"""A cluster has to answer within this time; Ray itself would wait for minutes."""
_GRACE_SECONDS = 0.5
_RETRIES = 3
_STORE_BYTES = 512 * 2**20
"""Object store of a Ray that mlplab starts. Memory is taken as it is used; the rest goes to the disk."""
_QUIET = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its default warns of a change to come
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # lines that Ray would print on standard output
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # of tasks that were cancelled
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_oom_retries": "1",  # a task too large for the memory would otherwise be started again for ever
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


class Workers:
    """Carries out tasks in this process, one after the other. `OnRay` does it on a cluster.

    Attributes:
        slots: tasks that run at the same time.
        threads: threads that a task computes with.
    """

    def __init__(self, slots: int = 1, threads: int | None = None):
        self.slots, self.threads = slots, machine.threads() if threads is None else threads

    def networks_per_task(self, networks: int) -> int:
        """How many of these networks one task should train. Here all of them: together, they use every processor."""
        return networks

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield the position of each task and `function(shared, task, progress)`, in the order of completion.

        Closing the iterator, or an error, ends all tasks.

        Args:
            function: carries out one task.
            tasks: a value for each task.
            shared: a value for all tasks.
            progress: a function of this process. Tasks in other processes are given None.

        Raises:
            MlplabError: raised by a task; it is raised unchanged, and no further task is started.
            ClusterError: if a task was lost each time that it was started.
        """
        for position, task in enumerate(tasks):
            yield position, function(shared, task, progress)

    def map_directories(
        self, function: Function[Result], groups: Sequence[Sequence[Path]], *, shared: Any = None, local: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield the position of each group and `function(shared, paths, local)`, which trains run directories further.

        This process trains them in their place. To a cluster they travel, each with its checkpoint, and replace the
        directories here when they come back.

        Args:
            function: carries out one group.
            groups: paths of unfinished runs.
            shared: a value for all groups.
            local: a value of this process. Groups in other processes are given None.
        """
        return self.map(function, groups, shared=shared, progress=local)


@contextlib.contextmanager
def workers(ray: str | None, *, cpus_per_task: int | None = None) -> Iterator[Workers]:
    """Open workers for as long as the context lasts.

    A Ray that was started for this is stopped afterwards. A cluster stays as it was, without the tasks; so does a
    connection that this process had before.

    Args:
        ray: `None` for this process; `"local"` to start a Ray on this machine; the address of a cluster:
            `"HOST:PORT"` from one of its machines, `"ray://HOST:PORT"` from any other, `"auto"` for the one that
            runs on this machine.
        cpus_per_task: processors and JAX devices of a task; by default two, or one where no node has more. Where JAX
            supports GPUs and the cluster has some, a task has a GPU to itself.

    Raises:
        UsageError: if `ray` is not an address, or the package is missing.
        ClusterError: if no cluster answers within 15 seconds, or none of its nodes can carry out a task.
    """
    if ray is None:
        yield Workers()
        return
    _check_address(ray)
    if cpus_per_task is not None and cpus_per_task < 1:
        raise UsageError(f"cpus_per_task must be a whole number from 1 on; got {cpus_per_task}.")
    deadline = time.monotonic() + _ANSWER_SECONDS
    with _quiet():  # before Ray is imported, which reads some of it
        package = _package()
        with _connected(package, ray, deadline):
            yield OnRay(package, cpus_per_task)


class OnRay(Workers):
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
        super().__init__(sum(fits), cpus)
        self._ray = ray
        # XLA splits sums among its threads. So their number is the task's, not the machine's; XLA reads it in NPROC.
        # max_calls: Ray would end a process that used a GPU after each task, with the programs that JAX compiled.
        self._start = ray.remote(
            num_cpus=cpus,
            num_gpus=gpus,
            max_calls=0,
            max_retries=_RETRIES,
            retry_exceptions=False,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": {"KERAS_BACKEND": "jax", "MLPLAB_DEVICES": str(cpus), "NPROC": str(cpus)}},
        )(_carry_out)
        self._stored: tuple[Any, Any] = (None, None)
        self._warned: set[str] = set()

    def networks_per_task(self, networks: int) -> int:
        """An equal share for each task that runs at the same time, as each has to compile; two at least."""
        return max(2, -(-networks // self.slots))  # a task has two processors

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """See `Workers.map`. The newest shared value stays in the object store, and need not be put there again."""
        if self._stored[0] is not shared:
            self._stored = (shared, self._ray.put(shared))
        waiting = {self._start.remote(function, self._stored[1], task): i for i, task in enumerate(tasks)}
        try:
            while waiting:
                [done], _ = self._ray.wait(list(waiting), num_returns=1)
                result = self._result_of(done, waiting[done])
                yield waiting.pop(done), result
        finally:
            if waiting:
                self._cancel(list(waiting))

    def map_directories(
        self, function: Function[Result], groups: Sequence[Sequence[Path]], *, shared: Any = None, local: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """See `Workers.map_directories`."""
        done = 0
        tasks = [(function, {path.name: travel.pack_unfinished(path) for path in group}) for group in groups]
        for position, (contents, result) in self.map(_carry_out_directories, tasks, shared=shared):
            for path in groups[position]:
                travel.replace(path, contents[path.name])
            done += len(groups[position])
            _log.info(f"{done} of {sum(map(len, groups))} networks are trained.")
            yield position, result

    def _cancel(self, references: list[Any]) -> None:
        """End the tasks that run, and start no other."""
        # Ray aborts this process where a task completes in the moment in which it is cancelled ("Tried to complete
        # task that was not pending"). So tasks that are about to complete are given time for it.
        _, running = self._ray.wait(references, num_returns=len(references), timeout=_GRACE_SECONDS)
        for reference in reversed(running):  # the last first: otherwise processors that become free would start others
            self._ray.cancel(reference, force=True)  # nothing milder ends a compiled loop

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
                f"Task {position} was started {1 + _RETRIES} times, and each time its process or node was lost, "
                f"perhaps for lack of memory. Ray says: {_first_line(error)}"
            ) from error
        if isinstance(result, MlplabError):
            raise result
        self._compare(node, versions)
        return result

    def _compare(self, node: str, versions: dict[str, str]) -> None:
        """Warn, once for each node, of versions that differ from ours."""
        ours = _versions()
        differ = [f"{name} {versions.get(name)}, not {ours[name]}" for name in ours if versions.get(name) != ours[name]]
        if differ and node not in self._warned:
            self._warned.add(node)
            warnings.warn(
                f"The node {node} has {', '.join(differ)} as this machine: its results may differ from those here.",
                stacklevel=4,
            )


def _carry_out(function: Function[Result], shared: Any, task: Any) -> tuple[Result | MlplabError, str, dict[str, str]]:
    """In a process of the cluster: the result, its node and its versions. Errors of mlplab travel as values."""
    try:
        result = function(shared, task, None)
    except MlplabError as error:
        result = error
    return result, platform.node(), _versions()


def _carry_out_directories(shared: Any, task: tuple[Function[Result], dict[str, travel.Content]], _: Any) -> Any:
    """In a process of the cluster: the files of the run directories afterwards, and the result."""
    function, contents = task
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in contents]
        for path in paths:
            travel.unpack(path, contents[path.name])
        result = function(shared, paths, None)
        return {path.name: travel.pack(path) for path in paths}, result


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
    parts = _ADDRESS.fullmatch(address)
    if address not in ("local", "auto") and (parts is None or not 0 < int(parts["port"]) < 2**16):
        raise UsageError(
            f"ray must be 'local', 'auto', or a cluster's address such as 10.0.0.5:6379 or ray://10.0.0.5:10001; "
            f"got {address!r}."
        )
    if parts and parts["client"] and importlib.util.find_spec("grpc") is None:
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
    """Keep Ray from printing, unless the environment asks for it; remove the variables that it sets afterwards."""
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
            "its address; docs/cluster.md describes it."
        )
    ray.init(address, **silent)


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
    return (
        ""
        if probe.returncode == 0
        else " ".join(probe.stdout.split()).rstrip(".") or "its process ended without a message"
    )
