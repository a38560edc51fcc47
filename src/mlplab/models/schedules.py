"""Schedules of the learning rate, made of Keras's own."""

import keras

from mlplab.errors import require, require_whole


def constant_then_linear(
    rate: float, epochs: int, steps_per_epoch: int, constant: float = 0.67
) -> keras.optimizers.schedules.PiecewiseConstantDecay:
    """Return a schedule that keeps a learning rate for most epochs, then lowers it in equal parts to 0.

    The rate changes between epochs. In epoch k, counted from 0, it is rate · min(1, (epochs − k) / (epochs − c)),
    where c = constant · epochs; after the last epoch it is 0. This is the schedule of the ladder network's authors,
    who train 150 epochs (Rasmus et al. 2015, arXiv 1507.02672, their code).

    Args:
        rate: learning rate of the first epochs.
        epochs: epochs of the whole training, at least 1.
        steps_per_epoch: steps of an epoch, at least 1: `source.steps`.
        constant: fraction of the epochs that have the full rate, from 0 to below 1.

    Raises:
        UsageError: for numbers out of range.

    Example:
        schedule = mlplab.models.constant_then_linear(0.002, epochs=150, steps_per_epoch=600)
        optimizer = mlplab.keras.optimizers.Adam(schedule)
    """
    epochs, steps_per_epoch = require_whole("epochs", epochs), require_whole("steps_per_epoch", steps_per_epoch)
    require(rate > 0, "rate", rate, "a number above 0")
    require(0 <= constant < 1, "constant", constant, "a fraction from 0 to below 1")
    falling = epochs * (1 - constant)
    rates = [rate * min(1.0, (epochs - epoch) / falling) for epoch in range(epochs + 1)]
    # Keras takes a boundary's own step to the rate before it; the first step of an epoch has the epoch's rate.
    changes = [epoch for epoch in range(1, epochs + 1) if rates[epoch] != rates[epoch - 1]]
    boundaries = [epoch * steps_per_epoch - 1 for epoch in changes]
    return keras.optimizers.schedules.PiecewiseConstantDecay(boundaries, [rate, *(rates[epoch] for epoch in changes)])
