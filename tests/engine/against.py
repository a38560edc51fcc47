"""The oracle: Keras's own `fit` on the same rows in the same order, and comparisons of what comes out."""

import models
import numpy as np
import pytest

import mlplab
from mlplab import keras


def slow_except(names, *quick):
    """Parameters of which only `quick` run in the quick lane."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


def fit_both(build, x, y, *, packed, **arguments):
    """Train the same model by Keras and by mlplab: `(model, History)` of each."""
    theirs, ours = models.seeded(build)(), models.seeded(build)()
    common = {"batch_size": 32, "shuffle": False, "verbose": 0, **arguments}
    return (theirs, theirs.fit(x, y, **common)), (ours, mlplab.fit(ours, x, y, packed=packed, **common))


def numbers(model: keras.Model) -> list[np.ndarray]:
    """Return all that training changes: weights, dropout seeds, moving averages, moments, step count, learning rate."""
    optimizer = [] if model.optimizer is None else model.optimizer.variables
    return [variable.numpy() for variable in [*model.variables, *optimizer]]


def assert_equal_models(a: keras.Model, b: keras.Model):
    for p, q in zip(numbers(a), numbers(b), strict=True):
        np.testing.assert_array_equal(p, q)


def assert_equal_histories(a: keras.callbacks.History, b: keras.callbacks.History):
    """Equal in training; in validation up to the last bit, where XLA sums a loss within a loop in another order."""
    assert list(a.history) == list(b.history)
    assert a.epoch == b.epoch
    for name, values in a.history.items():
        np.testing.assert_allclose(b.history[name], values, rtol=2.4e-7 if name.startswith("val_") else 0, err_msg=name)


def largest_difference(a: keras.Model, b: keras.Model) -> float:
    pairs = zip(numbers(a), numbers(b), strict=True)
    return max(float(np.abs(p.astype("float64") - q).max()) for p, q in pairs)


def assert_plain_fit_is_keras(build, x, y, **arguments):
    """Train by both with the plain step; weights, all other state and History are equal."""
    (theirs, expected), (ours, history) = fit_both(build, x, y, packed=False, **arguments)
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)
