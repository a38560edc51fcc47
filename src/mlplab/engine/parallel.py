"""Many models at once, spread over all devices.

Models whose steps differ in nothing but their states and the numbers that `varied` knows share one compiled program. A
member is what it would be alone: its weights, order, random numbers, callbacks and History are its own.

A GPU gets as many members a call as are good for it: their states stacked, and a `vmap` of the epoch over them. A
processor's core gets one at a time, since there a step of sixteen networks takes as long as sixteen steps: each core
is a device of its own, that takes the next member when it is done with one. So on a processor a member's numbers are
those of training it alone, bit for bit.
"""

import queue
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

from mlplab.engine import compile_cache, state, traced_hyperparameters
from mlplab.engine.backend import free_memory, keras, on_cpu
from mlplab.engine.member import Member
from mlplab.engine.source import ArraySource, Segment, Source, batch_shapes
from mlplab.errors import TrainingError

MOST_LANES = 64
"""Members in one call on a GPU, at most."""

Progress = Callable[[int, Sequence[Member]], None]
"""Called a few times a second with the steps done, over all members, and the members, whose `told` tells the rest."""


def fit_members(members: Sequence[Member], *, packed: bool = True, progress: Progress | None = None) -> None:
    """Train all members to their ends, in step: each does its next epoch, then each its next.

    A member whose loss or weights are no longer finite is set aside: its model stays as after its last good epoch,
    `failure` says why, and the others go on.

    Args:
        members: of any architectures and sources. Those that share a program are trained together.
        packed: as in `fit`.
        progress: see `Progress`. Called in one thread at a time.
    """
    for member in members:
        member.begin()
    with compile_cache.all_kept(), _Devices() as devices:
        count = _Count(members, progress)
        while active := [member for member in members if member.active]:
            for member in active:
                member.begin_epoch()
            groups = _together(active, lambda member: member.source)
            devices.run([_training(lanes, packed, count) for lanes in groups])
            validated = [member for member in active if member.failure is None and member.is_validated]
            groups = _together(validated, lambda member: member.validation)
            devices.run([_validation(lanes) for lanes in groups])
            for member in active:
                if member.failure is None:
                    member.end_epoch()
            count.tell()
    for member in members:
        if member.failure is None:
            member.end()


def predict_models(models: Sequence[keras.Model], source: ArraySource) -> np.ndarray:
    """The outputs of built models of one architecture and one output, for all rows of a source: (models, n, …)."""
    before = [state.read(model) for model in models]
    batch = keras.utils.pack_x_y_sample_weight(*batch_shapes(source))
    shapes, _ = jax.eval_shape(models[0].predict_step, (before[0].trainable, before[0].non_trainable), batch)
    loop = compile_cache.predict_loop(models[0], source.batch, lanes=True)
    predicted = np.empty((len(models), source.rows, *shapes.shape[1:]), shapes.dtype)

    def predicting(lanes: range) -> Job:
        def job(device: _Device) -> None:
            _, outputs, _ = loop(
                _stacked([(before[i].non_trainable, np.zeros_like(predicted[i]), np.int32(0)) for i in lanes]),
                (None, _stacked([before[i].trainable for i in lanes])),
                device.segments(source, [source.segments(0) for _ in lanes]),
                seed=_stacked([_seed((0, 0)) for _ in lanes]),
                progress=device.look,
                device=device.device,
            )
            for i, outputs_of_one in zip(lanes, _unstacked(outputs, len(lanes)), strict=True):
                predicted[i] = outputs_of_one

        return job

    size = _lanes(len(models), before[0], predicted[0])
    with _Devices() as devices:
        everybody = range(len(models))
        devices.run([predicting(everybody[start : start + size]) for start in everybody[::size]])
    return predicted


class _Device:
    """A device, and the arrays that are on it."""

    def __init__(self, device: Any, stop: threading.Event):
        self.device = device
        self._stop = stop
        self._arrays: dict[tuple[int, ...], Any] = {}

    def segments(self, source: Source, each: Sequence[Iterator[Segment]]) -> Iterator[Segment]:
        """The members' segments, stacked; arrays that they have in common go to the device once.

        Args:
            source: of one of the members. Arrays that it makes anew in each epoch are not kept.
            each: a member's segments, for each.
        """
        for segments in zip(*each, strict=True):
            arrays = segments[0].arrays
            if isinstance(source, ArraySource):
                arrays = self._there(arrays)
            yield Segment(arrays, _stacked([segment.indices for segment in segments]))

    def _there(self, arrays: Any) -> Any:
        key = tuple(id(leaf) for leaf in jax.tree.leaves(arrays))
        if key not in self._arrays:
            # With the originals, so that no other array can take their place in memory, and so their ids.
            self._arrays[key] = (jax.device_put(arrays, self.device), arrays)
        return self._arrays[key][0]

    def look(self, *_: Any) -> None:
        """Called between pieces: end the job if it is not wanted any more, after Ctrl-C say."""
        if self._stop.is_set():
            raise _StoppedError


class _StoppedError(Exception):
    pass


Job = Callable[[_Device], None]


class _Devices:
    """All devices, each with a thread that hands it the next job."""

    def __enter__(self) -> "_Devices":
        self._stop = threading.Event()
        self._free: queue.SimpleQueue[_Device] = queue.SimpleQueue()
        devices = jax.local_devices()
        for device in devices:
            self._free.put(_Device(device, self._stop))
        self._pool = ThreadPoolExecutor(len(devices), thread_name_prefix="device")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def run(self, jobs: Sequence[Job]) -> None:
        """Do all jobs. What one of them raises, or Ctrl-C, is raised here, and ends those under way."""
        futures = [self._pool.submit(self._do, job) for job in jobs]
        for future in futures:
            future.result()

    def _do(self, job: Job) -> None:
        device = self._free.get()
        try:
            job(device)
        finally:
            self._free.put(device)


