"""How far the probabilities can be trusted: reliability, its error, and the temperature that mends it."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import RunError, UsageError, unknown_name
from mlplab.inspection.classification import mean_interval
from mlplab.inspection.examples import Examples, examples_of, opened
from mlplab.runs import Run
from mlplab.runs.directory import CALIBRATION
from mlplab.scores import SMALLEST_PROBABILITY, wilson_interval
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_log = logging.getLogger("mlplab")

BINS = 15
BINNINGS = ("width", "mass")
HALF_QUANTILE = 1.920729
"""Half the 95 % quantile of χ² with one degree of freedom."""
_RESAMPLES = 2000


def show_calibration(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    *,
    bins: int = BINS,
    equal: str = "width",
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """The reliability diagram: how often the predicted class is right, by how probable the network said it is.

    Args:
        source, y, split, class_names, data: see `examples_of`.
        bins: how many parts the confidences are divided into.
        equal: "width": parts of the interval from 0 to 1; "mass": parts of as many rows each.

    Returns:
        Table of bin_low, bin_high, n, confidence, accuracy, accuracy_low, accuracy_high (Wilson, 95 %); bins without
        rows are left out.
    """
    examples = examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False)
    return reliability(examples, bins, equal).show()


def calibrate(run: Run) -> dict[str, float]:
    """The temperature that fits the run's validation split best, found once and kept in the run (calibration.json).

    Probabilities become softmax(log(p) / temperature): their order stays, and so does the accuracy. Guo et al. 2017,
    "On calibration of modern neural networks", section 4.2. The test set has no part in it.

    Returns:
        `temperature`, above 1 for a network that is too sure, with its 95 % interval from `low` to `high`, and the mean
        log-loss of the validation rows `before` and `after`.

    Raises:
        RunError: if the run has no validation split.
    """
    run = opened(run)
    if kept := _kept(run):
        return kept
    try:
        held_out = run.predictions("validation")
    except RunError as error:
        if run.members:
            raise
        raise RunError(
            f"{run.path} has no validation split, and a temperature must not be fitted to the test set. "
            "Train with validation above 0, such as 0.1.",
            arguments=("validation",),
        ) from error
    found = temperature(held_out.probabilities, held_out.label)
    run.directory.keep(CALIBRATION, found)
    return found


def _kept(run: Run) -> dict[str, float] | None:
    """The calibration that is kept in the run; None where there is none, or one of another version."""
    kept = run.directory.kept(CALIBRATION)
    try:
        return kept and {name: float(kept[name]) for name in ("temperature", "low", "high", "before", "after")}
    except (KeyError, TypeError, ValueError):
        run.directory.log_outdated(CALIBRATION)
        return None


def reliability(examples: Examples, bins: int = BINS, equal: str = "width") -> Table:
    """See `show_calibration`."""
    edges = _edges(examples.confidence, bins, equal)
    place = _bins(examples.confidence, edges)
    n = np.bincount(place, minlength=bins)
    used = n > 0
    right = np.bincount(place, examples.correct, bins).astype(int)
    intervals = np.array([wilson_interval(int(k), int(m)) for k, m in zip(right[used], n[used], strict=True)])
    columns = {
        "bin_low": edges[:-1][used],
        "bin_high": edges[1:][used],
        "n": n[used],
        "confidence": np.bincount(place, examples.confidence, bins)[used] / n[used],
        "accuracy": right[used] / n[used],
        "accuracy_low": intervals[:, 0],
        "accuracy_high": intervals[:, 1],
    }

    def draw() -> "Figure":
        from mlplab.figures import charts

        return charts.reliability(columns)

    return Table(columns, f"Accuracy by confidence ({examples.name})", draw)


def expected_calibration_error(
    examples: Examples, bins: int = BINS, equal: str = "width"
) -> tuple[float, float, float]:
    """The expected calibration error of the predicted classes' probabilities, with a 95 % interval.

    The mean over rows of |accuracy − confidence| of their bin: Naeini et al. 2015, Guo et al. 2017 eq. 3, with bins
    [low, high) as torchmetrics has them, the last one closed. The interval is that of a bootstrap over rows
    (percentiles), in which the sum of a bin's differences is taken as normal. As resampling adds noise of its own to
    every bin, it lies somewhat high for networks that are calibrated well.

    Returns:
        value, low, high; fractions from 0 to 1.
    """
    place = _bins(examples.confidence, _edges(examples.confidence, bins, equal))
    gaps = examples.correct - examples.confidence.astype(np.float64)
    n = len(examples)
    sums = np.bincount(place, gaps, bins)
    spread = np.sqrt((np.bincount(place, gaps**2, bins) - sums**2 / n).clip(0))
    draws = np.abs(np.random.default_rng(0).normal(sums, spread, (_RESAMPLES, bins))).sum(1) / n
    value = float(np.abs(sums).sum() / n)
    low, high = np.percentile(draws, (2.5, 97.5))
    return value, float(min(low, value)), float(max(high, value))


def errors(examples: Examples, run: Run | None = None) -> Table:
    """Expected calibration errors, as the network comes and, where a temperature can be had, with it.

    Args:
        examples: the rows to look at.
        run: if given and it has a validation split, its temperature is applied, see `calibrate`.

    Returns:
        Table of probabilities ("as predicted" or "at temperature 1.2"), ece_width and ece_mass, each with `_low` and
        `_high`, and log_loss with the same (95 %).
    """
    found = {"as predicted": examples}
    scaling = run and temperature_of(run)
    if scaling:
        mended = tempered(examples.probabilities, scaling["temperature"])
        found[f"at temperature {scaling['temperature']:.2f}"] = dataclasses.replace(examples, probabilities=mended)
    columns: dict[str, list] = {"probabilities": list(found)}
    for equal in BINNINGS:
        triples = [expected_calibration_error(each, equal=equal) for each in found.values()]
        for end, values in zip(("", "_low", "_high"), zip(*triples, strict=True), strict=True):
            columns[f"ece_{equal}{end}"] = list(values)
    losses = [
        mean_interval(-np.log(each.given.astype(np.float64).clip(SMALLEST_PROBABILITY))) for each in found.values()
    ]
    for end, values in zip(("", "_low", "_high"), zip(*losses, strict=True), strict=True):
        columns[f"log_loss{end}"] = list(values)
    title = f"Expected calibration error, {BINS} bins of equal width or equal mass ({examples.name})"
    return Table({name: np.array(values) for name, values in columns.items()}, title)


def temperature_of(run: Run) -> dict[str, float] | None:
    """The run's temperature, see `calibrate`; None for a run without a validation split."""
    return _kept(run) or (calibrate(run) if run.directory.has_predictions("validation") else None)


