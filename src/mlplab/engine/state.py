"""Keras variables ↔ arrays: the only place where a model's state crosses into and out of pure functions.

The engine follows `keras/src/backend/jax/trainer.py` (Keras 3.15): a step is
`train_step(state, data) -> (logs, state)` over four lists of arrays, by position. Names that Keras keeps
private are used here, in `program.py` and in `signature.py`, and nowhere else.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from keras.src import backend as keras_backend
from keras.src.utils.python_utils import pythonify_logs

from mlplab.engine.backend import keras


class State(NamedTuple):
    """Everything that a training step reads and writes; each field is a list of arrays in Keras's order.

    Seeds of dropout and noise layers are in `non_trainable`; the step count, learning rate and moments in
    `optimizer`; the running sums of loss and metrics in `metrics`.
    """

    trainable: list[Any]
    non_trainable: list[Any]
    optimizer: list[Any]
    metrics: list[Any]


def variables(model: keras.Model) -> State:
    """The model's Keras variables, laid out as `State`."""
    optimizer = getattr(model, "optimizer", None)  # which a model has from `compile` on
    optimizer = [] if optimizer is None else optimizer.variables
    return State(model.trainable_variables, model.non_trainable_variables, optimizer, model.metrics_variables)


def read(model: keras.Model) -> State:
    """A copy of the model's state, in NumPy arrays, which a compiled loop may take while the model keeps its own."""
    # Through the host: JAX would compile a copy for every shape, which on a CPU takes longer than the copying.
    return jax.tree.map(lambda variable: np.array(variable.value), variables(model))


def write(model: keras.Model, state: State) -> None:
    """Give the model this state, the whole of it even if Ctrl-C comes in between."""
    # All at once to the device: each on its own takes three times as long.
    values = jax.device_put(jax.tree.leaves(state))
    pairs = list(zip(jax.tree.leaves(variables(model)), values, strict=True))
    try:
        _assign(pairs)
    except KeyboardInterrupt:
        _assign(pairs)
        raise


def _assign(pairs: list[tuple[Any, jax.Array]]) -> None:
    for variable, value in pairs:
        variable.assign(value)


def build(model: keras.Model, batch: Any) -> None:
    """Create the variables of model, metrics and optimizer that do not exist yet, from one batch's shapes.

    Args:
        batch: `(x, y, sample_weight)` of arrays, or of shapes with dtypes.
    """
    model._symbolic_build(data_batch=batch)


def outputs(model: keras.Model, x: Any) -> Any:
    """Shapes and dtypes of what the model makes of a batch of x; a model that was never called is built on the way."""
    return keras_backend.compute_output_spec(model, _symbolic(x), training=False)


def check_loss(model: keras.Model, batch: Any, y_pred: Any) -> None:
    """Let Keras compute the loss of a batch's shapes, to hear what it says against them."""
    x, y, sample_weight = map(_symbolic, batch)
    keras_backend.compute_output_spec(model._compute_loss, x, y, y_pred, sample_weight=sample_weight, training=False)


def _symbolic(tree: Any) -> Any:
    return jax.tree.map(lambda s: keras.KerasTensor(s.shape, keras_backend.standardize_dtype(s.dtype)), tree)


def steps_taken(model: keras.Model) -> int:
    """How many batches the optimizer has seen. Saved with it, the number tells where a shuffle goes on."""
    if model.optimizer is None:
        return 0
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # of one that scales the loss
    return int(np.asarray(optimizer._iterations))  # `iterations` counts no batches where gradients accumulate


def numbers(logs: dict[str, Any]) -> dict[str, Any]:
    """Logs as Keras hands them on: floats by name, sorted; arrays where a metric is no single number."""
    return pythonify_logs(logs)


def in_metric_order(model: keras.Model, logs: dict[str, Any]) -> Any:
    """The values of `logs` as Keras's `evaluate` lists them: a list, or the one value there is."""
    return model._flatten_metrics_in_order(logs)
