"""`mlplab.evaluate` and `mlplab.predict` give what Keras's give, in the same form."""

import models
import numpy as np
import pytest

import mlplab
from mlplab import keras

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module", params=["batch_norm_l2", "several_metrics", "two_inputs", "two_outputs", "subclass"])
def case(request, few):
    """A model after a little training, with data of its form: 202 rows."""
    model = models.ALL[request.param]()
    x, y = models.data(request.param, *few)
    model.fit(x, y, verbose=0)
    return model, x, y


def test_evaluate_gives_what_keras_gives(case):
    model, x, y = case
    for batch_size in (None, 50, 10_000):
        expected = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
        told = mlplab.evaluate(model, x, y, batch_size=batch_size, return_dict=True)
        assert list(told) == list(expected)
        np.testing.assert_allclose(list(told.values()), list(expected.values()), **CLOSE)
    listed = mlplab.evaluate(model, x, y)
    assert isinstance(listed, list)
    np.testing.assert_allclose(listed, model.evaluate(x, y, verbose=0), **CLOSE)


def test_evaluate_weighs_rows_as_keras_does(case):
    model, x, y = case
    weight = np.linspace(0, 3, 202, dtype="float32")
    expected = model.evaluate(x, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(mlplab.evaluate(model, x, y, sample_weight=weight), expected, **CLOSE)


def test_predict_gives_what_keras_gives(case):
    model, x, _ = case
    for batch_size in (None, 50, 10_000):
        expected, told = model.predict(x, batch_size=batch_size, verbose=0), mlplab.predict(model, x, batch_size)
        assert type(told) is type(expected)
        parts = [(expected, told)] if isinstance(told, np.ndarray) else [(expected[k], told[k]) for k in expected]
        for p, q in parts:
            assert (p.shape, p.dtype) == (q.shape, q.dtype)
            np.testing.assert_allclose(p, q, **CLOSE)


def test_evaluate_with_the_loss_alone_is_one_float(few):
    model = models.small(metrics=None)
    told = mlplab.evaluate(model, *few)
    assert isinstance(told, float)
    assert told == pytest.approx(model.evaluate(*few, verbose=0), rel=1e-5)


def test_evaluating_leaves_weights_and_predicting_leaves_all(few):
    model = models.dropout()
    before = [v.numpy() for v in model.variables]
    mlplab.predict(model, few[0])
    mlplab.evaluate(model, *few)
    for p, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(p, v.numpy())


def test_a_model_neither_compiled_nor_built_predicts(few):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    told = mlplab.predict(model, few[0])
    np.testing.assert_allclose(told, model.predict(few[0], verbose=0), **CLOSE)


def test_predict_before_and_after_training(few):
    """A model's loop for predictions is compiled once, and sees the weights of the day."""
    model = models.small()
    before = mlplab.predict(model, few[0])
    mlplab.fit(model, *few, verbose=0)
    after = mlplab.predict(model, few[0])
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(after, model.predict(few[0], verbose=0), **CLOSE)


class _OwnTestStep(keras.Sequential):
    def test_step(self, state, data):
        logs, state = super().test_step(state, data)
        return {**logs, "rows": data[0].shape[0] * 1.0}, state


def test_a_test_step_of_ones_own(few):
    model = _OwnTestStep([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("adam", **models.CLASSIFIER)
    expected = model.evaluate(*few, verbose=0, return_dict=True)
    told = mlplab.evaluate(model, *few, return_dict=True)
    assert told["rows"] == expected["rows"] == 10  # the last step's
    assert told == pytest.approx(expected, rel=1e-5)
