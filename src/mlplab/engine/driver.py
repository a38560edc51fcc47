"""The one way in which models are trained, evaluated and predicted: passes over sources, on all devices.

A model alone is a list of one. Models that share a compiled program keep all else for themselves: weights, order,
random numbers, callbacks and History.

A processor's core gets one model at a time, since there a step of sixteen networks takes as long as sixteen steps.
Each core is a device that takes the next model when it has done one. So a member's numbers are those of training it
alone, bit for bit. A GPU gets several models in a call: their states stacked, and a `vmap` of the epoch over them.
"""

import threading
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from mlplab.engine import compile_cache, state, traced_hyperparameters
from mlplab.engine.backend import free_memory, keras, on_cpu
from mlplab.engine.callbacks import BatchCalls
from mlplab.engine.devices import Device, Devices, Job
from mlplab.engine.loop import Loop
from mlplab.engine.member import Member, choose_traced
from mlplab.engine.source import ArraySource, Source, batch_shapes
from mlplab.errors import ModelError, TrainingError

MOST_STACKED = 64
"""Models in one call on a GPU, at most."""

Progress = Callable[[int, Sequence[Member]], None]
"""Called a few times a second with the steps done by all members together, and the members."""


def fit_members(members: Sequence[Member], *, packed: bool = True, progress: Progress | None = None) -> None:
    """Train all members to their ends, in step: each does its next epoch, then each its next.

    A member whose loss or weights are no longer finite stops: its model stays as after its last good epoch,
    `failure` says why, and the others continue.

    Args:
        members: of any architectures and sources. Those that share a program are trained together.
        packed: as in `fit`.
        progress: see `Progress`. Called in one thread at a time.
    """
    done, lock = 0, threading.Lock()

    def count(steps: int) -> None:
        nonlocal done
        with lock:
            done += steps
            if progress is not None:
                progress(done, members)

    choose_traced(members)
    for member in members:
        member.begin()
    with Devices() as devices:
        while active := [member for member in members if member.active]:
            for member in active:
                member.begin_epoch()
            run([_training(member, packed) for member in active], devices, count)
            validated = [member for member in active if member.failure is None and member.is_validated]
            for member in validated:
                member.begin_validation()
            logs = run([_validation(member) for member in validated], devices)
            for member, logs_of_member in zip(validated, logs, strict=True):
                member.take_validation(logs_of_member)
            for member in active:
                if member.failure is None:
                    member.end_epoch()
            count(0)
    for member in members:
        if member.failure is None:
            member.end()


@dataclass
class Pass:
    """One model's pass over one source: training, evaluation or prediction.

    Attributes:
        kind, key, traced, packed: which compiled loop it takes, see `compile_cache.compiled_loop`.
        carry, weights: what the loop starts with, and the weights that it only reads.
        finish: makes the result of the carry after the last step, and of the outputs of the steps of each segment.
        watch: called after a piece with the steps done and the carry, unless models are stacked; returns whether the
            pass ends there.
        calls: the callbacks that are called in the pass, if any.
        position, seed: of the source's order, and of the keys of the steps.
        loops: loops that were looked up before.
    """

    kind: compile_cache.Kind
    model: keras.Model
    source: Source
    key: Hashable
    carry: Any
    weights: Any
    finish: Callable[[Any, list[Any]], Any]
    watch: Callable[[int, Any], bool | None]
    calls: BatchCalls | None = None
    traced: Collection[str] = ()
    packed: bool = True
    position: int = 0
    seed: tuple[int, int] = (0, 0)
    loops: dict[Hashable, Loop] = field(default_factory=dict)
    result: Any = None


def _training(member: Member, packed: bool) -> Pass:
    """An epoch of a member."""
    model = member.model
    before = state.read(model)
    calls = BatchCalls(
        model,
        member.callbacks,
        "train",
        logs=lambda carry: compile_cache.results(model, carry[0].metrics, carry[1]),
        values=lambda carry: carry[0]._asdict(),
        read=lambda carry: (state.read(model), carry[1]),
    )

    def finish(carry: Any, outputs: list[Any]) -> None:
        after, logs = calls.end(carry)
        calls.undo()
        try:
            member.take(after, compile_cache.results(model, after.metrics, logs))
        except TrainingError as error:
            member.failure = str(error)

    carry = before, compile_cache.first_logs(model, "train_step", before, member.shapes)
    training = Pass("train", model, member.source, member.signature, carry, None, finish, calls.after, calls)
    return replace(
        training,
        traced=member.traced or (),
        packed=packed,
        position=member.position,
        seed=member.seed,
        loops=member.loops,
    )


def _validation(member: Member) -> Pass:
    assert member.validation is not None
    validation = evaluation(
        member.model, member.validation, member.validation_shapes, member.signature, member.callbacks
    )
    return replace(validation, traced=member.traced or (), loops=member.loops)


