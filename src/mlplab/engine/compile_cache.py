"""A model's compiled loops: train, test, predict. Models of one architecture share them.

Tracing and compiling a step takes longer than training a small network for an epoch. A compiled loop is a pure
function of the state, by position, so whatever model it was traced from, it serves every model that says the
same of itself in its configuration.
"""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any

import jax
import numpy as np

from mlplab.engine import traced_hyperparameters
from mlplab.engine.backend import keras, on_cpu
from mlplab.engine.checks import has_own
from mlplab.engine.loop import Loop
from mlplab.engine.packing import Packing
from mlplab.engine.signature import signature
from mlplab.engine.source import Batch
from mlplab.engine.state import State, numbers

KEPT = 16
"""Compiled loops kept; each keeps the model that it was traced from."""

_loops: OrderedDict[Hashable, tuple[keras.Model, Loop]] = OrderedDict()
_keeping_all = 0


@contextlib.contextmanager
def all_kept() -> Iterator[None]:
    """Meanwhile no loop is given up: those of many architectures, each due again in every epoch, compile once."""
    global _keeping_all
    _keeping_all += 1
    try:
        yield
    finally:
        _keeping_all -= 1
        _give_up()


def _give_up() -> None:
    while len(_loops) > KEPT and not _keeping_all:
        _loops.popitem(last=False)


def train_loop(model: keras.Model, batch: Batch, packed: bool = True, *, lanes: bool = False) -> Loop:
    """The loop of training steps. Carry: `(State, logs)`, see `first_logs`.

    With `lanes`, here and below, it serves all members of a population: `fixed` is `(varied.numbers, fixed of one
    model)`, without numbers where one predicts, and on an accelerator all is stacked, as `Loop` has it.
    """
    return _kept("train", model, batch, lanes, packed)


def evaluate_loop(model: keras.Model, batch: Batch, *, lanes: bool = False) -> Loop:
    """The loop of test steps. Carry: `(non_trainable, metrics, logs)`; fixed: `trainable`."""
    return _kept("test", model, batch, lanes)


def predict_loop(model: keras.Model, batch: Batch, *, lanes: bool = False) -> Loop:
    """The loop of predict steps. Carry: `(non_trainable, outputs, rows done)`; fixed: `trainable`."""
    return _kept("predict", model, batch, lanes)


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


def _make(kind: str, model: keras.Model, batch: Batch, lanes: bool, packed: bool) -> Loop:
    packing = Packing.of(model) if kind == "train" and packed else None
    body = {"train": _train_body, "test": _test_body, "predict": _predict_body}[kind](model, packing)
    arguments: dict[str, Any] = {}
    if packing is not None:
        arguments["enter"] = lambda carry: (packing.pack(carry[0]), carry[1])
        arguments["leave"] = lambda carry: (packing.unpack(carry[0]), carry[1])
    if lanes:
        optimizer = None if packing is None else packing.optimizer
        body = _varied(body, [] if kind == "predict" else traced_hyperparameters.sites(model, optimizer))
        arguments["stacked"] = not on_cpu()
    return Loop(body, batch, **arguments)


Body = Callable[[Any, Any, Any], Any]
"""`body(carry, fixed, data) -> carry`, as `Loop` takes it."""


def _varied(body: Body, places: list[traced_hyperparameters.TracedHyperparameter]) -> Body:
    def varied_body(carry: Any, fixed: Any, data: Any) -> Any:
        with traced_hyperparameters.placed(places, fixed[0]):
            return body(carry, fixed[1], data)

    return varied_body


def _train_body(model: keras.Model, packing: Packing | None) -> Body:
    def body(carry: Any, fixed: None, data: Any) -> Any:
        logs, state = model.train_step(tuple(carry[0]), data) if packing is None else packing.step(carry[0], data)
        return State(*state), _step_logs(model, "train_step", carry[1], logs)

    return body


def _test_body(model: keras.Model, packing: None) -> Body:
    def body(carry: Any, trainable: list, data: Any) -> Any:
        non_trainable, metrics, before = carry
        logs, (_, non_trainable, metrics) = model.test_step((trainable, non_trainable, metrics), data)
        return non_trainable, metrics, _step_logs(model, "test_step", before, logs)

    return body


def _predict_body(model: keras.Model, packing: None) -> Body:
    def body(carry: Any, trainable: list, data: Any) -> Any:
        non_trainable, outputs, done = carry
        y, non_trainable = model.predict_step((trainable, non_trainable), data)
        put = jax.tree.map(lambda out, rows: jax.lax.dynamic_update_slice_in_dim(out, rows, done, 0), outputs, y)
        return non_trainable, put, done + len(jax.tree.leaves(y)[0])

    return body


def _logs_its_own(model: keras.Model, step: str) -> bool:
    return has_own(model, step, "compute_metrics")


def _step_logs(model: keras.Model, step: str, before: dict, logs: dict) -> dict:
    """What a step hands on: logs of its own, if it has such; else nothing, for the metrics tell at the end."""
    return dict(logs) if _logs_its_own(model, step) else before


def member_signature(model: keras.Model, training: bool = True) -> Hashable:
    """As `signature`, but blind to the numbers that `varied` makes arguments: equal for members of one population."""
    if not training:
        return signature(model, training)
    with traced_hyperparameters.placed(traced_hyperparameters.sites(model), traced_hyperparameters.UNKNOWN):
        return signature(model), traced_hyperparameters.shared(model)


def _kept(kind: str, model: keras.Model, batch: Batch, lanes: bool, packed: bool = True) -> Loop:
    training = kind != "predict"
    sign = member_signature if lanes else signature
    key = (kind, lanes, packed, batch, sign(model, training))
    template, loop = _loops.get(key, (None, None))
    # A template whose owner has changed it since would be traced as something else for a new batch size.
    if template is None or loop is None or (template is not model and sign(template, training) != key[-1]):
        template, loop = model, _make(kind, model, batch, lanes, packed)
    _loops[key] = (template, loop)
    _loops.move_to_end(key)
    _give_up()
    return loop
