"""What a few steps at many learning rates say of a whole training. NumPy only."""

import math
from dataclasses import dataclass

import numpy as np

from mlplab.errors import TrainingError

_LEVEL = 0.03
"""A loss counts as low if the part of the way down that it lacks is at most this."""
_LONG = 0.5
"""What long training at a constant rate takes of the rate that is best at first."""
_LONG_STEPS = 4
"""Training is long if it has more steps than so many times those tried."""


@dataclass(frozen=True, eq=False)
class RateScan:
    """How a network fares after the same number of steps at each of many rates.

    Attributes:
        rates: float (n,), rising.
        loss: float (n,), mean over the steps, on the rows trained on. NaN: no longer a finite number.
        val_loss: float (n,), after the last step, on rows held out. NaN likewise.
        untrained: the validation loss before the first step.
        steps: how many.
    """

    rates: np.ndarray
    loss: np.ndarray
    val_loss: np.ndarray
    untrained: float
    steps: int

    @property
    def diverged(self) -> np.ndarray:
        """bool (n,): no finite number, or worse than no training at all."""
        return ~(self.val_loss < self.untrained)


@dataclass(frozen=True)
class Suggestion:
    """A learning rate to train with.

    Attributes:
        rate: the suggestion.
        best: the middle of the rates that are best in the scan, on a logarithmic scale.
        low, high: where they end.
        reason: in words.
    """

    rate: float
    best: float
    low: float
    high: float
    reason: str


def suggested(scan: RateScan, schedule: str = "none", steps: int | None = None) -> Suggestion:
    """The rate to train with.

    Rates that come down nearly as far as the best one form a valley, and its middle moves less from seed to seed than
    the lowest point does. Training that is long against the scan, at a constant rate, ends better with less than that,
    since towards its end the noise of the steps counts; a schedule that comes down takes care of that by itself.
    benchmarks/learning_rate.py measures what this comes to.

    Args:
        scan: what was found.
        schedule: of the training to come, "none" or "cosine".
        steps: of the training to come; None: long.

    Raises:
        TrainingError: if training made the loss lower at none of the rates.
    """
    good = ~scan.diverged
    if not good.any():
        raise TrainingError(
            f"After {scan.steps:,} steps the validation loss is above that of the untrained network "
            f"({scan.untrained:.4g}) at all rates from {scan.rates[0]:.2g} to {scan.rates[-1]:.2g}. Try smaller rates, "
            "and see that inputs are scaled to [0, 1]."
        )
    low, high, open_ended = _valley(scan, good)
    best = math.sqrt(low * high)
    long = schedule == "none" and (steps is None or steps > _LONG_STEPS * scan.steps)
    rate = _two_digits(best * (_LONG if long else 1))
    reason = (
        f"After {scan.steps:,} steps the validation loss is lowest from {low:.2g} to {high:.2g}; the middle is "
        f"{best:.2g}. "
    )
    if long:
        reason += "Many steps at a constant rate end better with half of that."
    elif schedule == "none":
        reason += "Training is to be short, so it is taken as it is."
    else:
        reason += "The schedule begins there and comes down by itself."
    if open_ended:
        reason += " The rates tried end within the valley: try more of them."
    return Suggestion(rate, best, low, high, reason)


def _valley(scan: RateScan, good: np.ndarray) -> tuple[float, float, bool]:
    """Where the loss rises above the level on either side of its lowest; and whether that lies outside the rates."""
    loss = np.where(good, scan.val_loss, scan.untrained)
    best = int(loss.argmin())
    level = loss[best] + _LEVEL * (scan.untrained - loss[best])
    logs = np.log(scan.rates)
    ends, open_ended = [], False
    for step in (-1, 1):
        at = best
        while 0 <= at + step < len(loss) and loss[at + step] <= level:
            at += step
        if not 0 <= at + step < len(loss):
            ends.append(scan.rates[at])
            open_ended = True
            continue
        part = (level - loss[at]) / (loss[at + step] - loss[at])
        ends.append(math.exp(logs[at] + part * (logs[at + step] - logs[at])))
    return float(ends[0]), float(ends[1]), open_ended


def _two_digits(rate: float) -> float:
    return float(f"{rate:.1e}")
