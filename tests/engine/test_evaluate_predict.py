"""`mlplab.evaluate` and `mlplab.predict` give what Keras's give, in the same form."""

import models
import numpy as np
import pytest
from against import slow_except

import mlplab
from mlplab import keras
from mlplab.engine import keras_internals

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


CASES = ("several_metrics", "two_outputs", "subclass")


@pytest.fixture(scope="module", params=slow_except(CASES, "several_metrics"))
def case(request, uneven):
    """A model with random weights, with data of its form: 202 rows."""
    model = models.ALL[request.param]()
    x, y = models.data(request.param, *uneven)
    keras_internals.build(model, (*keras.tree.map_structure(lambda a: a[:1], (x, y)), None))
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0, 0.1, w.shape) for w in model.get_weights()])
    return model, x, y


def flat(values):
    """Numbers and vectors as one vector."""
    return np.concatenate([np.ravel(value) for value in values])


def test_evaluate_gives_what_keras_gives(case):
    model, x, y = case
    for batch_size in (None, 10_000):
        expected = model.evaluate(x, y, batch_size=batch_size, verbose=0, return_dict=True)
        ours = mlplab.evaluate(model, x, y, batch_size=batch_size, return_dict=True)
        assert list(ours) == list(expected)
        np.testing.assert_allclose(flat(ours.values()), flat(expected.values()), **CLOSE)
    listed = mlplab.evaluate(model, x, y, batch_size=10_000)
    assert isinstance(listed, list)
    np.testing.assert_allclose(flat(listed), flat(model.evaluate(x, y, batch_size=10_000, verbose=0)), **CLOSE)


@pytest.mark.slow
def test_evaluate_weighs_rows_as_keras_does(case):
    model, x, y = case
    weight = np.linspace(0, 3, 202, dtype="float32")
    expected = model.evaluate(x, y, sample_weight=weight, verbose=0)
    np.testing.assert_allclose(flat(mlplab.evaluate(model, x, y, sample_weight=weight)), flat(expected), **CLOSE)


def test_predict_gives_what_keras_gives(case):
    model, x, _ = case
    for batch_size in (None, 10_000):
        expected, ours = model.predict(x, batch_size=batch_size, verbose=0), mlplab.predict(model, x, batch_size)
        assert type(ours) is type(expected)
        parts = [(expected, ours)] if isinstance(ours, np.ndarray) else [(expected[k], ours[k]) for k in expected]
        for p, q in parts:
            assert (p.shape, p.dtype) == (q.shape, q.dtype)
            np.testing.assert_allclose(p, q, **CLOSE)


def test_evaluate_with_the_loss_alone_is_one_float(few):
    model = models.small(metrics=None)
    ours = mlplab.evaluate(model, *few)
    assert isinstance(ours, float)
    assert ours == pytest.approx(model.evaluate(*few, verbose=0), rel=1e-5)


def test_evaluating_leaves_weights_and_predicting_leaves_all(few):
    model = models.dropout()
    before = [v.numpy() for v in model.variables]
    mlplab.predict(model, few[0])
    mlplab.evaluate(model, *few)
    for p, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(p, v.numpy())


def test_a_model_neither_compiled_nor_built_predicts(few):
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    ours = mlplab.predict(model, few[0])
    np.testing.assert_allclose(ours, model.predict(few[0], verbose=0), **CLOSE)


def test_predict_before_and_after_training(few):
    """A model's loop for predictions is compiled once, and uses the present weights."""
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


@pytest.mark.slow
def test_an_overridden_test_step(uneven):
    model = _OwnTestStep([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("adam", **models.CLASSIFIER)
    expected = model.evaluate(*uneven, verbose=0, return_dict=True)
    ours = mlplab.evaluate(model, *uneven, return_dict=True)
    assert ours["rows"] == expected["rows"] == 10  # the last step's
    assert ours == pytest.approx(expected, rel=1e-5)
