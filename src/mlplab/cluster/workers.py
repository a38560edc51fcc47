"""Workers that carry out tasks: this process, or the nodes of a Ray cluster.

A task is a function of a value that all tasks share and of a value of its own. The shared value goes into the
cluster's object store once. Tasks of a node that dies are carried out again on another.
"""

import contextlib
import importlib.metadata
import logging
import platform
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mlplab.cluster.connection import connected
from mlplab.errors import ClusterError, MlplabError, require_whole
from mlplab.runs import machine, travel

_log = logging.getLogger("mlplab")

Result = TypeVar("Result")
Function = Callable[[Any, Any, Any], Result]
"""`function(shared, task, progress)`. On a cluster, the function, its arguments and its result are pickled."""

_GRACE_SECONDS = 0.5
_CANCEL_SECONDS, _CANCEL_TRIES = 2.0, 5
_RETRIES = 3


class Workers:
    """Carries out tasks in this process, one after the other. `OnRay` does so on a cluster.

    Attributes:
        slots: tasks that run at the same time.
        threads: threads that a task computes with.
    """

    def __init__(self) -> None:
        self.slots, self.threads = 1, machine.threads()

    def networks_per_task(self, networks: int) -> int:
        """How many of these networks one task should train. Here all of them: together, they use every processor."""
        return networks

    def map(
        self, function: Function[Result], tasks: Sequence[Any], *, shared: Any = None, progress: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield the position of each task and `function(shared, task, progress)`, in the order of completion.

        Closing the iterator, or an error, ends all tasks. `progress` is a function of this process; tasks in other
        processes are given None.

        Raises:
            MlplabError: raised by a task; it is raised unchanged, and no further task is started.
            ClusterError: if a task was lost each time that it was started.
        """
        for position, task in enumerate(tasks):
            yield position, function(shared, task, progress)

    def map_directories(
        self, function: Function[Result], groups: Sequence[Sequence[Path]], *, shared: Any = None, local: Any = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield the position of each group and `function(shared, paths, local)`, which trains unfinished runs further.

        This process trains them in their place. To a cluster they travel, each with its checkpoint, and replace the
        directories here when they come back. `local` is a value of this process; other processes are given None.
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
        UsageError: if `ray` is not an address.
        MissingPackageError: if Ray is not installed.
        ClusterError: if no cluster answers within 15 seconds, or none of its nodes can carry out a task.
    """
    if ray is None:
        yield Workers()
        return
    if cpus_per_task is not None:
        require_whole("cpus_per_task", cpus_per_task)
    with connected(ray) as package:
        yield OnRay(package, cpus_per_task)


class OnRay(Workers):
    """Carries out tasks on the nodes of the cluster that this process is connected to; made by `workers`."""

    def __init__(self, ray: Any, cpus_per_task: int | None = None):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        most = int(max(node.get("CPU", 0) for node in nodes))
        cpus = min(2, max(1, most)) if cpus_per_task is None else cpus_per_task
        # JAX has a plugin for other devices than the CPU on this machine, and so on nodes that are like it.
        has_gpu_support = bool(importlib.metadata.entry_points(group="jax_plugins"))
        gpus = int(has_gpu_support and any(node.get("GPU", 0) >= 1 for node in nodes))
        wanted = {"CPU": cpus, "GPU": gpus}
        fits = [min(int(node.get(kind, 0) // n) for kind, n in wanted.items() if n) for node in nodes]
        if not sum(fits):
            raise ClusterError(
                f"A task takes {cpus} processors of one machine, and no machine of the cluster has more than {most}."
            )
        self.slots, self.threads = sum(fits), cpus
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
        # task that was not pending"). So tasks that are about to complete are given time for it. A task that is just
        # being started may not hear of it, so those that have not ended after a while are cancelled again.
        running = references
        for seconds in (_GRACE_SECONDS, *[_CANCEL_SECONDS] * _CANCEL_TRIES):
            _, running = self._ray.wait(running, num_returns=len(running), timeout=seconds)
            if not running:
                return
            for reference in reversed(running):  # the last first: otherwise free processors would start others
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
            said = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise ClusterError(
                f"Task {position} was started {1 + _RETRIES} times, and each time its process or node was lost, "
                f"perhaps for lack of memory. Ray says: {said}"
            ) from error
        if isinstance(result, MlplabError):
            raise result
        self._compare(node, versions)
        return result

    def _compare(self, node: str, versions: dict[str, str]) -> None:
        """Warn, once for each node, of versions that differ from ours."""
        ours = machine.versions()
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
    return result, platform.node(), machine.versions()


def _carry_out_directories(shared: Any, task: tuple[Function[Result], dict[str, travel.Content]], _: Any) -> Any:
    """In a process of the cluster: the files of the run directories afterwards, and the result."""
    function, contents = task
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in contents]
        for path in paths:
            travel.unpack(path, contents[path.name])
        result = function(shared, paths, None)
        return {path.name: travel.pack(path) for path in paths}, result
