"""Models that are not to be compiled run in Keras's own loop."""

import logging

import models
import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, eager
from mlplab.errors import ModelError, UsageError


@pytest.fixture
def said(caplog):
    eager._say_once.cache_clear()
    caplog.set_level(logging.INFO, "mlplab")
    return caplog


@pytest.mark.slow
def test_run_eagerly_gives_what_keras_gives_and_says_so_once(few, said):
    x, y = few[0][:64], few[1][:64]
    ours, theirs = (models.small(run_eagerly=True) for _ in range(2))
    arguments = {"epochs": 2, "shuffle": False, "validation_split": 0.5, "verbose": 0}
    history = mlplab.fit(ours, x, y, seed=1, packed=False, **arguments)
    assert history.history == theirs.fit(x, y, **arguments).history
    assert mlplab.evaluate(ours, x, y, verbose=0) == theirs.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(mlplab.predict(ours, x, 32, verbose=0), theirs.predict(x, 32, verbose=0))
    assert said.text.count("Keras's own loop") == 1


class _Stops(keras.Sequential):
    """A step in which a debugger, or Python, looks at values."""

    def train_step(self, state, data):
        if float(data[0].sum()) < 0:
            raise ValueError("negative")
        return super().train_step(state, data)

    def test_step(self, state, data):
        float(data[0].sum())
        return super().test_step(state, data)

    def predict_step(self, state, data):
        float(data[0].sum())
        return super().predict_step(state, data)


def needing_values():
    model = _Stops([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("adam", **models.CLASSIFIER, jit_compile=False)
    return model


def test_a_model_that_needs_values_runs_as_in_keras(few, said):
    x, y = few[0][:64], few[1][:64]
    ours, theirs = (models.seeded(needing_values)() for _ in range(2))
    assert (
        mlplab.fit(ours, x, y, shuffle=False, verbose=0).history == theirs.fit(x, y, shuffle=False, verbose=0).history
    )
    assert mlplab.evaluate(ours, x, y, verbose=0) == theirs.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(mlplab.predict(ours, x, verbose=0), theirs.predict(x, verbose=0))
    assert said.text.count("jit_compile=False") == 1


class _Sorts(keras.layers.Layer):
    def call(self, x):
        return keras.ops.convert_to_tensor(np.sort(np.asarray(x), -1))

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


def test_a_layer_that_needs_values_predicts():
    model = keras.Sequential([keras.Input((3,)), _Sorts()])
    model.compile(loss="mse", jit_compile=False)
    assert mlplab.predict(model, np.array([[3.0, 1.0, 2.0]]), verbose=0).tolist() == [[1, 2, 3]]


def test_jit_compile_false_alone_is_compiled_to_the_same_numbers(few, said):
    ours, theirs = (models.small(jit_compile=False) for _ in range(2))
    history = mlplab.fit(ours, *few, shuffle=False, packed=False, verbose=0)
    expected = theirs.fit(*few, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    assert not said.text


def test_what_only_compiled_loops_do_is_refused_with_run_eagerly(few):
    model = models.small(run_eagerly=True)
    with pytest.raises(UsageError, match=r"Source.*run_eagerly"):
        mlplab.fit(model, ArraySource(*few))
    with pytest.raises(ModelError, match=r"fit_population only runs compiled loops"):
        mlplab.fit_population(lambda: models.small(run_eagerly=True), 2, *few)
