"""`mlplab.fit` is `keras.Model.fit`, faster: the oracle is Keras itself, on the same rows in the same order."""

import models
import numpy as np
import pytest

import mlplab
from mlplab import keras

STEPS, BATCH = 100, 32


@pytest.fixture(scope="module")
def rows(fashion_mnist):
    """`STEPS` full batches and one of 10 rows."""
    n = STEPS * BATCH + 10
    return fashion_mnist.train.images[:n] / np.float32(255), fashion_mnist.train.labels[:n]


def fit_both(build, x, y, *, packed, epochs=1, **arguments):
    """The same model trained by Keras and by mlplab: `(model, History)` of each."""
    theirs, ours = build(), build()
    common = {"epochs": epochs, "batch_size": BATCH, "shuffle": False, "verbose": 0, **arguments}
    return (
        (theirs, theirs.fit(x, models.targets(theirs, y), **common)),
        (ours, mlplab.fit(ours, x, models.targets(ours, y), packed=packed, **common)),
    )


def largest_difference(a: keras.Model, b: keras.Model) -> float:
    pairs = zip(a.get_weights() + _numbers(a.optimizer), b.get_weights() + _numbers(b.optimizer), strict=True)
    return max(float(np.abs(p.astype("float64") - q).max()) for p, q in pairs)


def _numbers(optimizer):
    return [variable.numpy() for variable in optimizer.variables]


@pytest.mark.parametrize("name", models.DENSE)
def test_plain_scan_is_bit_for_bit_keras(name, rows):
    (theirs, expected), (ours, history) = fit_both(models.DENSE[name], *rows, packed=False, epochs=2)
    for p, q in zip(theirs.get_weights(), ours.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)
    assert history.epoch == expected.epoch
    assert history.history == expected.history
    assert list(history.history) == list(expected.history)


@pytest.mark.parametrize("name", models.ALL)
def test_packed_step_is_keras_up_to_rounding(name, rows):
    x, y = rows[0][: STEPS * BATCH], rows[1][: STEPS * BATCH]
    (theirs, expected), (ours, history) = fit_both(models.ALL[name], x, y, packed=True)
    assert largest_difference(theirs, ours) <= (1e-5 if name == "cnn" else 1e-6)
    for key, values in expected.history.items():
        np.testing.assert_allclose(history.history[key], values, atol=1e-3, err_msg=key)
