"""Stochastic weight averaging, the setting `swa`: a run keeps the mean of the weights after its last epochs.

Izmailov, Podoprikhin, Garipov, Vetrov, Wilson (2018), "Averaging weights leads to wider optima and better
generalization", arXiv 1803.05407, Algorithm 1 with a cycle of one epoch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.engine import keras, keras_internals, predict
from mlplab.engine.source import Source
from mlplab.errors import UsageError
from mlplab.runs import Settings


class WeightAveraging(keras.callbacks.Callback):
    """Puts the mean of the weights after the last epochs in their place when training ends.

    Each epoch counts equally, with the weights that it ended with. The statistics of batch normalisation are then
    estimated again, as they belong to other weights.

    Args:
        model: whose weights are averaged.
        source: the training rows, for the statistics.
        first: the first epoch that counts, from 1.
        mean: the mean of the epochs that were done before, if any counted: of a checkpoint.

    Attributes:
        mean: arrays, one for each of the model's trainable variables; None while no epoch has counted.

    Raises:
        UsageError: for a model whose optimizer keeps averages of its own.
    """

    def __init__(self, model: keras.Model, source: Source, first: int, mean: Sequence[np.ndarray] | None = None):
        super().__init__()
        self.mean = None if mean is None else list(mean)
        self._averaged, self._source, self._first = model, source, first
        if getattr(model.optimizer, "use_ema", False):
            raise UsageError(
                "swa and the running averages of the model's optimizer (use_ema) would both take the place of the "
                "weights: leave one of them out.",
                arguments=("swa",),
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        count = epoch + 2 - self._first
        if count < 1:
            return
        weights = [np.array(variable.value) for variable in self._averaged.trainable_variables]
        before = weights if self.mean is None else self.mean
        self.mean = [mean + (now - mean) / count for mean, now in zip(before, weights, strict=True)]

    def on_train_end(self, logs: Any = None) -> None:
        if self.mean is None:
            return
        for variable, mean in zip(self._averaged.trainable_variables, self.mean, strict=True):
            variable.assign(mean)
        estimate_statistics(self._averaged, self._source)


def weight_averaging(
    settings: Settings, model: keras.Model, source: Source, mean: Sequence[np.ndarray] | None = None
) -> WeightAveraging | None:
    """Return the callback that averages the weights of a network with these settings; None without `swa`."""
    first = settings.first_averaged_epoch
    return None if first is None else WeightAveraging(model, source, first, mean)


def estimate_statistics(model: keras.Model, source: Source) -> None:
    """Replace the moving averages of batch normalisation by means over the batches of one pass over a source.

    The rows pass through the model as in training, with dropout and noise, and each batch is normalised by its own
    mean and variance. A layer then has the means of both over all batches, each weighted by its number of rows: the
    update of the statistics in the authors' code. Frozen layers stay as they are.
    """
    layers: list[Any] = [layer for layer in keras_internals.layers(model) if _has_statistics(layer)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0  # a batch's statistics then take the place of the average
        rows, statistics = predict(_BatchStatistics(model, layers), source, verbose=0)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    for layer, of_batches in zip(layers, statistics, strict=True):
        for variable, values in zip(layer.non_trainable_variables, of_batches, strict=True):
            variable.assign(np.average(values, axis=0, weights=rows))


def _has_statistics(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable


class _BatchStatistics(keras.Model):
    """Gives the number of rows of a batch, (1,), and each layer's statistics of it: a list of arrays (1, units)."""

    def __init__(self, model: keras.Model, layers: Sequence[Any]):
        super().__init__()
        self.inner, self.normalisations = model, layers
        self.built = True

    def call(self, x: Any) -> tuple[Any, list[list[Any]]]:
        self.inner(x, training=True)
        rows = len(keras.tree.flatten(x)[0])
        statistics = [
            [keras.ops.expand_dims(variable, 0) for variable in layer.non_trainable_variables]
            for layer in self.normalisations
        ]
        return keras.ops.full((1,), rows), statistics
