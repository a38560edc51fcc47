"""Scores of a classifier on labelled rows, each with its 95 % interval.

The metrics equal scikit-learn's, as the tests check. They are written in NumPy because the bootstrap computes them for
a thousand resamples at once, and because importing scikit-learn would take a third of a report's time.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.figures import charts
from mlplab.inspection.examples import Examples, Source, examples_of
from mlplab.scores import ClassCounts, wilson_interval, wilson_intervals
from mlplab.table import Table

RESAMPLES = 1000
Z = 1.959964
"""0.975 quantile of the standard normal distribution: half the width of a 95 % interval, in standard errors."""


def score(
    source: Source,
    y: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Compute accuracy, balanced accuracy, top-k accuracy, log-loss, Brier score, macro precision, recall and F1.

    Each has its 95 % interval. Proportions have Wilson's. Log-loss and Brier score (the sum over classes of squared
    differences, Brier 1950, from 0 to 2) are means over rows and have the normal interval. Balanced accuracy (the mean
    recall of the classes that have rows) and macro averages have the percentile interval of a bootstrap over rows
    (Efron and Tibshirani 1993, ch. 13), moved by its bias.

    Args:
        source, y, split, class_names, data: see `examples_of`.

    Returns:
        Table of metric, value, low, high.

    Example:
        table = mlplab.score(run)
        accuracy = table["value"][0]
    """
    examples = examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False)
    tops = {"accuracy": int(examples.correct.sum())}
    more_probable = _count_more_probable(examples)
    classes = len(examples.class_names)
    tops |= {f"top-{k} accuracy": int((more_probable < k).sum()) for k in (2, 3, 5) if k < classes}
    n = len(examples)
    counts, draws = _counts(examples), _resampled(examples)
    rows = [(name, count / n, *wilson_interval(count, n)) for name, count in tops.items()]
    rows.insert(1, ("balanced accuracy", *_mean_interval(counts.balanced_accuracy, draws[1][:, counts.true > 0])))
    rows.append(("log-loss", *mean_interval(examples.losses)))
    squares = (examples.probabilities.astype(np.float64) ** 2).sum(1)
    rows.append(("Brier score", *mean_interval(squares - 2 * examples.true_probability + 1)))
    # As in scikit-learn's macro average, 0 / 0 counts as 0. Classes without labels and predictions are left out.
    occurs = (counts.predicted + counts.true) > 0
    for name, values, drawn in zip(("precision", "recall", "F1"), _ratios(counts), draws, strict=True):
        counted = np.where(np.isnan(values[occurs]), 0, drawn[:, occurs])
        rows.append((f"macro {name}", *_mean_interval(float(np.nan_to_num(values[occurs]).mean()), counted)))
    values = map(np.array, zip(*rows, strict=True))
    columns: dict[str, np.ndarray] = dict(zip(("metric", "value", "low", "high"), values, strict=True))
    return Table(columns, f"Scores on {n:,} rows, with 95 % intervals ({examples.name})")


