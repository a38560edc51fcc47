"""A model's compiled loops: train, test, predict. Models of one architecture share them.

Tracing and compiling a step takes longer than training a small network for an epoch. A compiled loop is a pure
function of the state, by position, so whatever model it was traced from, it serves every model that says the
same of itself in its configuration.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np

from mlplab.engine.backend import keras
from mlplab.engine.checks import has_own
from mlplab.engine.loop import Loop
from mlplab.engine.packing import Packing
from mlplab.engine.signature import signature
from mlplab.engine.source import Batch
from mlplab.engine.state import State, numbers

KEPT = 16
"""Compiled loops kept; each keeps the model that it was traced from."""

_loops: OrderedDict[Hashable, tuple[keras.Model, Loop]] = OrderedDict()


def train_loop(model: keras.Model, batch: Batch, packed: bool = True) -> Loop:
    """The loop of training steps. Carry: `(State, logs)`, see `first_logs`."""
    return _kept(("train", packed), model, batch, lambda: _make_train_loop(model, batch, packed))


def test_loop(model: keras.Model, batch: Batch) -> Loop:
    """The loop of test steps. Carry: `(non_trainable, metrics, logs)`; fixed: `trainable`."""
    return _kept("test", model, batch, lambda: _make_test_loop(model, batch))


def predict_loop(model: keras.Model, batch: Batch) -> Loop:
    """The loop of predict steps. Carry: `(non_trainable, outputs, rows done)`; fixed: `trainable`."""
    return _kept("predict", model, batch, lambda: _make_predict_loop(model, batch))


def first_logs(model: keras.Model, step: str, state: tuple, shapes: Any) -> dict[str, Any]:
    """Zeros in the form of the logs that the loop carries: those of a step that logs its own, else none.

    Args:
        step: "train_step" or "test_step".
        state: what that step takes.
        shapes: a batch as `(x, y, sample_weight)` of shapes.
    """
    if not _logs_its_own(model, step):
        return {}
    batch = keras.utils.pack_x_y_sample_weight(*shapes)
    logs = jax.eval_shape(getattr(model, step), state, batch)[0]
    return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), dict(logs))


def results(model: keras.Model, metrics: list, logs: dict[str, Any]) -> dict[str, Any]:
    """What an epoch logs, as Keras has it: the metrics' results, unless the step logged under other names.

    Computed outside the loop, as Keras does: within, XLA would round some of them otherwise.

    Args:
        metrics: the state of the metrics after a step.
        logs: what the loop carried: the last step's own logs, or none.
    """
    with keras.StatelessScope(state_mapping=list(zip(model.metrics_variables, metrics, strict=True))):
        found = model.get_metrics_result()
    return numbers(found if not logs or set(found) == set(logs) else logs)


def _make_train_loop(model: keras.Model, batch: Batch, packed: bool) -> Loop:
    packing = Packing.of(model) if packed else None
    step: Callable = model.train_step if packing is None else packing.step
    pack = (lambda state: state) if packing is None else packing.pack
    unpack = (lambda state: state) if packing is None else packing.unpack

    def body(carry: Any, fixed: None, data: Any, index: Any) -> Any:
        logs, state = step(tuple(carry[0]), data) if packing is None else step(carry[0], data)
        return State(*state), _step_logs(model, "train_step", carry[1], logs)

    return Loop(
        body,
        batch,
        enter=lambda carry: (pack(carry[0]), carry[1]),
        leave=lambda carry: (unpack(carry[0]), carry[1]),
    )


def _make_test_loop(model: keras.Model, batch: Batch) -> Loop:
    def body(carry: Any, trainable: list, data: Any, index: Any) -> Any:
        non_trainable, metrics, before = carry
        logs, (_, non_trainable, metrics) = model.test_step((trainable, non_trainable, metrics), data)
        return non_trainable, metrics, _step_logs(model, "test_step", before, logs)

    return Loop(body, batch)


def _make_predict_loop(model: keras.Model, batch: Batch) -> Loop:
    def body(carry: Any, trainable: list, data: Any, index: Any) -> Any:
        non_trainable, outputs, done = carry
        y, non_trainable = model.predict_step((trainable, non_trainable), data)
        put = jax.tree.map(lambda out, rows: jax.lax.dynamic_update_slice_in_dim(out, rows, done, 0), outputs, y)
        return non_trainable, put, done + len(jax.tree.leaves(y)[0])

    return Loop(body, batch)


def _logs_its_own(model: keras.Model, step: str) -> bool:
    return has_own(model, step, "compute_metrics")


def _step_logs(model: keras.Model, step: str, before: dict, logs: dict) -> dict:
    """What a step hands on: logs of its own, if it has such; else nothing, for the metrics tell at the end."""
    return dict(logs) if _logs_its_own(model, step) else before


def _kept(kind: Hashable, model: keras.Model, batch: Batch, make: Callable[[], Loop]) -> Loop:
    training = kind != "predict"
    key = (kind, batch, signature(model, training))
    template, loop = _loops.get(key, (None, None))
    # A template whose owner has changed it since would be traced as something else for a new batch size.
    if template is None or loop is None or (template is not model and signature(template, training) != key[-1]):
        template, loop = model, make()
    _loops[key] = (template, loop)
    _loops.move_to_end(key)
    while len(_loops) > KEPT:
        _loops.popitem(last=False)
    return loop
