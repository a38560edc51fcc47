"""Scores of a classifier on labelled rows, every number with its interval.

The metrics are scikit-learn's, which the tests hold them against. They are written in NumPy, for the bootstrap takes
them of a thousand resamples at once, and importing scikit-learn takes a third of the time that a report may take.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run
from mlplab.scores import SMALLEST_PROBABILITY, wilson_interval
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESAMPLES = 1000
Z = 1.959964
"""Standard normal quantile of a 95 % interval."""


def score(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Accuracy, top-k accuracy, log-loss, Brier score and macro averages, each with its 95 % interval.

    Args:
        source, y, split, class_names, data: see `examples_of`.

    Returns:
        Table of metric, value, low, high.
    """
    return overall(examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False))


def classification_report(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Precision, recall and F1 of each class, each with its 95 % interval.

    Args:
        source, y, split, class_names, data: see `examples_of`.

    Returns:
        Table of class, n (its rows), and precision, recall, f1, each with `_low` and `_high`; NaN where a class has
        no rows (recall) or was never predicted (precision).
    """
    return by_class(examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False))


def overall(examples: Examples) -> Table:
    """The scores over all rows: metric, value, low, high.

    Proportions have Wilson's interval. Log-loss and Brier score (the sum over classes of squared differences, Brier
    1950, from 0 to 2) are means over rows and have the normal one. Macro averages have the percentile interval of
    a bootstrap over rows (Efron and Tibshirani 1993, ch. 13).
    """
    rows = [("accuracy", *_proportion(int(examples.correct.sum()), len(examples)))]
    rows += [(f"top-{k} accuracy", *_proportion(_within_top(examples, k), len(examples))) for k in _tops(examples)]
    rows.append(("log-loss", *mean_interval(-np.log(examples.given.astype(np.float64).clip(SMALLEST_PROBABILITY)))))
    rows.append(("Brier score", *mean_interval(_brier(examples))))
    counts = _counts(examples)
    for name, values, draws in zip(("precision", "recall", "F1"), _ratios(counts), _resampled(examples), strict=True):
        # As in scikit-learn's macro average, 0 / 0 counts as 0, and only classes that occur are averaged.
        occurs = (counts[1] + counts[2]) > 0
        low, high = np.percentile(np.nan_to_num(draws[:, occurs]).mean(1), (2.5, 97.5))
        rows.append((f"macro {name}", float(np.nan_to_num(values[occurs]).mean()), float(low), float(high)))
    values = map(np.array, zip(*rows, strict=True))
    columns: dict[str, np.ndarray] = dict(zip(("metric", "value", "low", "high"), values, strict=True))
    return Table(columns, f"Scores on {len(examples):,} rows, with 95 % intervals ({examples.name})")


def by_class(examples: Examples) -> Table:
    """Precision, recall and F1 of each class. The first two are proportions with Wilson's interval; F1's is a
    bootstrap's over rows."""
    counts = _counts(examples)
    right, predicted, true = counts
    precision, recall, f1 = _ratios(counts)
    columns: dict[str, np.ndarray] = {"class": np.array(examples.class_names, dtype=object), "n": true}
    for name, values, of in (("precision", precision, predicted), ("recall", recall, true)):
        intervals = np.array([_proportion(int(k), int(n))[1:] for k, n in zip(right, of, strict=True)])
        columns |= {name: values, f"{name}_low": intervals[:, 0], f"{name}_high": intervals[:, 1]}
    low, high = _percentiles(_resampled(examples)[2])
    columns |= {"f1": f1, "f1_low": low, "f1_high": high}

    def draw() -> "Figure":
        from mlplab.figures import charts

        return charts.class_intervals(columns)

    return Table(columns, f"Precision, recall and F1 of each class, with 95 % intervals ({examples.name})", draw)


def _tops(examples: Examples) -> tuple[int, ...]:
    return tuple(k for k in (2, 3, 5) if k < examples.probabilities.shape[1])


def _within_top(examples: Examples, k: int) -> int:
    """Rows whose true class is among the k most probable; of equal probabilities the later classes count first, as in
    scikit-learn."""
    order = np.argsort(examples.probabilities, axis=1, kind="stable")[:, ::-1][:, :k]
    return int((order == examples.labels[:, None]).any(1).sum())


def _brier(examples: Examples) -> np.ndarray:
    """The squared distance from the one-hot label, (n,)."""
    p = examples.probabilities.astype(np.float64)
    return (p**2).sum(1) - 2 * examples.given + 1


def _counts(examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of each class that were predicted right, predicted as it, labelled as it: int (classes,) each."""
    classes = len(examples.class_names)
    right = np.bincount(examples.labels[examples.correct], minlength=classes)
    return (
        right,
        np.bincount(examples.predicted, minlength=classes),
        np.bincount(examples.labels, minlength=classes),
    )


def _ratios(counts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of counts (right, predicted, true) of any one shape; NaN for 0 / 0."""
    right, predicted, true = (np.asarray(count, np.float64) for count in counts)
    with np.errstate(invalid="ignore"):
        return right / predicted, right / true, 2 * right / (predicted + true)


def _resampled(examples: Examples) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 of resampled rows, (RESAMPLES, classes) each.

    A row matters only as one more in its cell of the confusion matrix, so drawing n rows with replacement is one draw
    from a multinomial distribution over the cells that are not empty.
    """
    classes = len(examples.class_names)
    cells, counts = np.unique(examples.labels * classes + examples.predicted, return_counts=True)
    draws = np.random.default_rng(0).multinomial(len(examples), counts / len(examples), RESAMPLES).astype(np.float32)
    true, predicted = (np.eye(classes, dtype=np.float32)[axis] for axis in np.divmod(cells, classes))
    return _ratios((draws @ (true * predicted), draws @ predicted, draws @ true))


def _percentiles(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 2.5th and 97.5th percentile of each column, passing over NaN; NaN for a column of nothing else."""
    found = np.full((2, draws.shape[1]), np.nan)
    some = ~np.isnan(draws).all(0)
    found[:, some] = np.nanpercentile(draws[:, some], (2.5, 97.5), axis=0)
    return found[0], found[1]


def _proportion(k: int, n: int) -> tuple[float, float, float]:
    return (k / n, *wilson_interval(k, n)) if n else (np.nan, np.nan, np.nan)


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean with its normal 95 % interval."""
    mean = float(values.mean()) + 0.0  # no -0.0
    half = Z * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return mean, mean - half, mean + half
