"""The one way in which models are trained, evaluated and predicted: passes over sources, on all devices.

A model alone is a list of one. Models that share a compiled program keep all else for themselves: weights, order,
random numbers, callbacks and History.

A processor's core gets one model at a time, since there a step of sixteen networks takes as long as sixteen steps.
Each core is a device that takes the next model when it has done one. So a member's numbers are those of training it
alone, bit for bit. A GPU gets several models in a call: their states stacked, and a `vmap` of the epoch over them.
"""

import contextlib
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from mlplab.engine import compile_cache, traced_hyperparameters
from mlplab.engine.backend import free_memory, on_cpu
from mlplab.engine.devices import Device, Devices, Job
from mlplab.engine.forms import model_access
from mlplab.engine.loop import Loop
from mlplab.engine.member import Member, choose_traced
from mlplab.engine.passes import Pass, training, validation
from mlplab.engine.source import ArraySource, Source, batch_shapes
from mlplab.engine.step_loop import StepLoop

MOST_STACKED = 64
"""Models in one call on a GPU, at most."""

Progress = Callable[[int, Sequence[Member]], None]
"""Called a few times a second with the steps done by all members together, and the members."""


def fit_members(members: Sequence[Member], *, packed: bool = True, progress: Progress | None = None) -> None:
    """Train all members to their ends. A member that has done an epoch waits until all others have begun it.

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
    _run_all([_epochs(member, packed, count) for member in members])
    for member in members:
        if member.failure is None:
            member.end()


def run(passes: Sequence[Pass]) -> list[Any]:
    """Do all passes and return their results."""
    _run_all([iter((each,)) for each in passes])
    return [each.result for each in passes]


def _epochs(member: Member, packed: bool, count: Callable[[int], None]) -> Iterator[Pass]:
    """Yield the passes of a member's training; the next one is wanted when a pass is done."""
    while member.active:
        member.begin_epoch()
        yield replace(training(member, packed), count=count)
        if member.failure is None and member.is_validated:
            member.begin_validation()
            yield (evaluated := validation(member))
            member.take_validation(evaluated.result)
        if member.failure is None:
            member.end_epoch()
        count(0)


def _run_all(sequences: Sequence[Iterator[Pass]]) -> None:
    """Do the passes of all sequences on all devices, those of one sequence in order.

    On a CPU each pass is a call, and its sequence goes on when it is done. On a GPU those that share a program are
    stacked, and all sequences go on when all passes are done.
    """
    wanted, running = list(sequences), dict[Job, list[Iterator[Pass]]]()
    with Devices() as devices:
        while wanted:
            with model_access:
                began = [(each, sequence) for sequence in wanted if (each := next(sequence, None)) is not None]
                sequence_of = {id(each): sequence for each, sequence in began}
                for group in groups([each for each, _ in began], len(devices)):
                    job = _job(group)
                    running[job] = [sequence_of[id(each)] for each in group]
                    devices.start(job)
            wanted = [sequence for job in devices.finished(all_jobs=not on_cpu()) for sequence in running.pop(job)]


def groups(passes: Sequence[Pass], devices: int) -> Iterator[list[Pass]]:
    """Put the passes in groups, each for one call of one program."""
    together: dict[Hashable, list[Pass]] = {}
    for each in passes:
        # A model whose pass may end before the others' gets a call of its own.
        alone = id(each) if each.step_by_step else None
        together.setdefault((each.key, _layout(each.source), alone), []).append(each)
    for group in together.values():
        size = _group_size(group, devices)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def _layout(source: Source) -> Hashable:
    """Return a key that is equal for sources whose segments can be stacked: same arrays, steps of the same sizes."""
    if not (isinstance(source, ArraySource) and source.stays_on_device):
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


def _job(group: Sequence[Pass]) -> Job:
    """Prepare one call. All that looks into the models is done here."""
    first = group[0]
    name = first.kind, first.key, first.packed, first.step_by_step
    if name not in first.loops:
        first.loops[name] = compile_cache.compiled_loop(
            first.kind, first.model, first.source.batch, first.key, first.traced, first.packed, first.step_by_step
        )
    loop = first.loops[name]
    numbers = [traced_hyperparameters.arguments(each.model, each.traced) for each in group]
    for each in group:
        each.loops[name] = loop  # kept there while they train, also when the cache drops it
    if isinstance(loop, StepLoop):
        return partial(_run_steps, first, loop, (numbers[0], first.weights))
    return partial(_run_pieces, group, loop, [(n, each.weights) for n, each in zip(numbers, group, strict=True)])


def _run_pieces(group: Sequence[Pass], loop: Loop, fixed: Sequence[Any], device: Device) -> None:
    """Do the passes of a group in pieces of many steps."""
    counted = 0

    def between_pieces(steps: int, carry: Any) -> bool:
        nonlocal counted
        group[0].count((steps - counted) * len(group))
        counted = steps
        ends = len(group) == 1 and group[0].watch(steps, carry)
        device.check_stop()
        return bool(ends)

    segments = [device.segments(each.source, each.position) for each in group]
    try:
        results = loop(
            [each.carry for each in group],
            fixed,
            segments,
            seeds=[each.seed for each in group],
            progress=between_pieces,
            device=device.device,
        )
    finally:
        for each in segments:
            each.close()
    for each, (carry, outputs) in zip(group, results, strict=True):
        each.result = each.finish(carry, outputs)


def _run_steps(each: Pass, loop: StepLoop, fixed: Any, device: Device) -> None:
    """Do a pass step by step, with its callbacks between the steps."""
    calls = each.calls
    assert calls is not None

    def between_steps() -> None:
        each.count(1)
        device.check_stop()

    try:
        with contextlib.closing(device.segments(each.source, each.position)) as segments:
            carry = loop(
                each.carry, fixed, segments, calls, seed=each.seed, progress=between_steps, device=device.device
            )
        each.result = each.finish(calls.end(carry), [])
    except BaseException:
        calls.undo()
        raise
