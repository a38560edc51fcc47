"""The confusion matrix as the page shows it: all classes, or of many those that are confused most."""

from dataclasses import dataclass

import numpy as np

from mlplab import scores
from mlplab.inspection.examples import Examples

MOST_CLASSES = 25


@dataclass(frozen=True)
class Matrix:
    """A part of the confusion matrix, or all of it.

    Attributes:
        classes: the classes shown, int (k,), ascending.
        counts: int (k, k), rows true, columns predicted.
        of_true, of_predicted: rows of each of these classes in all, int (k,).
        total: how many classes there are.
    """

    classes: np.ndarray
    counts: np.ndarray
    of_true: np.ndarray
    of_predicted: np.ndarray
    total: int

    @property
    def is_part(self) -> bool:
        return len(self.classes) < self.total


def matrix(examples: Examples, most: int = MOST_CLASSES) -> Matrix:
    """Of more than `most` classes, those that occur in the most frequent confusions."""
    total = len(examples.class_names)
    counts = scores.confusion(examples.labels, examples.predicted, total)
    classes = np.arange(total) if total <= most else _most_confused(counts, most)
    return Matrix(classes, counts[np.ix_(classes, classes)], counts.sum(1)[classes], counts.sum(0)[classes], total)


def _most_confused(counts: np.ndarray, most: int) -> np.ndarray:
    """Classes of the most frequent confusions, one after the other until there are enough; ascending."""
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")
    classes: dict[int, None] = {}
    for cell in order:
        for number in map(int, divmod(int(cell), len(counts))):
            if len(classes) < most:
                classes.setdefault(number)
        if len(classes) == most:
            break
    return np.array(sorted(classes))
