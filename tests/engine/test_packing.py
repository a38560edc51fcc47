"""Variables are packed only where that changes nothing, and a packed model is a Keras model between fits."""

import math

import jax
import models
import numpy as np
import pytest
from against import fit_both, largest_difference
from jax.test_util import check_grads

import mlplab
from mlplab import keras
from mlplab.engine import keras_internals
from mlplab.engine.dense_products import product
from mlplab.engine.packing import LARGE, TRANSPOSED_BELOW, Packing

pytestmark = pytest.mark.usefixtures("fully_optimized")  # as people compile: it compares bits

layers, optimizers = keras.layers, keras.optimizers


def is_packed(model):
    keras_internals.build(model, (np.zeros((1, 28, 28), "float32"), np.zeros(1, "int32"), None))
    return Packing.of(model) is not None


class _Rate(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1


class _Slower(optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(0.5 * gradient, variable, learning_rate)


class _OwnStep(keras.Sequential):
    def train_step(self, state, data):
        return super().train_step(state, data)


def _own_step_of_the_object():
    model = models.small()
    step = model.train_step
    model.train_step = lambda state, data: step(state, data)
    return model


def _one_variable():
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax", use_bias=False)])
    model.compile("adam", **models.CLASSIFIER)
    return model


def _own_step():
    model = _OwnStep([keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile("adam", **models.CLASSIFIER)
    return model


NOT_PACKED = {
    "an own optimizer": lambda: models.small(_Slower()),
    "an own schedule": lambda: models.small(optimizers.SGD(_Rate())),
    "a rate that is a function": lambda: models.small(optimizers.SGD(lambda: 0.1)),
    "an own step": _own_step,
    "a step of one object": _own_step_of_the_object,
    "one variable": _one_variable,
    "a constraint": lambda: models.sequential(layers.Dense(5, bias_constraint="non_neg")),
    "half precision weights": lambda: models.sequential(layers.Dense(5, dtype="float16")),
}


@pytest.mark.parametrize("what", NOT_PACKED)
def test_not_packed_with(what):
    assert not is_packed(NOT_PACKED[what]())


@pytest.mark.slow
def test_packed_where_it_changes_nothing():
    assert is_packed(models.notebook())
    assert is_packed(models.batch_norm_l2())
    assert is_packed(models.cnn())


def _kernels_of_all_sizes():
    """Kernels that are transposed in the common vector, transposed in one of their own, and not transposed."""
    return models.sequential(layers.Dense(200, "relu"), layers.Dense(60, "relu"), optimizer=optimizers.Adam())


def _rows_of_an_image_as_inputs():
    model = keras.Sequential(
        [keras.Input((28, 28)), layers.Dense(6, "relu"), layers.Flatten(), layers.Dense(10, "softmax", use_bias=False)]
    )
    model.compile(optimizers.SGD(0.01, momentum=0.9), **models.CLASSIFIER)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("build", [_kernels_of_all_sizes, _rows_of_an_image_as_inputs])
def test_packed_kernels_of_every_size_and_use_are_keras_s_up_to_rounding(build, few):
    (theirs, _), (ours, _) = fit_both(build, *few, packed=True, epochs=3)
    sizes = {math.prod(weight.shape) for weight in ours.trainable_variables}
    assert Packing.of(ours) is not None
    assert build is not _kernels_of_all_sizes or min(sizes) < LARGE < 200 * 60 < TRANSPOSED_BELOW < max(sizes)
    assert largest_difference(theirs, ours) <= 1e-5
    assert not [layer for layer in ours.layers if "call" in vars(layer)]


@pytest.mark.slow
def test_the_product_of_a_dense_layer_has_the_derivatives_of_a_matrix_product(rng):
    rows, kernel = (jax.numpy.asarray(rng.normal(size=shape)) for shape in ((7, 5), (5, 3)))
    np.testing.assert_allclose(product(rows, kernel), np.asarray(rows) @ np.asarray(kernel), rtol=1e-5)
    check_grads(product, (rows, kernel), order=2)


@pytest.mark.slow
def test_fits_of_keras_and_mlplab_may_alternate_with_changes_between(few):
    """The learning rate and the weights that are set between two fits count in the second."""
    trained = []
    for fit in (keras.Model.fit, mlplab.fit):
        model = models.small(optimizers.Adam(0.01, amsgrad=True))
        for first in (keras.Model.fit, fit):
            first(model, *few, verbose=0, shuffle=False)
            model.optimizer.learning_rate = 0.001
            model.set_weights([0.5 * w for w in model.get_weights()])
        trained.append(model)
    assert largest_difference(*trained) <= 1e-6


@pytest.mark.slow
def test_a_frozen_layer_stays_and_a_shared_one_is_trained_once(few):
    def build():
        keras.utils.set_random_seed(7)
        frozen, shared = layers.Dense(12, "relu", trainable=False), layers.Dense(12, "relu")
        image = keras.Input((28, 28))
        hidden = shared(shared(frozen(layers.Flatten()(image))))
        model = keras.Model(image, layers.Dense(10, "softmax")(hidden))
        model.compile("adam", **models.CLASSIFIER)
        return model

    theirs, ours = build(), build()
    before = ours.layers[2].kernel.numpy()
    theirs.fit(*few, verbose=0, shuffle=False)
    mlplab.fit(ours, *few, verbose=0, shuffle=False)
    assert Packing.of(ours) is not None
    assert len(ours.trainable_variables) == 4
    assert largest_difference(theirs, ours) <= 1e-6
    np.testing.assert_array_equal(before, ours.layers[2].kernel.numpy())


@pytest.mark.slow
def test_a_saved_and_loaded_model_continues_as_the_one_in_memory(tmp_path, few):
    model = models.notebook()
    mlplab.fit(model, *few, verbose=0, seed=1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for part in (model, again):
        mlplab.fit(part, *few, verbose=0, seed=1)
    for p, q in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)