def temperature(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The temperature with the least log-loss on these rows, between 0.05 and 20, see `calibrate`.

    Its interval is that of the profile likelihood: temperatures whose log-likelihood is within 1.92, half the 95 %
    quantile of χ² with one degree of freedom, of the best (Wilks 1938).
    """
    from scipy.optimize import brentq, minimize_scalar

    logits = np.log(probabilities.astype(np.float64).clip(np.finfo(np.float32).tiny))

    def log_loss(log_temperature: float) -> float:
        return float(-np.log(_softmax(logits / np.exp(log_temperature))[np.arange(len(labels)), labels]).mean())

    bounds = np.log(0.05), np.log(20)
    found: Any = minimize_scalar(log_loss, bounds=bounds, method="bounded")
    before = log_loss(0.0)
    # Where one is as good as another, as with a single class, 1 leaves things as they are.
    best, after = (found.x, float(found.fun)) if found.fun < before else (0.0, before)

    def beyond(log_temperature: float) -> float:
        return len(labels) * (log_loss(log_temperature) - after) - HALF_QUANTILE

    ends: list[Any] = [brentq(beyond, best, bound) if beyond(bound) > 0 else bound for bound in bounds]
    t, low, high = np.exp([best, *ends]).tolist()
    return {"temperature": t, "low": low, "high": high, "before": before, "after": after}


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, classes) as they are at a temperature, see `calibrate`; float64."""
    return _softmax(np.log(probabilities.astype(np.float64).clip(np.finfo(np.float32).tiny)) / temperature)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def _edges(confidence: np.ndarray, bins: int, equal: str) -> np.ndarray:
    """The bins' limits, (bins + 1,), from 0 to 1."""
    if equal not in BINNINGS:
        raise UsageError(unknown_name("kind of bins", equal, BINNINGS))
    if bins < 1:
        raise UsageError(f"bins must be a number of at least 1; got {bins}.")
    if equal == "width":
        return np.linspace(0, 1, bins + 1)
    edges = np.quantile(confidence, np.linspace(0, 1, bins + 1))
    edges[0], edges[-1] = 0, 1
    return edges


def _bins(confidence: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The bin [low, high) of each confidence, the last with its high end; int (n,)."""
    return (np.searchsorted(edges, confidence, side="right") - 1).clip(0, len(edges) - 2)
