"""The dense network: flatten, hidden layers, softmax."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers


def mlp(
    input_shape: Sequence[int],
    classes: int,
    hidden: Sequence[int] = (20,),
    *,
    activation: str = "relu",
    dropout: float = 0.0,
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Sequential:
    """A multi-layer perceptron: hidden layers, each with its activation and dropout, then a softmax over classes.

    Args:
        input_shape: of one row: (h, w), (h, w, c) or (d,).
        classes: units of the last layer.
        hidden: units of each hidden layer; empty: softmax regression.
        activation: of the hidden layers, by Keras's name.
        dropout: fraction of a hidden layer's outputs set to zero in training, in [0, 1).
        batch_norm: normalise each hidden layer's sums over the batch, before the activation; then the layer has
            no bias, which the normalisation would take out again.
        seed: of initial weights and dropout; None: Keras's own.

    Returns:
        The model, not compiled: float inputs (batch, *input_shape) → probabilities (batch, classes).
    """
    seeds = iter([None] * (2 * len(hidden) + 1))
    if seed is not None:
        seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(hidden) + 1).tolist())

    def weights() -> Any:
        return keras.initializers.GlorotUniform(next(seeds))

    model = keras.Sequential([keras.Input(tuple(input_shape))], name="mlp")
    if len(input_shape) > 1:
        model.add(layers.Flatten())
    for units in hidden:
        if batch_norm:
            model.add(layers.Dense(units, use_bias=False, kernel_initializer=weights()))
            model.add(layers.BatchNormalization())
            model.add(layers.Activation(activation))
        else:
            model.add(layers.Dense(units, activation, kernel_initializer=weights()))
        dropout_seed = next(seeds)
        if dropout:
            model.add(layers.Dropout(dropout, seed=dropout_seed))
    model.add(layers.Dense(classes, "softmax", kernel_initializer=weights()))
    return model
