"""Calibration of the probabilities: reliability diagram, expected calibration error, and temperature scaling."""

import dataclasses
import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import Advice, RunError, UsageError, require_whole, unknown_name
from mlplab.figures import charts
from mlplab.inspection.classification import mean_interval
from mlplab.inspection.examples import Examples, Source, examples_of, open_run
from mlplab.runs import Run
from mlplab.runs.directory import CALIBRATION
from mlplab.scores import wilson_intervals
from mlplab.table import Table

_log = logging.getLogger("mlplab")

BINS = 15
BINNINGS = ("width", "mass")
_HALF_QUANTILE = 1.920729
"""Half the 95 % quantile of χ² with one degree of freedom."""
_RESAMPLES = 2000
_CERTAIN = 2
"""A temperature whose interval spans a larger ratio is vague."""


def show_calibration(
    source: Source,
    y: ArrayLike | None = None,
    *,
    bins: int = BINS,
    equal: str = "width",
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Show the reliability diagram: accuracy by confidence, the probability of the predicted class.

    Args:
        source, y, split, class_names, data: see `examples_of`.
        bins: number of bins.
        equal: "width" for bins of equal width from 0 to 1; "mass" for bins with equal numbers of rows.

    Returns:
        Table of bin_low, bin_high, n, confidence, accuracy, accuracy_low, accuracy_high (Wilson, 95 %); bins without
        rows are left out. The figure is the diagram.

    Example:
        table = mlplab.show_calibration(run, bins=10)
    """
    examples = examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False)
    return reliability(examples, bins, equal).show()


def calibrate(run: Run) -> dict[str, float]:
    """Fit a temperature to the run's validation split, and keep it in the run (calibration.json).

    Probabilities become softmax(log(p) / temperature), which changes neither their order nor the accuracy. Guo et al.
    2017, "On calibration of modern neural networks", section 4.2. The test set is not used.

    Returns:
        `temperature`, above 1 for an overconfident network, its 95 % interval from `low` to `high`, and the mean
        log-loss of the validation rows `before` and `after`.

    Raises:
        RunError: if the run has no validation split.

    Example:
        temperature = mlplab.calibrate(run)["temperature"]
    """
    run = open_run(run)
    if kept := _kept(run):
        return kept
    fitted = _fitted(run)
    run.directory.keep(CALIBRATION, fitted)
    return fitted


def _fitted(run: Run) -> dict[str, float]:
    """Return the result of `calibrate`, which keeps it. Raises as `calibrate` does."""
    if not run.members and not run.directory.has_predictions("validation"):
        held_out = Advice("Train with validation=0.1", "Train with --validation 0.1")
        raise RunError(
            f"{run.path} has no validation split, and a temperature must not be fitted to the test set. {held_out}.",
            advice=[held_out],
        )
    validation = run.predictions("validation")
    return temperature(validation.probabilities, validation.label)


def is_vague(kept: Mapping[str, float]) -> bool:
    """Return whether too few validation rows determined a temperature, as `calibrate` returns it."""
    return kept["high"] >= _CERTAIN * kept["low"]


def _kept(run: Run) -> dict[str, float] | None:
    """Read the calibration kept in a run; None if there is none of this version."""
    names = ("temperature", "low", "high", "before", "after")
    return run.directory.kept(CALIBRATION, lambda kept: {name: float(kept[name]) for name in names})


def reliability(examples: Examples, bins: int = BINS, equal: str = "width") -> Table:
    """Build the table of `show_calibration`."""
    edges, numbers = _bins(examples.confidence, bins, equal)
    n = np.bincount(numbers, minlength=bins)
    used = n > 0
    correct = np.bincount(numbers, examples.correct, bins)[used].astype(int)
    low, high = wilson_intervals(correct, n[used])
    columns = {
        "bin_low": edges[:-1][used],
        "bin_high": edges[1:][used],
        "n": n[used],
        "confidence": np.bincount(numbers, examples.confidence, bins)[used] / n[used],
        "accuracy": correct / n[used],
        "accuracy_low": low,
        "accuracy_high": high,
    }
    title = f"Accuracy by confidence ({examples.name})"
    return Table(columns, title, functools.partial(charts.reliability, columns))


def expected_calibration_error(
    examples: Examples, bins: int = BINS, equal: str = "width"
) -> tuple[float, float, float]:
    """Compute the expected calibration error of the confidences, with a 95 % interval.

    The error is the mean over rows of |accuracy − confidence| of their bin: Naeini et al. 2015, Guo et al. 2017 eq. 3,
    with bins [low, high) as in torchmetrics, the last one closed. The interval is the percentile interval of a
    bootstrap over rows, with the sum of a bin's differences taken as normal. Resampling adds noise to every bin, so
    the interval lies somewhat high for well calibrated networks.

    Returns:
        value, low, high; fractions from 0 to 1.
    """
    _, numbers = _bins(examples.confidence, bins, equal)
    gaps = examples.correct - examples.confidence.astype(np.float64)
    n = len(examples)
    sums = np.bincount(numbers, gaps, bins)
    spread = np.sqrt((np.bincount(numbers, gaps**2, bins) - sums**2 / n).clip(0))
    draws = np.abs(np.random.default_rng(0).normal(sums, spread, (_RESAMPLES, bins))).sum(1) / n
    value = float(np.abs(sums).sum() / n)
    low, high = np.percentile(draws, (2.5, 97.5))
    return value, float(min(low, value)), float(max(high, value))


def calibration_errors(examples: Examples, run: Run | None = None) -> Table:
    """Compute expected calibration errors of the predicted probabilities, and of the same at the run's temperature.

    Args:
        examples: the rows.
        run: adds a row at this run's temperature, see `calibrate`, if it has a validation split.

    Returns:
        Table of probabilities ("as predicted" or "at temperature 1.2"), ece_width, ece_mass and log_loss, each with
        `_low` and `_high` (95 %).
    """
    variants = {"as predicted": examples}
    scaling = run and temperature_of(run)
    if scaling:
        scaled = at_temperature(examples.probabilities, scaling["temperature"])
        variants[f"at temperature {scaling['temperature']:.2f}"] = dataclasses.replace(examples, probabilities=scaled)
    columns = {"probabilities": np.array(list(variants))}
    for name, measure in {
        "ece_width": functools.partial(expected_calibration_error, equal="width"),
        "ece_mass": functools.partial(expected_calibration_error, equal="mass"),
        "log_loss": lambda variant: mean_interval(variant.losses),
    }.items():
        values = np.array([measure(variant) for variant in variants.values()])
        columns |= {name: values[:, 0], f"{name}_low": values[:, 1], f"{name}_high": values[:, 2]}
    title = f"Expected calibration error, {BINS} bins of equal width or equal mass ({examples.name})"
    return Table(columns, title)


def temperature_of(run: Run, *, keep: bool = True) -> dict[str, float] | None:
    """Return the result of `calibrate`, or None for a run without a validation split.

    `keep`: in the run, as `calibrate` does; else the run's directory is only read.
    """
    if not run.directory.has_predictions("validation"):
        return None
    return calibrate(run) if keep else _kept(run) or _fitted(run)


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Find the temperature between 0.05 and 20 with the least log-loss on these rows, see `calibrate`.

    The interval is the profile likelihood's: temperatures whose log-likelihood is within 1.92, half the 95 % quantile
    of χ² with one degree of freedom, of the best (Wilks 1938).
    """
    from scipy.optimize import brentq, minimize_scalar

    def log_loss(log_temperature: float) -> float:
        logits = _logits(probabilities, np.exp(log_temperature))  # whose probabilities could be 0
        return float((np.log(np.exp(logits).sum(1)) - logits[np.arange(len(labels)), labels]).mean())

    bounds = np.log(0.05), np.log(20)
    minimum: Any = minimize_scalar(log_loss, bounds=bounds, method="bounded")
    before = log_loss(0.0)
    # If all temperatures are equally good, as with a single class, 1 changes nothing.
    best, after = (minimum.x, float(minimum.fun)) if minimum.fun < before else (0.0, before)

    def beyond(log_temperature: float) -> float:
        return len(labels) * (log_loss(log_temperature) - after) - _HALF_QUANTILE

    ends: list[Any] = [brentq(beyond, best, bound) if beyond(bound) > 0 else bound for bound in bounds]
    t, low, high = np.exp([best, *ends]).tolist()
    return {"temperature": t, "low": low, "high": high, "before": before, "after": after}


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Scale probabilities (n, classes) to a temperature, see `calibrate`; float64."""
    exponentials = np.exp(_logits(probabilities, temperature))
    return exponentials / exponentials.sum(1, keepdims=True)


def _logits(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return log(p) / temperature of probabilities (n, classes), with 0 as the largest of each row; float64."""
    logits = np.log(probabilities.astype(np.float64).clip(np.finfo(np.float32).tiny)) / temperature
    return logits - logits.max(1, keepdims=True)


def _bins(confidence: np.ndarray, bins: int, equal: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of the bins, (bins + 1,), and the bin [low, high) of each confidence, the last one closed."""
    if equal not in BINNINGS:
        raise UsageError(unknown_name("kind of bins", equal, BINNINGS))
    require_whole("bins", bins, 1)
    edges = np.linspace(0, 1, bins + 1)
    if equal == "mass":
        edges[1:-1] = np.quantile(confidence, edges[1:-1])
    return edges, (np.searchsorted(edges, confidence, side="right") - 1).clip(0, bins - 1)
