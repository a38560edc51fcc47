"""Keras variables ↔ arrays: the only place where a model's state crosses into and out of pure functions.

The engine follows `keras/src/backend/jax/trainer.py` (Keras 3.15): a step is
`train_step(state, data) -> (logs, state)` over four lists of arrays, by position. Names that Keras keeps
private (`_symbolic_build`, `_get_jax_state`) are used here and in `program.py`, and nowhere else.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mlplab.engine.backend import keras


class State(NamedTuple):
    """Everything that a training step reads and writes; each field is a list of arrays in Keras's order.

    Seeds of dropout and noise layers are in `non_trainable`; the step count, learning rate and moments in
    `optimizer`; the running sums of loss and metrics in `metrics`.
    """

    trainable: list[jax.Array]
    non_trainable: list[jax.Array]
    optimizer: list[jax.Array]
    metrics: list[jax.Array]


def variables(model: keras.Model) -> State:
    """The model's Keras variables, laid out as `State`."""
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    return State(model.trainable_variables, model.non_trainable_variables, optimizer, model.metrics_variables)


def read(model: keras.Model) -> State:
    """A copy of the model's state, which a compiled loop may overwrite while the model keeps its own."""
    return jax.tree.map(lambda variable: jnp.array(variable.value, copy=True), variables(model))


def write(model: keras.Model, state: State) -> None:
    """Give the model this state."""
    for variable, value in zip(jax.tree.leaves(variables(model)), jax.tree.leaves(state), strict=True):
        variable.assign(value)


def build(model: keras.Model, batch: Any) -> None:
    """Create the variables of model, metrics and optimizer that do not exist yet, from one batch's shapes.

    Args:
        batch: `(x, y, sample_weight)` of arrays, or of shapes with dtypes.
    """
    model._symbolic_build(data_batch=batch)


def steps_taken(model: keras.Model) -> int:
    """How many optimizer steps the model has behind it. Saved with the optimizer, it tells where a shuffle goes on."""
    return 0 if model.optimizer is None else int(np.asarray(model.optimizer.iterations))


def in_metric_order(model: keras.Model, logs: dict[str, Any]) -> Any:
    """The values of `logs` as Keras's `evaluate` lists them: a list, or the one value there is."""
    return model._flatten_metrics_in_order(logs)
