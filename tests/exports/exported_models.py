"""Models and data of every kind that are exported."""

import numpy as np

from mlplab import keras

layers = keras.layers


def drawn_data(shape, classes, uint8):
    """Rows around one point for each class: 200 for training, 60 for testing. The same in each worker."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(classes, *shape))

    def part(n):
        labels = rng.permutation(np.arange(n) % classes).astype(np.int32)
        rows = centres[labels] + rng.normal(size=(n, *shape))
        return (np.clip(127 + 40 * rows, 0, 255).astype(np.uint8) if uint8 else rows.astype(np.float32)), labels

    return part(200), part(60)


def compiled(model, loss="sparse_categorical_crossentropy"):
    model.compile("adam", loss, metrics=["accuracy"])
    return model


def skipping(shape, classes):
    inputs = keras.Input(shape)
    x = layers.Dense(12, "gelu")(layers.LayerNormalization()(inputs))
    x = layers.Add()([x, layers.Dense(12, "tanh")(x)])
    return keras.Model(inputs, layers.Dense(classes)(layers.Concatenate()([x, inputs])))


LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
BINARY_LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
TRAINED = {
    "encoded": {"hidden": [16], "batch_norm": True, "pixel_encoding": 3, "dropout": 0.2},
    "ladder": {"hidden": [24, 16], "ladder": "full", "labelled": 200},
    "population": {"hidden": [8], "standardize": True, "seeds": 2},
}
OWN = {
    "binary": (((5,), 2, False), lambda: [layers.Dense(6, "relu"), layers.Dense(1, "sigmoid")], "binary_crossentropy"),
    "logit": (((5,), 2, False), lambda: [layers.Dense(1)], BINARY_LOGITS),
    "colour": (((48, 32, 3), 3, True), lambda: [layers.Flatten(), layers.Dense(8, "silu"), layers.Dense(3)], LOGITS),
    "embeddings": (((24,), 4, False), None, LOGITS),
}
KINDS = ["digits", "fashion", *TRAINED, *OWN]
