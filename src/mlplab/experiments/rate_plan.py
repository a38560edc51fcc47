"""What the learning-rate range test trains: which rates, and how many steps of a training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.engine import keras
from mlplab.errors import require, require_whole
from mlplab.runs import Settings

RATES = 10.0 ** np.linspace(-5, 0, 26)
"""The rates tried by default: five a decade."""
RATES_OF_SGD = 10.0 ** np.linspace(-4, 1, 26)
"""The default for plain gradient descent, whose steps are not scaled by the size of the gradient."""

_SECONDS = 0.25
"""Roughly what one rate takes on one core."""
_STEP_SECONDS, _FLOPS = 4e-5, 1e11
"""Overhead of a step in seconds, and operations a second beyond it. Constants of one core, so that the number of steps
is the same on every machine."""
_LEAST_STEPS, _MOST_STEPS = 200, 2000


def steps_for(parameters: int, batch_size: int) -> int:
    """Return the number of steps that takes a core about a quarter of a second, from 200 to 2,000."""
    seconds = _STEP_SECONDS + 6 * parameters * batch_size / _FLOPS
    return int(np.clip(round(_SECONDS / seconds, -2), _LEAST_STEPS, _MOST_STEPS))


def checked_rates(rates: Any, optimizer: str) -> np.ndarray:
    """Return the rates to try, float64 (n,), rising.

    Raises:
        UsageError: for values that are no rates, or fewer than 3.
    """
    if rates is None:
        return RATES_OF_SGD if optimizer.lower() == "sgd" else RATES
    try:
        rising = np.unique(np.asarray(rates, np.float64))
    except (TypeError, ValueError):  # no numbers
        rising = np.empty(0)
    valid = len(rising) >= 3 and bool(np.isfinite(rising).all() and rising[0] > 0)
    require(valid, "rates", rates, "at least 3 different numbers above 0, as in [0.001, 0.01, 0.1]")
    return rising


@dataclass(frozen=True)
class TrainingStart:
    """The first steps of a training.

    Attributes:
        rows: positions of the training rows that take part: those of one short epoch, or all.
        epochs: over these rows.
        steps: in all epochs.
        training_steps: of the whole training.
        order: batch size, shuffling and seed, as a source takes them.
    """

    rows: np.ndarray
    epochs: int
    steps: int
    training_steps: int
    order: dict[str, Any]

    @classmethod
    def of(cls, settings: Settings, model: keras.Model, rows: int, steps: int | None) -> "TrainingStart":
        """Plan `steps` steps over `rows` training rows: as many as there are in the training, at most."""
        if steps is not None:
            steps = require_whole("steps", steps)
        size = min(settings.batch_size, rows)
        epoch = -(-rows // size)
        training_steps = settings.epochs * epoch
        wanted = steps or min(steps_for(model.count_params(), size), training_steps)
        shuffled = np.random.default_rng((settings.seed, 0x17A7E)).permutation(rows)
        chosen = np.sort(shuffled[: wanted * size])
        epochs = max(1, round(wanted / epoch))
        order = {"batch_size": size, "shuffle": True, "seed": settings.seed}
        return cls(chosen, epochs, epochs * -(-len(chosen) // size), training_steps, order)
