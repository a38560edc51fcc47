"""The confusion matrix on the page: of all classes, or of the most confused ones if there are many."""

from dataclasses import dataclass

import numpy as np

from mlplab import scores
from mlplab.inspection.examples import Examples

MOST_CLASSES = 25


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix, or a part of it.

    Attributes:
        classes: the classes shown, int (k,), ascending.
        counts: int (k, k), rows true, columns predicted.
        of_true, of_predicted: for each class shown, the number of all rows with this label, and with this prediction.
        total: the number of all classes.
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
    """Return the matrix. Of more than `most` classes it has those of the most frequent confusions."""
    total = len(examples.class_names)
    counts = scores.confusion(examples.labels, examples.predicted, total)
    classes = np.arange(total) if total <= most else _most_confused(counts, most)
    return Matrix(classes, counts[np.ix_(classes, classes)], counts.sum(1)[classes], counts.sum(0)[classes], total)


def _most_confused(counts: np.ndarray, most: int) -> np.ndarray:
    """Return the first `most` classes in the confusions sorted by frequency; ascending."""
    order = np.argsort(-(counts - np.diag(counts.diagonal())), axis=None, kind="stable")
    classes = np.stack(np.divmod(order, len(counts)), 1).ravel()
    first = np.sort(np.unique(classes, return_index=True)[1])[:most]
    return np.sort(classes[first])
