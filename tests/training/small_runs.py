"""What tests of training share: settings of one small network, and callbacks that end or spoil its training."""

from pathlib import Path

import numpy as np

from mlplab import keras

SETTINGS = {
    "hidden": [8],
    "dropout": 0.2,
    "epochs": 5,
    "early_stopping": 1,
    "schedule": "cosine",
    "batch_size": 64,
    "labelled": 640,
    "learning_rate": 0.03,
    "seed": 4,
}
"""Seeds 4 and 5 are stopped early, one epoch after their best one. All batches have one size: one compilation."""

SMALL = {**SETTINGS, "verbose": 0}
FILES = ("model.safetensors", "predictions-test.npz", "predictions-validation.npz", "metrics.jsonl", "split.npz")


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C after some epochs, by the exception that the signal raises."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.after:
            raise KeyboardInterrupt


class Poison(keras.callbacks.Callback):
    """Spoils the weights before the second epoch, whose loss is not a number then."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.set_weights([np.full_like(weights, np.nan) for weights in self.model.get_weights()])


def bytes_of(path: Path, names=FILES) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in names if (path / name).exists()}
