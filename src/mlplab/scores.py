"""What a classifier's predictions on labelled rows amount to, with the uncertainty of it. NumPy only."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

SMALLEST_PROBABILITY = 1e-7
"""Below it a probability counts as this much in the log-loss, as in Keras's cross-entropy."""


def wilson_interval(correct: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion: 95 % with the default `z`.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22.
    """
    p = correct / n
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def mean_over_seeds(values: Sequence[float]) -> tuple[float, float | None, list[float] | None]:
    """Mean and standard deviation of what several seeds gave, and the 95 % interval of the mean (Student's t).

    Student (1908), "The probable error of a mean", Biometrika 6. It tells where the mean of endless seeds probably
    lies, on these test rows. One value has neither deviation nor interval.
    """
    given = np.asarray(values, np.float64)
    mean = float(given.mean())
    if len(given) < 2:
        return mean, None, None
    from scipy.special import stdtrit  # a third of a second: only for those who have several seeds

    sd = float(given.std(ddof=1))
    half = float(stdtrit(len(given) - 1, 0.975)) * sd / math.sqrt(len(given))
    return mean, sd, [mean - half, mean + half]


def mean_accuracy(values: Sequence[float]) -> tuple[float, float | None, list[float] | None]:
    """`mean_over_seeds` of accuracies: the interval ends at 0 and 1, as they do."""
    mean, sd, interval = mean_over_seeds(values)
    return mean, sd, None if interval is None else [max(0.0, interval[0]), min(1.0, interval[1])]


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Loss and accuracy of probabilities (n, classes) on labels (n,): `loss`, `accuracy`, `interval` (95 %), `n`."""
    n = len(labels)
    correct = int((probabilities.argmax(1) == labels).sum())
    given = probabilities[np.arange(n), labels].astype(np.float64)
    return {
        "loss": float(-np.log(given.clip(SMALLEST_PROBABILITY)).mean()),
        "accuracy": correct / n,
        "interval": list(wilson_interval(correct, n)),
        "n": n,
    }


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The confusion matrix, int (classes, classes): rows true, columns predicted."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def per_class_accuracy(matrix: np.ndarray) -> np.ndarray:
    """The fraction of each class's rows that were predicted right, float (classes,); NaN where it has none."""
    rows = matrix.sum(1)
    return np.divide(matrix.diagonal(), rows, out=np.full(len(matrix), np.nan), where=rows > 0)
