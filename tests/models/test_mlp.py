import itertools

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.errors import UsageError


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({"hidden": [20]}, 15_910),
        ({"hidden": 20}, 15_910),
        ({"hidden": np.array([20])}, 15_910),
        ({"hidden": [50, 50], "dropout": 0.2}, 42_310),
        ({"hidden": []}, 7_850),
        ({"hidden": [30], "batch_norm": True}, 784 * 30 + 4 * 30 + 310),
    ],
)
def test_parameters_are_the_notebooks(arguments, parameters):
    assert mlplab.mlp((28, 28), 10, **arguments).count_params() == parameters


def test_layers_come_in_order():
    model = mlplab.mlp((28, 28), 10, [50, 50], dropout=0.2, batch_norm=True, activation="gelu")
    kinds = [type(layer).__name__ for layer in model.layers]
    hidden = ["Dense", "BatchNormalization", "Activation", "Dropout"]
    assert kinds == ["Flatten", *hidden, *hidden, "Dense"]
    assert model.layers[3].activation is keras.activations.gelu
    assert model.layers[4].rate == 0.2
    assert model.layers[-1].activation is keras.activations.softmax


def test_noise_and_dropout_of_the_inputs_come_before_the_first_dense_layer():
    model = mlplab.mlp((28, 28), 10, [5], noise=0.3, input_dropout=0.2, seed=0)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Flatten", "GaussianNoise", "Dropout", "Dense", "Dense"]
    x = np.ones((200, 28, 28), "float32")
    changed = np.asarray(keras.Sequential(model.layers[:3])(x, training=True))
    kept = changed != 0
    assert kept.mean() == pytest.approx(0.8, abs=0.01)
    assert changed[kept].mean() * 0.8 == pytest.approx(1, abs=0.01)
    assert changed[kept].std() * 0.8 == pytest.approx(0.3, abs=0.01)
    plain = mlplab.mlp((28, 28), 10, [5], seed=0)
    np.testing.assert_array_equal(model.predict(x[:2], verbose=0), plain.predict(x[:2], verbose=0))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_noise_of_hidden_layers_is_added_to_their_sums(batch_norm):
    model = mlplab.mlp((28, 28), 10, [300, 5], hidden_noise=0.3, batch_norm=batch_norm, seed=0)
    plain = mlplab.mlp((28, 28), 10, [300, 5], batch_norm=batch_norm, seed=0)
    *sums, noise, activation = model.layers[1 : 4 + batch_norm]
    assert [type(layer).__name__ for layer in (noise, activation)] == ["GaussianNoise", "Activation"]
    x = np.random.default_rng(0).random((200, 28, 28), "float32")
    before = np.asarray(keras.Sequential([model.layers[0], *sums])(x))
    added = np.asarray(noise(before, training=True)) - before
    assert added.std() == pytest.approx(0.3, abs=0.01)
    assert model.layers[-3].seed_generator is not noise.seed_generator
    np.testing.assert_allclose(model.predict(x[:2], verbose=0), plain.predict(x[:2], verbose=0), rtol=1e-6)


@pytest.mark.parametrize("numbers", [2, 4])
def test_pixels_are_encoded_by_how_far_they_are_through_intervals(numbers):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 2)).astype("float32") / 255
    pixels[0] = np.array([0, 1, 2, 85, 86, 170, 254, 255]).reshape(4, 2) / np.float32(255)
    model = mlplab.mlp((4, 2), 3, [6], pixel_encoding=numbers, input_dropout=0.5, seed=0)
    edges = np.linspace(0, 1, numbers)
    through = [np.interp(pixels, ends, (-1, 1)) for ends in itertools.pairwise(edges)]
    expected = np.stack([np.where(pixels > 0, 1, -1), *through], -1).reshape(5, -1)
    np.testing.assert_allclose(keras.Sequential(model.layers[:-2])(pixels), expected, atol=2e-6)

    dropped = np.asarray(keras.Sequential(model.layers[:-2])(pixels, training=True)).reshape(5, 8, numbers) == 0
    assert (dropped.all(-1) == dropped.any(-1)).all()  # whole pixels
    assert 0 < dropped.mean() < 1
    again = keras.Sequential.from_config(model.get_config())
    for ours, theirs in zip(model.layers[2].weights, again.layers[2].weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert len(model.trainable_variables) == 4


@pytest.mark.parametrize("numbers", [-1, 1, 2.5])
def test_an_encoding_needs_two_numbers_or_more(numbers):
    with pytest.raises(UsageError, match=r"pixel_encoding must be 0, or a whole number of at least 2; got"):
        mlplab.mlp((4, 2), 3, [6], pixel_encoding=numbers)


def test_features_need_no_flattening():
    assert mlplab.mlp((7,), 3, [4]).output_shape == (None, 3)
    assert type(mlplab.mlp((7,), 3, [4]).layers[0]) is keras.layers.Dense


def test_the_seed_decides_and_nothing_else():
    keras.utils.set_random_seed(1)
    first = mlplab.mlp((8, 8), 10, [16], seed=5).get_weights()
    keras.utils.set_random_seed(2)
    again = mlplab.mlp((8, 8), 10, [16], seed=5).get_weights()
    other = mlplab.mlp((8, 8), 10, [16], seed=6).get_weights()
    for a, b, c in zip(first[::2], again[::2], other[::2], strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_initial_weights_are_glorot_uniform():
    """Glorot and Bengio (2010), eq. 16: uniform in ±sqrt(6 / (fan in + fan out))."""
    kernel = mlplab.mlp((28, 28), 10, [400], seed=0).get_weights()[0]
    limit = np.sqrt(6 / (784 + 400))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)
    assert kernel.mean() == pytest.approx(0, abs=limit / 100)


def test_without_a_seed_keras_own_decides():
    keras.utils.set_random_seed(1)
    first = mlplab.mlp((8, 8), 10, [16]).get_weights()[0]
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(mlplab.mlp((8, 8), 10, [16]).get_weights()[0], first)
