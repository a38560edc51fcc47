"""The dense network: flatten, hidden layers, softmax."""

import math
import random
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from mlplab.errors import plain_number, require

ABOVE_0 = 1 / 255
"""From this value on a pixel counts as above 0 in `pixel_encoding`: the smallest one of 8 bits."""


def mlp(
    input_shape: Sequence[int],
    classes: int,
    hidden: int | Sequence[int] = (20,),
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    pixel_encoding: int = 0,
    input_dropout: float = 0.0,
    noise: float = 0.0,
    hidden_noise: float = 0.0,
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Sequential:
    """Build a multi-layer perceptron: hidden layers, each with its activation and dropout, then a softmax.

    Args:
        input_shape: shape of one row: (h, w), (h, w, c) or (d,).
        classes: units of the last layer.
        hidden: units of each hidden layer, or of the only one; empty: softmax regression.
        activation: activation of the hidden layers, by Keras's name.
        dropout: fraction of a hidden layer's outputs that training sets to 0, in [0, 1).
        pixel_encoding: by how many numbers the first hidden layer gets each pixel, a number in [0, 1]: the first says
            whether it is above 0, the others how far it is through each of `pixel_encoding - 1` equal intervals. All
            go from -1 to 1. 0: the pixel itself. Gorishniy et al. (2022), "On embeddings for numerical features in
            tabular deep learning", section 3.2, where it is called piecewise linear encoding.
        input_dropout: fraction of a row's inputs that training sets to 0, in [0, 1).
        noise: standard deviation of the normal noise that training adds to the inputs, before all else.
        hidden_noise: standard deviation of the normal noise that training adds to each hidden layer's sums, after the
            batch normalisation and before the activation. With `batch_norm` and `noise` it is the network without
            decoder of Rasmus et al. (2015), arXiv 1507.02672, section 4.1.2.
        batch_norm: whether each hidden layer normalises its sums over the batch, before the activation. The layer
            then has no bias, which the normalisation would cancel.
        seed: seed of the initial weights, dropout and noise. None: `keras.utils.set_random_seed` decides, if it was
            called.

    Raises:
        UsageError: for a `pixel_encoding` below 2 that is not 0.

    Returns:
        The uncompiled model: float inputs (batch, *input_shape) → probabilities (batch, classes).

    Example:
        model = mlplab.mlp((8, 8), classes=10, hidden=[16], dropout=0.1, seed=0)
        print(model.count_params())
    """
    encodes = isinstance(pixel_encoding, int) and pixel_encoding >= 2
    require(encodes or pixel_encoding == 0, "pixel_encoding", pixel_encoding, "0, or a whole number of at least 2")
    units_of_layers = [plain_number(units) for units in np.atleast_1d(np.asarray(hidden, object))]
    # keras.utils.set_random_seed seeds Python's random, from which Keras draws the seeds that are not given.
    entropy = random.randrange(2**31) if seed is None else seed
    generated = np.random.SeedSequence(entropy).generate_state(3 * len(units_of_layers) + 3).tolist()
    seeds = iter(generated)  # the first ones do not depend on how many follow: of the layers, the inputs, hidden noise
    noise_seed, input_dropout_seed, *hidden_noise_seeds = generated[2 * len(units_of_layers) + 1 :]

    model = keras.Sequential([keras.Input(tuple(input_shape))], name="mlp")
    if len(input_shape) > 1:
        model.add(layers.Flatten())
    if noise:
        model.add(layers.GaussianNoise(noise, seed=noise_seed))
    if pixel_encoding:
        _add_pixel_encoding(model, pixel_encoding)
    if input_dropout:
        whole_pixels = (None, math.prod(input_shape), 1) if pixel_encoding else None
        model.add(layers.Dropout(input_dropout, noise_shape=whole_pixels, seed=input_dropout_seed))
    if pixel_encoding:
        model.add(layers.Flatten())
    for units, hidden_noise_seed in zip(units_of_layers, hidden_noise_seeds, strict=True):
        if batch_norm or hidden_noise:
            _add_dense(model, units, next(seeds), use_bias=not batch_norm)
            if batch_norm:
                model.add(layers.BatchNormalization())
            if hidden_noise:
                model.add(layers.GaussianNoise(hidden_noise, seed=hidden_noise_seed))
            model.add(layers.Activation(activation))
        else:
            _add_dense(model, units, next(seeds), activation=activation)
        dropout_seed = next(seeds)
        if dropout:
            model.add(layers.Dropout(dropout, seed=dropout_seed))
    _add_dense(model, plain_number(classes), next(seeds), activation="softmax")
    return model


def _add_pixel_encoding(model: keras.Sequential, numbers: int) -> None:
    """Add layers of Keras that encode pixels in [0, 1]: (batch, pixels) → (batch, pixels, numbers), each in [-1, 1].

    A layer with fixed weights and a `hard_tanh` goes from -1 to 1 on each interval.
    """
    edges = np.linspace(0, 1, numbers)
    low, high = np.array([0, *edges[:-1]]), np.array([ABOVE_0, *edges[1:]])
    slope = 2 / (high - low)
    weights: dict[str, Any] = {
        "kernel_initializer": keras.initializers.Constant(slope.tolist()),
        "bias_initializer": keras.initializers.Constant((-1 - slope * low).tolist()),
    }
    model.add(layers.Reshape((-1, 1)))
    model.add(layers.Dense(numbers, "hard_tanh", **weights, trainable=False, name="pixel_encoding"))


def _add_dense(model: keras.Sequential, units: int, seed: int, **arguments: Any) -> None:
    """Add a dense layer with Glorot-uniform weights, drawn by NumPy.

    JAX compiles a program for each shape of random numbers, which takes longer than an epoch of a small network. The
    layer's configuration names Keras's own initializer, so that the layer can be rebuilt from it.
    """
    layer = layers.Dense(units, kernel_initializer=_glorot_uniform(seed), **arguments)
    model.add(layer)
    layer.kernel_initializer = keras.initializers.GlorotUniform(seed)


def _glorot_uniform(seed: int) -> Any:
    """Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", eq. 16."""

    def draw(shape: tuple[int, int], dtype: Any = None) -> np.ndarray:
        limit = np.float32(np.sqrt(6 / sum(shape)))
        return (limit * (2 * np.random.default_rng(seed).random(shape, np.float32) - 1)).astype(dtype)

    return draw
