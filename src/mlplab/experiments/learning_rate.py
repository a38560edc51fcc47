"""The learning-rate finder: losses after the same number of steps at many rates, and a suggestion.

rate_scan.py trains the networks. It needs Keras, so it is imported after all that can be refused without it.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from mlplab.datasets import Data, load
from mlplab.errors import TrainingError, UsageError
from mlplab.figures import scans
from mlplab.progress import bar
from mlplab.runs import Settings
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.table import Table

if TYPE_CHECKING:
    import keras

    from mlplab.experiments.rate_scan import RateScan

_VALLEY_LEVEL = 0.03
"""A rate belongs to the valley if its loss is at most this share of the whole descent above the lowest loss."""
_LONG_FACTOR = 0.5
"""The best constant rate of a long training, relative to the rate that is best at first."""
_LONG_STEPS = 4
"""A training is long if it has more than this many times the steps of the scan."""


@dataclass(frozen=True, eq=False, repr=False)
class LearningRates(Table):
    """The result of `find_learning_rate`: a row for each rate, and the suggestion.

    Attributes:
        suggestion: the rate to train with.
        low, high: ends of the valley of the lowest losses.
        reason: for the suggestion, in words.
        steps: at each rate.
    """

    suggestion: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    reason: str = ""
    steps: int = 0

    def _more(self) -> list[str]:
        return [*super()._more(), f"Suggested learning rate: {self.suggestion:.2g}. {self.reason}"]


@takes_settings(
    learning_rate="find_learning_rate looks for it; rates=[…] says which to try",
    early_stopping="every rate is tried for the same number of steps",
    swa="every rate is tried from the same weights, and judged by its losses in training",
    ladder="the rates are tried on labelled rows alone",
)
def find_learning_rate(
    data: Any,
    y: Any = None,
    *,
    model: "keras.Model | None" = None,
    rates: Any = None,
    steps: int | None = None,
    verbose: int | str = "auto",
    **settings: Unpack[SettingsArguments],
) -> LearningRates:
    """Find a learning rate: train a network for some steps at each of many rates, from the same weights.

    Args:
        data: what `mlplab.load` takes; or inputs (n, …) with their targets `y`, which go into `model` unchanged.
        y: targets (n, …), where `data` is inputs.
        model: a compiled Keras model of yours, tried from its present weights. Model and optimizer are left
            unchanged. Without it, the network that `settings` describe is built.
        rates: to try; by default 26 from 0.00001 to 1, for SGD from 0.0001 to 10.
        steps: at each rate; by default the number that takes some seconds in all.
        verbose: 0: no progress bar.
        settings: of the training that the rate is for, as `mlplab.train` takes them: hidden, dropout, optimizer,
            schedule, epochs, batch_size, validation, seed, …

    Returns:
        Table of learning_rate, loss (of training, mean over the steps), val_loss (after the steps, on rows held out)
        and diverged; with `suggestion` and `reason`.

    Raises:
        UsageError, DataError, ModelError: for arguments that do not fit each other.
        TrainingError: if the loss fell at none of the rates.

    Example:
        found = mlplab.find_learning_rate("digits", hidden=[16], rates=[0.001, 0.01, 0.1], steps=20)
        print(f"{found.suggestion:.2g}", found.reason)
    """
    filled = Settings.with_defaults(own_model=model is not None, **settings)
    if y is not None and model is None:
        raise UsageError("Inputs and y need a model of yours: give model=…, or a data set instead of inputs.")
    source: Any = load(data, quiet=verbose == 0) if y is None else (data, y)
    from mlplab.experiments import rate_scan

    with bar(verbose, "learning rates") as progress:
        options: dict[str, Any] = {"rates": rates, "steps": steps, "progress": progress}
        if model is None:
            scan, schedule = rate_scan.scan_settings(filled, source, **options), filled.schedule
        else:
            scan = rate_scan.scan_model(model, source, settings=filled, **options)
            schedule = rate_scan.schedule_of(model)
    suggestion = suggest(scan, schedule, scan.training_steps if model is None or "epochs" in settings else None)
    name = source.name if isinstance(source, Data) else "arrays"
    title = f"Loss after {scan.steps:,} steps by learning rate ({name})"
    columns = {"learning_rate": scan.rates, "loss": scan.loss, "val_loss": scan.val_loss, "diverged": scan.diverged}
    valley = (suggestion.low, suggestion.high)
    return LearningRates(
        columns,
        title,
        lambda: scans.learning_rates(columns, scan.untrained, suggestion.rate, valley, title),
        suggestion=suggestion.rate,
        low=suggestion.low,
        high=suggestion.high,
        reason=suggestion.reason,
        steps=scan.steps,
    ).show()  # pyright: ignore[reportReturnType] - it returns itself


@dataclass(frozen=True)
class Suggestion:
    """A learning rate to train with.

    Attributes:
        rate: the suggestion.
        best: the middle of the valley, on a logarithmic scale.
        low, high: ends of the valley, the rates that are best in the scan.
        reason: in words.
    """

    rate: float
    best: float
    low: float
    high: float
    reason: str


def suggest(scan: "RateScan", schedule: str = "none", steps: int | None = None) -> Suggestion:
    """Suggest a learning rate from a scan.

    The rates whose loss is close to the lowest loss form a valley. Its middle differs less between seeds than the
    rate of the lowest loss. A long training at a constant rate ends better with a smaller rate, because each step adds
    noise to the final weights. With a schedule that lowers the rate this is not needed. benchmarks/learning_rate.py
    measures the suggestions.

    Args:
        scan: the losses by rate.
        schedule: of the training to come, by its name in `Settings`.
        steps: of the training to come; None: long.

    Raises:
        TrainingError: if training lowered the loss at none of the rates.
    """
    good = ~scan.diverged
    if not good.any():
        raise TrainingError(
            f"After {scan.steps:,} steps the validation loss is above that of the untrained network "
            f"({scan.untrained:.4g}) at all rates from {scan.rates[0]:.2g} to {scan.rates[-1]:.2g}. Try smaller rates, "
            "and check that the inputs are scaled to [0, 1]."
        )
    low, high, open_ended = _valley(scan, good)
    best = math.sqrt(low * high)
    long = schedule == "none" and (steps is None or steps > _LONG_STEPS * scan.steps)
    rate = float(f"{best * (_LONG_FACTOR if long else 1):.1e}")  # two digits
    reason = (
        f"After {scan.steps:,} steps the validation loss is lowest from {low:.2g} to {high:.2g}; the middle is "
        f"{best:.2g}. "
    )
    if long:
        reason += "Many steps at a constant rate end better with half of that."
    elif schedule == "none":
        reason += "The training is short, so the middle is suggested."
    else:
        reason += "The schedule starts there and comes down."
    if open_ended:
        reason += " The rates tried end within the valley: try more of them."
    return Suggestion(rate, best, low, high, reason)


def _valley(scan: "RateScan", good: np.ndarray) -> tuple[float, float, bool]:
    """Return where the loss rises above the valley's level on both sides, and whether that is outside the rates."""
    loss = np.where(good, scan.val_loss, scan.untrained)
    best = int(loss.argmin())
    level = loss[best] + _VALLEY_LEVEL * (scan.untrained - loss[best])
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
