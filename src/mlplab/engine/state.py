"""Keras variables ↔ arrays: the only place where a model's state goes into and out of pure functions.

The engine follows `keras/src/backend/jax/trainer.py` (Keras 3.15): a step is
`train_step(state, data) -> (logs, state)` over four lists of arrays, matched by position.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

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
    """Return the model's Keras variables, arranged as a `State`."""
    optimizer = getattr(model, "optimizer", None)  # a model has this attribute only after `compile`
    optimizer = [] if optimizer is None else optimizer.variables
    return State(model.trainable_variables, model.non_trainable_variables, optimizer, model.metrics_variables)


def read(model: keras.Model) -> State:
    """Return a copy of the model's state in NumPy arrays. A compiled loop may overwrite it; the model keeps its own."""
    # Through NumPy: JAX would compile a copying program for every shape, which on a CPU takes longer than copying.
    return jax.tree.map(lambda variable: np.array(variable.value), variables(model))


def write(model: keras.Model, state: State) -> None:
    """Give the model this state, the whole of it even if Ctrl-C comes in between."""
    _assign(jax.tree.leaves(variables(model)), jax.tree.leaves(state))


def write_non_trainable(model: keras.Model, values: list[Any]) -> None:
    """Give the model the part of the state that a prediction changes: seeds, and what the model itself assigns."""
    _assign(model.non_trainable_variables, values)


def _assign(variables: list[Any], values: list[Any]) -> None:
    # Through NumPy, so that arrays of all devices end on the default one; one call takes a third of the time of many.
    pairs = list(zip(variables, jax.device_put([np.asarray(value) for value in values]), strict=True))

    def assign_all() -> None:
        for variable, value in pairs:
            variable.assign(value)

    try:
        assign_all()
    except KeyboardInterrupt:
        assign_all()
        raise