def evaluation(
    model: keras.Model, source: Source, shapes: Any, key: Hashable, callbacks: keras.callbacks.CallbackList
) -> Pass:
    """A pass whose result is loss and metrics by name."""
    model.reset_metrics()
    before = state.read(model)
    parts = before.trainable, before.non_trainable, before.metrics

    def read(carry: Any) -> Any:
        now = state.read(model)
        return now.non_trainable, now.metrics, carry[2]

    calls = BatchCalls(
        model,
        callbacks,
        "test",
        logs=lambda carry: compile_cache.results(model, *carry[1:]),
        values=lambda carry: {"non_trainable": carry[0], "metrics": carry[1]},
        read=read,
    )

    def finish(carry: Any, outputs: list[Any]) -> dict[str, Any]:
        non_trainable, metrics, logs = calls.end(carry)
        calls.undo()
        state.write(model, before._replace(non_trainable=non_trainable, metrics=metrics))
        return compile_cache.results(model, metrics, logs)

    carry = *parts[1:], compile_cache.first_logs(model, "test_step", parts, shapes)
    return Pass("test", model, source, key, carry, before.trainable, finish, calls.after, calls)


def prediction(
    model: keras.Model, source: Source, key: Hashable, listener: Callable[[int], object] | None = None
) -> Pass:
    """A pass whose result is the outputs of all steps, joined, and the non-trainable state after it.

    The model is only read: `state.write_non_trainable` gives it the new state.
    """
    before = state.read(model)

    def watch(steps: int, carry: Any) -> None:
        if listener is not None:
            listener(steps - 1)

    def finish(carry: Any, outputs: list[Any]) -> tuple[Any, list[Any]]:
        return jax.tree.map(lambda *parts: _joined(parts), *outputs), carry

    return Pass("predict", model, source, key, before.non_trainable, before.trainable, finish, watch)


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the outputs of the steps of several segments, each (steps, rows, …), to (rows, …): an array of its own."""
    if parts[0].ndim == 1:
        raise ModelError(
            "An output of the model is one number a batch, of shape (), and outputs of batches are joined along their "
            "first axis. Give it one: keras.ops.reshape(output, (1,))."
        )
    return np.concatenate([part.reshape(part.shape[0] * part.shape[1], *part.shape[2:]) for part in parts])


def run(
    passes: Sequence[Pass], devices: Devices | None = None, count: Callable[[int], None] | None = None
) -> list[Any]:
    """Do all passes and return their results: on a CPU one in a call, on a GPU those that share a program stacked.

    `devices` are by default all, opened for this call. `count` is called with each number of steps that were done.
    """
    if devices is None:
        with Devices() as all_devices:
            return run(passes, all_devices, count)
    devices.run([_job(group, count) for group in groups(passes, len(devices))])
    return [each.result for each in passes]


def groups(passes: Sequence[Pass], devices: int) -> Iterator[list[Pass]]:
    """Put the passes in groups, each for one call of one program."""
    together: dict[Hashable, list[Pass]] = {}
    for each in passes:
        # A model whose pass may end before the others' gets a call of its own.
        alone = id(each) if each.calls is not None and each.calls.step_by_step else None
        together.setdefault((each.key, _layout(each.source), alone), []).append(each)
    for group in together.values():
        size = _group_size(group, devices)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _layout(source: Source) -> Hashable:
    """Return a key that is equal for sources whose segments can be stacked: same arrays, steps of the same sizes."""
    if not isinstance(source, ArraySource):
        return id(source)
    return source.batch, source.rows, source.batch_size, *(id(leaf) for leaf in jax.tree.leaves(source.arrays))


def _group_size(group: Sequence[Pass], devices: int) -> int:
    """Return how many go into one call: all devices get work, and calls of one size share a compilation."""
    if on_cpu() or len(group) == 1:
        return 1
    held = jax.tree.leaves((group[0].carry, group[0].weights, batch_shapes(group[0].source)))
    # A call holds several copies of what a model has on the device.
    bytes_of_one = 8 * sum(4 * int(np.prod(leaf.shape)) for leaf in held)
    most = min(MOST_STACKED, free_memory() // max(1, bytes_of_one), -(-len(group) // devices))
    return -(-len(group) // -(-len(group) // max(1, most)))


def _job(group: Sequence[Pass], count: Callable[[int], None] | None) -> Job:
    """Prepare one call. All that looks into the models is done here, before any of them is traced."""
    first = group[0]
    name = first.kind, first.key, first.packed
    if name not in first.loops:
        first.loops[name] = compile_cache.compiled_loop(
            first.kind, first.model, first.source.batch, first.key, first.traced, first.packed
        )
    loop = first.loops[name]
    numbers = [traced_hyperparameters.arguments(each.model, each.traced) for each in group]
    for each in group:
        each.loops[name] = loop  # kept there while they train, also when the cache drops it

    calls = first.calls if len(group) == 1 else None

    def job(device: Device) -> None:
        counted = 0

        def between_pieces(steps: int, carry: Any) -> bool:
            nonlocal counted
            if count is not None:
                count((steps - counted) * len(group))
                counted = steps
            ends = len(group) == 1 and first.watch(steps, carry)
            device.check_stop()
            return bool(ends)

        step_by_step = calls is not None and calls.step_by_step
        segments = [device.segments(each.source, each.position, step_by_step) for each in group]
        try:
            results = loop(
                [each.carry for each in group],
                [(values, each.weights) for values, each in zip(numbers, group, strict=True)],
                segments,
                seeds=[each.seed for each in group],
                before_piece=calls and calls.before,
                progress=between_pieces,
                device=device.device,
            )
        except BaseException:
            if calls is not None:
                calls.undo()
            raise
        finally:
            for each in segments:
                each.close()
        for each, (carry, outputs) in zip(group, results, strict=True):
            each.result = each.finish(carry, outputs)

    return job