class _Count:
    """Steps done over all members, told to whoever wants to know."""

    def __init__(self, members: Sequence[Member], progress: Progress | None):
        self._members, self._progress = members, progress
        self._done = 0
        self._lock = threading.Lock()

    def watching(self, device: _Device, lanes: int) -> Callable[[int, Any], None]:
        """What a loop calls between its pieces."""
        before = 0

        def between(steps: int, _: Any) -> None:
            nonlocal before
            device.look()
            with self._lock:
                self._done += (steps - before) * lanes
                before = steps
                self.tell()

        return between

    def tell(self) -> None:
        if self._progress is not None:
            self._progress(self._done, self._members)


def _together(members: Sequence[Member], source: Callable[[Member], Any]) -> Iterator[list[Member]]:
    """The members in groups, each for one call of one program."""
    groups: dict[Hashable, list[Member]] = {}
    for member in members:
        groups.setdefault((member.kind, _layout(source(member))), []).append(member)
    for group in groups.values():
        size = _lanes(len(group), state.variables(group[0].model), group[0].shapes)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _layout(source: Source) -> Hashable:
    """Equal for sources whose segments can be stacked: over the same arrays, with steps of the same sizes."""
    if not isinstance(source, ArraySource):
        return id(source)
    return source.batch, source.rows, source.batch_size, *(id(leaf) for leaf in jax.tree.leaves(source.arrays))


def _lanes(count: int, *held: Any) -> int:
    """How many of `count` members go into one call: all devices have work, calls of one size share a compilation.

    Args:
        held: arrays, variables or shapes of what each member has on its device; several times while a call lasts.
    """
    if on_cpu():
        return 1
    of_one = sum(4 * int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(held))
    most = min(MOST_LANES, free_memory() // (8 * of_one), -(-count // len(jax.local_devices())))
    return -(-count // -(-count // max(1, most)))


def _training(members: list[Member], packed: bool, count: _Count) -> Job:
    """An epoch of members that share a program. What looks into the models is done here, before any is traced."""
    first = members[0]
    if "train" not in first.loops:
        first.loops["train"] = compile_cache.train_loop(first.template, first.source.batch, packed, lanes=True)
    loop = first.loops["train"]
    before = [state.read(member.model) for member in members]
    logs = compile_cache.first_logs(first.template, "train_step", before[0], first.shapes)
    numbers = [traced_hyperparameters.numbers(member.model) for member in members]

    def job(device: _Device) -> None:
        carry = loop(
            _stacked([(each, logs) for each in before]),
            (_stacked(numbers), None),
            device.segments(first.source, [member.source.segments(member.position) for member in members]),
            seed=_stacked([_seed(member.seed) for member in members]),
            progress=count.watching(device, len(members)),
            device=device.device,
        )
        for member, (after, own) in zip(members, _unstacked(carry, len(members)), strict=True):
            try:
                member.take(after, compile_cache.results(first.template, after.metrics, own))
            except TrainingError as error:
                member.failure = str(error)

    return job


def _validation(members: list[Member]) -> Job:
    """A look at the validation data by members that share a program."""
    first, source = members[0], members[0].validation
    assert source is not None
    for member in members:
        member.callbacks.on_test_begin()
        member.model.reset_metrics()
    if "evaluate" not in first.loops:
        first.loops["evaluate"] = compile_cache.evaluate_loop(first.template, source.batch, lanes=True)
    loop = first.loops["evaluate"]
    before = [state.read(member.model) for member in members]
    parts = (before[0].trainable, before[0].non_trainable, before[0].metrics)
    logs = compile_cache.first_logs(first.template, "test_step", parts, first.validation_shapes)
    numbers = [traced_hyperparameters.numbers(member.model) for member in members]

    def job(device: _Device) -> None:
        carry = loop(
            _stacked([(each.non_trainable, each.metrics, logs) for each in before]),
            (_stacked(numbers), _stacked([each.trainable for each in before])),
            device.segments(source, [source.segments(0) for _ in members]),
            seed=_stacked([_seed((0, 0)) for _ in members]),
            progress=device.look,
            device=device.device,
        )
        found = zip(members, before, _unstacked(carry, len(members)), strict=True)
        for member, each, (non_trainable, metrics, own) in found:
            state.write(member.model, each._replace(non_trainable=non_trainable, metrics=metrics))
            member.take_validation(compile_cache.results(first.template, metrics, own))

    return job


def _stacked(trees: Sequence[Any]) -> Any:
    """What a loop takes for these members: one tree with a leading axis; on a processor, the one member's own."""
    return trees[0] if on_cpu() else jax.tree.map(lambda *arrays: np.stack(arrays), *trees)


def _unstacked(tree: Any, count: int) -> list[Any]:
    """The inverse of `_stacked`, in NumPy arrays."""
    tree = jax.tree.map(np.asarray, tree)
    return [tree] if on_cpu() else [jax.tree.map(lambda array: array[i], tree) for i in range(count)]  # noqa: B023


def _seed(pair: tuple[int, int]) -> np.ndarray:
    return np.array(pair, np.uint64).astype(np.uint32)
