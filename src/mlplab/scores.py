"""Scores of predictions on labelled rows, with their intervals. NumPy only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

SMALLEST_PROBABILITY = 1e-7
"""The log-loss replaces smaller probabilities by this one, as Keras's cross-entropy does."""

UNBALANCED = 1.5
"""Classes are called unbalanced where the most frequent has at least this many times the rows of the rarest."""


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
    """Score probabilities (n, classes) on labels (n,).

    Returns:
        `loss`, `accuracy`, `interval` (95 %, of the accuracy), `n`, `balanced_accuracy` and `macro_f1`.
    """
    counts = ClassCounts.of(labels, probabilities.argmax(1), probabilities.shape[1])
    n, correct = len(labels), int(counts.correct.sum())
    return {
        "loss": float(log_losses(labels, probabilities).mean()),
        "accuracy": correct / n,
        "interval": list(wilson_interval(correct, n)),
        "n": n,
        "balanced_accuracy": counts.balanced_accuracy,
        "macro_f1": counts.macro_f1,
    }


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Rows of each class.

    Attributes:
        correct: labelled with the class and predicted as it, int (classes,).
        predicted: predicted as the class, int (classes,).
        true: labelled with the class, int (classes,).
    """

    correct: np.ndarray
    predicted: np.ndarray
    true: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, predicted: np.ndarray, classes: int) -> "ClassCounts":
        """Count rows, given their labels and predicted classes, int (n,) each."""
        rows = (labels[labels == predicted], predicted, labels)
        return cls(*(np.bincount(of_rows, minlength=classes) for of_rows in rows))

    @classmethod
    def of_confusion(
        cls, confusion: Mapping[str, Sequence[int]] | Sequence[Sequence[int]], classes: int
    ) -> "ClassCounts":
        """Count the rows of the field `confusion` of a result."""
        if isinstance(confusion, Mapping):
            true, predicted, counts = (np.asarray(confusion[name], int) for name in ("true", "predicted", "count"))
        else:
            counts = np.asarray(confusion).reshape(-1)
            true, predicted = np.indices((classes, classes)).reshape(2, -1)
        return cls(
            *(
                np.bincount(of_cells, weights=counts * shown, minlength=classes).astype(int)
                for of_cells, shown in ((true, true == predicted), (predicted, True), (true, True))
            )
        )

    @property
    def balanced_accuracy(self) -> float:
        """The mean over classes of the fraction of their rows predicted right; classes without rows are left out."""
        occurs = self.true > 0
        return float((self.correct[occurs] / self.true[occurs]).mean())

    @property
    def macro_f1(self) -> float:
        """The mean over classes of F1; classes without labels and predictions are left out, as in scikit-learn."""
        rows = self.predicted + self.true
        return float((2 * self.correct[rows > 0] / rows[rows > 0]).mean())


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count a confusion matrix, int (classes, classes): rows true, columns predicted."""
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def confusion_cells(labels: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[np.ndarray, ...]:
    """Count the cells of a confusion matrix that are not empty: true class, predicted class and count, int (cells,)."""
    cells, counts = np.unique(labels.astype(np.int64) * classes + predicted, return_counts=True)
    return (*np.divmod(cells, classes), counts)


def are_unbalanced(rows_of_class: ArrayLike) -> bool:
    """Return whether the most frequent class has at least 1.5 times the rows of the rarest class that has any."""
    rows = np.asarray(rows_of_class)
    return bool(rows.max() >= UNBALANCED * rows[rows > 0].min())


def per_class_accuracy(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Compute the fraction of each class's rows predicted right, float (classes,); NaN for a class without rows."""
    rows = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[labels == predicted], minlength=classes)
    return np.divide(right, rows, out=np.full(classes, np.nan), where=rows > 0)
