"""Passes of a model over a source: an epoch of training, an evaluation, a prediction. The driver runs them."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from mlplab.engine import compile_cache, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import BatchCalls
from mlplab.engine.loop import Loop
from mlplab.engine.member import Member
from mlplab.engine.source import Source
from mlplab.engine.step_loop import StepLoop
from mlplab.errors import ModelError, TrainingError


@dataclass
class Pass:
    """One model's pass over one source: training, evaluation or prediction.

    Attributes:
        kind, key, traced, packed: which compiled loop it takes, see `compile_cache.compiled_loop`.
        carry, weights: what the loop starts with, and the weights that it only reads.
        finish: makes the result of the carry after the last step, and of the outputs of the steps of each segment.
        watch: called after a piece with the steps done and the carry, unless models are stacked; returns whether the
            pass ends there.
        count: called with each number of steps that were done.
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
    count: Callable[[int], object] = lambda steps: None
    calls: BatchCalls | None = None
    traced: Collection[str] = ()
    packed: bool = True
    position: int = 0
    seed: tuple[int, int] = (0, 0)
    loops: dict[Hashable, Loop | StepLoop] = field(default_factory=dict)
    result: Any = None

    @property
    def step_by_step(self) -> bool:
        """Whether the steps run one by one, for callbacks that see every batch."""
        return self.calls is not None and self.calls.step_by_step


def training(member: Member, packed: bool) -> Pass:
    """An epoch of a member."""
    model = member.model
    before = state.read(model)
    calls = BatchCalls(
        model,
        member.callbacks,
        "train",
        logs=lambda carry: compile_cache.results(model, carry[0].metrics, carry[1]),
        values=lambda carry: carry[0]._asdict(),
        read=lambda carry, values: (state.State(**values), carry[1]),
    )

    def finish(carry: Any, outputs: list[Any]) -> None:
        after, logs = carry
        calls.undo()
        try:
            member.take(after, compile_cache.results(model, after.metrics, logs))
        except TrainingError as error:
            member.failure = str(error)

    carry = before, compile_cache.first_logs(model, "train_step", before, member.shapes)
    epoch = Pass("train", model, member.source, member.signature, carry, None, finish, calls.after_piece, calls=calls)
    return replace(
        epoch,
        traced=member.traced or (),
        packed=packed,
        position=member.position,
        seed=member.seed,
        loops=member.loops,
    )


def validation(member: Member) -> Pass:
    """An evaluation of a member on its validation data."""
    assert member.validation is not None
    whole = evaluation(member.model, member.validation, member.validation_shapes, member.signature, member.callbacks)
    return replace(whole, traced=member.traced or (), loops=member.loops)


def evaluation(
    model: keras.Model, source: Source, shapes: Any, key: Hashable, callbacks: keras.callbacks.CallbackList
) -> Pass:
    """A pass whose result is loss and metrics by name."""
    model.reset_metrics()
    before = state.read(model)
    parts = before.trainable, before.non_trainable, before.metrics

    calls = BatchCalls(
        model,
        callbacks,
        "test",
        logs=lambda carry: compile_cache.results(model, *carry[1:]),
        values=lambda carry: {"non_trainable": carry[0], "metrics": carry[1]},
        read=lambda carry, values: (values["non_trainable"], values["metrics"], carry[2]),
    )

    def finish(carry: Any, outputs: list[Any]) -> dict[str, Any]:
        non_trainable, metrics, logs = carry
        calls.undo()
        state.write(model, before._replace(non_trainable=non_trainable, metrics=metrics))
        return compile_cache.results(model, metrics, logs)

    carry = *parts[1:], compile_cache.first_logs(model, "test_step", parts, shapes)
    return Pass("test", model, source, key, carry, before.trainable, finish, calls.after_piece, calls=calls)


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