def classification_report(
    source: Source,
    y: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Compute precision, recall and F1 of each class, each with its 95 % interval.

    Precision and recall are proportions with Wilson's interval; F1 has the interval of a bootstrap over rows.

    Args:
        source, y, split, class_names, data: see `examples_of`. Predicted classes (n,) suffice.

    Returns:
        Table of class, n (rows labelled with it), and precision, recall, f1, each with `_low` and `_high`. Recall is
        NaN for a class without rows, precision for one that was never predicted, F1 where both hold. The figure draws
        the intervals.

    Example:
        table = mlplab.classification_report(run)
        worst = min(table, key=lambda row: row["f1"])["class"]
    """
    examples = examples_of(
        source, y, split=split, class_names=class_names, data=data, inputs=False, need_probabilities=False
    )
    counts = _counts(examples)
    precision, recall, f1 = _ratios(counts)
    columns: dict[str, np.ndarray] = {"class": np.array(examples.class_names, dtype=object), "n": counts.true}
    for name, values, totals in (("precision", precision, counts.predicted), ("recall", recall, counts.true)):
        low, high = wilson_intervals(counts.correct, totals)
        columns |= {name: values, f"{name}_low": low, f"{name}_high": high}
    draws = _resampled(examples)[2]
    percentiles = np.full((2, len(f1)), np.nan)
    defined = ~np.isnan(draws).all(0)
    percentiles[:, defined] = np.nanpercentile(draws[:, defined], (2.5, 97.5), axis=0)
    columns |= {"f1": f1, "f1_low": percentiles[0], "f1_high": percentiles[1]}
    title = f"Precision, recall and F1 of each class, with 95 % intervals ({examples.name})"
    return Table(columns, title, functools.partial(charts.class_intervals, columns))


def _count_more_probable(examples: Examples) -> np.ndarray:
    """Count, for each row, the classes that come before the true one, int (n,); ties go to the later class.

    This is the order of scikit-learn's top_k_accuracy_score. Counting takes a comparison for each class, not a sort.
    """
    true_probability, labels = examples.true_probability[:, None], examples.labels[:, None]
    later = np.arange(len(examples.class_names)) > labels
    more, equal = examples.probabilities > true_probability, examples.probabilities == true_probability
    return (more | (equal & later)).sum(1)


def _counts(examples: Examples) -> ClassCounts:
    return ClassCounts.of(examples.labels, examples.predicted, len(examples.class_names))


def _ratios(counts: ClassCounts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute precision, recall and F1 from counts, arrays of equal shape; NaN for 0 / 0."""
    correct, predicted, true = (
        np.asarray(count, np.float64) for count in (counts.correct, counts.predicted, counts.true)
    )
    with np.errstate(invalid="ignore"):
        return correct / predicted, correct / true, 2 * correct / (predicted + true)


def _mean_interval(value: float, draws: np.ndarray) -> tuple[float, float, float]:
    """Return a mean over classes with its 95 % interval, the percentiles of resampled rows without their bias.

    A resample lacks rows of rare classes, so that its mean is too low or too high. The bias is the mean over resamples
    minus the value (Efron and Tibshirani 1993, ch. 10).

    Args:
        value: the mean.
        draws: (RESAMPLES, classes), NaN where the rows drawn define no value for a class.
    """
    means = np.nanmean(draws, 1)
    low, high = np.percentile(means, (2.5, 97.5)) - (means.mean() - value)
    return value, max(0.0, min(float(low), value)), min(1.0, max(float(high), value))


def _resampled(examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute precision, recall and F1 of resampled rows, (RESAMPLES, classes) each.

    Only the counts in the confusion matrix matter, so drawing n rows with replacement is one draw from a multinomial
    distribution over its cells that are not empty.
    """
    classes = len(examples.class_names)
    cells, counts = np.unique(examples.labels * classes + examples.predicted, return_counts=True)
    draws = np.random.default_rng(0).multinomial(len(examples), counts / len(examples), RESAMPLES).astype(np.float32)
    true, predicted = np.divmod(cells, classes)
    right = true == predicted
    correct = _sums(draws[:, right], true[right], classes)
    return _ratios(ClassCounts(correct, _sums(draws, predicted, classes), _sums(draws, true, classes)))


def _sums(draws: np.ndarray, of_class: np.ndarray, classes: int) -> np.ndarray:
    """Sum the columns of draws (n, cells) that are of one class: (n, classes)."""
    order = np.argsort(of_class, kind="stable")
    present, starts = np.unique(of_class[order], return_index=True)
    sums = np.zeros((len(draws), classes), draws.dtype)
    if len(present):
        sums[:, present] = np.add.reduceat(draws[:, order], starts, axis=1)
    return sums


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Compute the mean with its normal 95 % interval."""
    mean = float(values.mean()) + 0.0  # no -0.0
    half = Z * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return mean, mean - half, mean + half
