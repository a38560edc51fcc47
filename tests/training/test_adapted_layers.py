"""What a layer adapted to data, and weights that are not trained, stay wherever a run's model is built again."""

import json

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.experiments.population import ModelBuilder
from mlplab.runs import architecture
from mlplab.training.network import rebuild

layers = keras.layers


def adapted(x, *more):
    """A compiled model whose first layer knows mean and variance of each pixel of x, (n, 8, 8)."""
    normalization = layers.Normalization(axis=(1, 2))
    normalization.adapt(x)
    model = keras.Sequential([keras.Input((8, 8)), normalization, *more, layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def described(model):
    return json.loads(json.dumps(architecture.describe(model)))


def normalized(model, x):
    return np.asarray(model.layers[0](x))


@pytest.fixture(scope="module")
def x(digits):
    return digits.train.images.astype("float32")


def test_a_network_for_another_seed_has_the_statistics_and_other_weights(x):
    model = adapted(x)
    other = rebuild(described(model), 7, {})
    expected = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), keras.config.epsilon())
    np.testing.assert_allclose(normalized(other, x), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(normalized(other, x), normalized(model, x))
    assert not np.array_equal(other.layers[-1].kernel, model.layers[-1].kernel)


def test_bins_stay_and_models_without_adapted_layers_are_described_as_before(x):
    bins = layers.Discretization(num_bins=4, output_mode="one_hot")
    bins.update_state(x)
    bins.finalize_state()
    model = keras.Sequential([keras.Input((8, 8)), layers.Reshape((64, 1)), bins])
    model.compile(loss="mse")
    np.testing.assert_array_equal(rebuild(described(model), 7, {})(x), model(x))
    assert described(model).keys() == json.loads(model.to_json()).keys()


def test_weights_that_are_assigned_bring_the_statistics(x):
    """As in runs whose model.json was written without them."""
    model = adapted(x)
    of_keras = json.loads(model.to_json())
    other = architecture.build(of_keras)
    other.set_weights(model.get_weights())
    architecture.follow_weights(other)
    np.testing.assert_array_equal(other(x), model(x))


@pytest.mark.slow
def test_the_networks_of_a_run_keep_the_statistics(digits, x, tmp_path):
    model = adapted(x)
    run = mlplab.train(digits, model=model, seeds=2, epochs=1, batch_size=103, verbose=0, out=tmp_path / "run")
    for member in run.members:
        np.testing.assert_array_equal(normalized(member.model, x), normalized(model, x))
        expected = member.model.predict(x[:100], verbose=0)
        np.testing.assert_allclose(member.predict(digits.train.images[:100]), expected, atol=1e-6)


def on_a_frozen_base(x):
    """A classifier on a base that is trained already, and stays as it is."""
    base = keras.Sequential(
        [keras.Input((8, 8)), layers.Flatten(), layers.Dense(8), layers.BatchNormalization(), layers.ReLU()],
        name="base",
    )
    base.compile("adam", "mse")
    base.fit(x, np.zeros((len(x), 8)), verbose=0)
    base.trainable = False
    model = keras.Sequential([keras.Input((8, 8)), base, layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.slow
def test_a_base_that_is_not_trained_keeps_its_weights(digits, x, tmp_path):
    model = on_a_frozen_base(x / 16)
    run = mlplab.train(digits, model=model, seeds=2, epochs=1, batch_size=103, verbose=0, out=tmp_path / "run")
    kernels = [model.layers[-1].kernel, *(member.model.layers[-1].kernel for member in run.members)]
    assert not np.array_equal(kernels[1], kernels[2])
    built, _ = ModelBuilder.of(run.members[0]).build(0, digits, 100)
    for other in (*(member.model for member in run.members), built):
        for expected, weights in zip(model.layers[0].get_weights(), other.layers[0].get_weights(), strict=True):
            np.testing.assert_array_equal(weights, expected)
