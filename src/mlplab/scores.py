"""Scores of predictions on labelled rows, with their intervals. NumPy only."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SMALLEST_PROBABILITY = 1e-7
"""The log-loss replaces smaller probabilities by this one, as Keras's cross-entropy does."""


def wilson_intervals(correct: ArrayLike, n: ArrayLike, z: float = 1.959964) -> tuple[np.ndarray, np.ndarray]:
    """Compute Wilson score intervals of proportions `correct / n`: lower and upper ends; NaN where n is 0.

    The default `z` gives 95 % intervals. Wilson (1927), "Probable inference, the law of succession, and statistical
    inference", J. Am. Stat. Assoc. 22.
    """
    n = np.where(np.asarray(n) > 0, n, np.nan)
    p = np.asarray(correct) / n
    centre = p + z * z / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return np.maximum(0.0, (centre - half) / scale), np.minimum(1.0, (centre + half) / scale)


def wilson_interval(correct: int, n: int) -> tuple[float, float]:
    """Compute the 95 % interval of one proportion, see `wilson_intervals`."""
    low, high = wilson_intervals(correct, n)
    return float(low), float(high)


def mean_over_seeds(values: Sequence[float]) -> tuple[float, float | None, list[float] | None]:
    """Compute mean, standard deviation, and the 95 % interval of the mean (Student's t) of one value for each seed.

    Student (1908), "The probable error of a mean", Biometrika 6. The interval is for the mean of infinitely many seeds
    on the same test rows. A single value has neither deviation nor interval.
    """
    numbers = np.asarray(values, np.float64)
    mean = float(numbers.mean())
    if len(numbers) < 2:
        return mean, None, None
    from scipy.special import stdtrit  # takes a third of a second, so it is imported only for several seeds

    sd = float(numbers.std(ddof=1))
    half = float(stdtrit(len(numbers) - 1, 0.975)) * sd / math.sqrt(len(numbers))
    return mean, sd, [mean - half, mean + half]


def mean_accuracy(values: Sequence[float]) -> tuple[float, float | None, list[float] | None]:
    """Apply `mean_over_seeds` to accuracies, with the interval cut to 0 … 1."""
    mean, sd, interval = mean_over_seeds(values)
    return mean, sd, None if interval is None else [max(0.0, interval[0]), min(1.0, interval[1])]


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Compute the log-loss of each row, float64 (n,), of labels (n,) and probabilities (n, classes)."""
    true_probability = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(true_probability.clip(SMALLEST_PROBABILITY))


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Score probabilities (n, classes) on labels (n,): `loss`, `accuracy`, `interval` (95 %) and `n`."""
    n = len(labels)
    correct = int((probabilities.argmax(1) == labels).sum())
    return {
        "loss": float(log_losses(labels, probabilities).mean()),
        "accuracy": correct / n,
        "interval": list(wilson_interval(correct, n)),
        "n": n,
    }


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count a confusion matrix, int (classes, classes): rows true, columns predicted."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def confusion_cells(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[np.ndarray, ...]:
    """Count the cells of a confusion matrix that are not empty: true class, predicted class and count, int (cells,)."""
    cells, counts = np.unique(labels.astype(np.int64) * classes + predicted, return_counts=True)
    return (*np.divmod(cells, classes), counts)


def true_counts(confusion: Mapping[str, Sequence[int]] | Sequence[Sequence[int]]) -> list[int]:
    """Return the number of rows of each class that occurs in the field `confusion` of a result."""
    if not isinstance(confusion, Mapping):
        return [sum(row) for row in confusion]
    return np.bincount(confusion["true"], weights=confusion["count"]).astype(int).tolist()


def per_class_accuracy(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Compute the fraction of each class's rows predicted right, float (classes,); NaN for a class without rows."""
    rows = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[labels == predicted], minlength=classes)
    return np.divide(right, rows, out=np.full(classes, np.nan), where=rows > 0)
