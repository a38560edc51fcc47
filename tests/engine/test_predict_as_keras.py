"""`mlplab.predict` where a model is more than a function of each row: the oracle is `keras.Model.predict`."""

import models
import numpy as np
import pytest
from monte_carlo import MonteCarloDropout

import mlplab
from mlplab import keras
from mlplab.engine import compile_cache, forms
from mlplab.engine.ordered_source import OrderedSource
from mlplab.engine.population import Population, TrainedMember
from mlplab.engine.signature import signature
from mlplab.engine.source import Rows
from mlplab.errors import ModelError

layers, ops = keras.layers, keras.ops
X = np.arange(40, dtype="float32").reshape(20, 2)


def random_model():
    return keras.Sequential([keras.Input((2,)), MonteCarloDropout()])


def test_each_prediction_of_a_random_model_is_the_next_sample_of_keras():
    ours, theirs = random_model(), random_model()
    samples = [mlplab.predict(ours, X, batch_size=8, verbose=0) for _ in range(3)]
    for sample in samples:
        np.testing.assert_array_equal(sample, theirs.predict(X, batch_size=8, verbose=0))
    assert np.std(samples, axis=0).mean() > 0
    np.testing.assert_array_equal(ours.predict(X, verbose=0), theirs.predict(X, verbose=0))


def test_a_population_of_random_models_predicts_what_each_of_them_does():
    members = [TrainedMember({}, random_model(), {}) for _ in range(2)]
    theirs = random_model()
    for _ in range(2):
        expected = theirs.predict(X, verbose=0)
        np.testing.assert_array_equal(Population(members, 1).predict(X, batch_size=32), [expected, expected])


class _Counts(keras.Model):
    """Counts its batches, and adds the number to what it predicts."""

    def __init__(self):
        super().__init__()
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.seen.assign_add(1.0)
        return x + self.seen


def test_what_a_model_assigns_while_it_predicts_is_kept():
    ours, theirs = _Counts(), _Counts()
    for _ in range(2):
        np.testing.assert_array_equal(mlplab.predict(ours, X, 8, verbose=0), theirs.predict(X, 8, verbose=0))
    assert ours.seen.numpy() == theirs.seen.numpy() == 6


def row_a_batch():
    x = keras.Input((2,))
    return keras.Model(x, [x, layers.Lambda(lambda t: ops.mean(t, axis=0, keepdims=True), output_shape=(2,))(x)])


def two_rows_a_row():
    x = keras.Input((2,))
    return keras.Model(x, layers.Lambda(lambda t: ops.repeat(t, 2, axis=0), output_shape=(2,))(x))


class _OwnPredictStep(keras.Model):
    def call(self, x):
        return x

    def predict_step(self, state, data):
        outputs, state = super().predict_step(state, data)
        return {"rows": outputs, "sum": ops.sum(outputs)[None]}, state


@pytest.mark.parametrize("build", [row_a_batch, two_rows_a_row, _OwnPredictStep])
@pytest.mark.parametrize("rows", [20, 11, 3])
def test_outputs_of_any_number_of_rows_a_batch(build, rows):
    model = build()
    expected, ours = (predict(model, X[:rows], 4, verbose=0) for predict in (keras.Model.predict, mlplab.predict))
    keras.tree.assert_same_structure(ours, expected)
    for p, q in zip(keras.tree.flatten(ours), keras.tree.flatten(expected), strict=True):
        assert p.shape == q.shape
        np.testing.assert_allclose(p, q, rtol=1e-6)


def test_an_output_without_rows_is_refused():
    class Total(_OwnPredictStep):
        def predict_step(self, state, data):
            outputs, state = super().predict_step(state, data)
            return outputs["sum"][0], state

    with pytest.raises(ModelError, match=r"one number a batch.*reshape"):
        mlplab.predict(Total(), X, verbose=0)


def test_predictions_can_be_written_into():
    for outputs in mlplab.predict(row_a_batch(), X, verbose=0):
        outputs[:1] = 0
        assert outputs.min() == 0


def dense():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(5, "relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def forms_of(model):
    return compile_cache.compiled_loop("predict", model, Rows(), signature(model, training=False))._forms


@pytest.mark.slow
def test_all_numbers_of_rows_take_a_few_programs():
    """With batches of 4: one for 1, 2 and 3 rows, and one for 1, 2, 4, 8 and 16 batches."""
    x = np.random.default_rng(0).normal(size=(80, 2)).astype("float32")
    y = (np.arange(80) % 3).astype("int32")
    model = models.seeded(dense)()
    expected = model.predict(x, verbose=0)
    for rows in (*range(1, 12), 29, 41, 64, 71, 80):
        np.testing.assert_allclose(mlplab.predict(model, x[:rows], 4, verbose=0), expected[:rows], rtol=1e-5)
    assert len(forms_of(model)) == 8
    for rows in (3, 21, 71):
        expected = model.evaluate(x[:rows], y[:rows], 4, verbose=0)
        np.testing.assert_allclose(mlplab.evaluate(model, x[:rows], y[:rows], 4, verbose=0), expected, rtol=1e-5)


def test_segments_read_every_row_once_in_its_order():
    x = np.arange(1000)
    for rows in range(1, 300):
        segments = list(OrderedSource(x[:rows], batch_size=8).segments(0))
        read = [s.arrays[0][s.indices[s.start :]].ravel() for s in segments]
        np.testing.assert_array_equal(np.concatenate(read), x[:rows])
        assert sum(s.steps - s.start for s in segments) == OrderedSource(x[:rows], batch_size=8).steps


def test_a_loop_keeps_the_programs_used_last(monkeypatch):
    monkeypatch.setattr(forms, "MOST_FORMS", 3)
    model = models.seeded(dense)()
    expected = model.predict(X, verbose=0)
    for rows in (1, 2, 3, 4, 5, 1):
        np.testing.assert_allclose(mlplab.predict(model, X[:rows], verbose=0), expected[:rows], rtol=1e-5)
    assert len(forms_of(model)) == 3
