"""A model's compiled loops: train, test, predict. Models of one architecture share them.

Tracing and compiling a step takes longer than training a small network for an epoch. A compiled loop is a pure
function of the state, by position. So it serves every model with the same signature, whichever it was traced from.
"""

from collections import OrderedDict
from collections.abc import Collection, Hashable
from functools import partial
from typing import Any, Literal

import jax
import numpy as np

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.checks import overrides, raising_model_error
from mlplab.engine.loop import Loop
from mlplab.engine.packing import Packing
from mlplab.engine.signature import signature
from mlplab.engine.source import Batch
from mlplab.engine.state import State
from mlplab.engine.step_loop import StepLoop
from mlplab.engine.traced_hyperparameters import replaced, traced_hyperparameters

KEPT = 16
"""Compiled loops kept here, each with the model that it was traced from. Members in training keep theirs beside."""

Kind = Literal["train", "test", "predict"]

_loops: OrderedDict[Hashable, tuple[keras.Model, Loop | StepLoop]] = OrderedDict()


def compiled_loop(
    kind: Kind,
    model: keras.Model,
    batch: Batch,
    key: Hashable,
    traced: Collection[str] = (),
    packed: bool = True,
    step_by_step: bool = False,
) -> Loop | StepLoop:
    """Return the loop of a model's steps.

    Its `fixed` is `(arguments, weights)`: values of the traced numbers, and for "test" and "predict" the trainable
    weights. Its carry is, by kind:

    - train: `(State, logs)`, see `first_logs`;
    - test: `(non_trainable, metrics, logs)`;
    - predict: `non_trainable`.

    A step's output is the model's outputs, or the logs of a step of training and testing, which a `Loop` leaves out.

    Args:
        key: the model's signature.
        traced: names of the numbers that are arguments of the step.
        packed: as in `fit`.
        step_by_step: return a `StepLoop`.
    """
    cache_key = (kind, packed, step_by_step, batch, key)
    template, loop = _loops.get(cache_key, (None, None))
    # A template that was changed meanwhile would be traced as another step for a new batch size.
    if (
        template is None
        or loop is None
        or (template is not model and signature(template, traced, training=kind != "predict") != key)
    ):
        template, loop = model, _new_loop(kind, model, batch, traced, packed, step_by_step)
    _loops[cache_key] = (template, loop)
    _loops.move_to_end(cache_key)
    while len(_loops) > KEPT:
        _loops.popitem(last=False)
    return loop


def first_logs(model: keras.Model, step: str, state: tuple, shapes: Any) -> dict[str, Any]:
    """Return zeros in the form of the logs that the loop carries: those of an overridden step, otherwise none.

    `step` is "train_step" or "test_step", `state` what it takes, and `shapes` a batch as `(x, y, sample_weight)`.
    """
    if not overrides(model, step, "compute_metrics"):
        return {}
    batch = keras.utils.pack_x_y_sample_weight(*shapes)
    logs = jax.eval_shape(getattr(model, step), state, batch)[0]
    return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), dict(logs))


def results(model: keras.Model, metrics: list, logs: dict[str, Any]) -> dict[str, Any]:
    """Return an epoch's logs as Keras has them: the metrics' results, unless the step logged other names.

    They are computed outside the loop, as in Keras: inside, XLA would round some of them differently. `metrics` is the
    state of the metrics after a step; `logs` is what the loop carried: the last step's own logs, or none.
    """
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, metrics, strict=True))):
        computed = model.get_metrics_result()
    return keras_internals.pythonify_logs(computed if not logs or set(computed) == set(logs) else logs)


def _new_loop(
    kind: Kind, model: keras.Model, batch: Batch, traced: Collection[str], packed: bool, step_by_step: bool
) -> Loop | StepLoop:
    packing = Packing.of(model) if kind == "train" and packed else None
    step = {"train": partial(_train, packing=packing), "test": _test, "predict": _predict}[kind]
    numbers = traced_hyperparameters(model, traced, optimizer=packing and packing.optimizer) if traced else []
    has_output = step_by_step or kind == "predict"

    def body_with_arguments(carry: Any, fixed: Any, data: Any) -> Any:
        with replaced(numbers, fixed[0]):
            carry, output = step(model, carry, fixed[1], data)
        return carry, output if has_output else None

    ends = {}
    if packing is not None:
        ends["enter"] = lambda carry: (packing.pack(carry[0]), carry[1])
        ends["leave"] = lambda carry: (packing.unpack(carry[0]), carry[1])
    if step_by_step:
        return StepLoop(body_with_arguments, batch, **ends)
    return Loop(body_with_arguments, batch, **ends, has_output=has_output, direct=kind != "train")


def _train(model: keras.Model, carry: Any, weights: None, data: Any, packing: Packing | None) -> Any:
    logs, state = model.train_step(tuple(carry[0]), data) if packing is None else packing.step(carry[0], data)
    return (State(*state), _carried_logs(carry[1], logs)), logs


def _test(model: keras.Model, carry: Any, weights: list, data: Any) -> Any:
    non_trainable, metrics, before = carry
    logs, (_, non_trainable, metrics) = model.test_step((weights, non_trainable, metrics), data)
    return (non_trainable, metrics, _carried_logs(before, logs)), logs


def _predict(model: keras.Model, carry: Any, weights: list, data: Any) -> Any:
    with raising_model_error(keras.utils.unpack_x_y_sample_weight(data)[0]):
        outputs, non_trainable = model.predict_step((weights, carry), data)
    return non_trainable, outputs


def _carried_logs(before: dict, logs: dict) -> dict:
    """Return a step's logs if the loop carries logs, see `first_logs`. Otherwise the metrics have them all."""
    return dict(logs) if before else before
