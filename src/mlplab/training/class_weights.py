"""The setting `class_weight` → a weight for each class, by which the loss of its rows is multiplied."""

from collections.abc import Mapping, Sequence

import numpy as np

from mlplab.errors import UsageError, unknown_name


def row_weights(
    class_weight: Mapping[str, float] | str | None,
    labels: np.ndarray,
    class_names: Sequence[str],
    rows: np.ndarray | None = None,
) -> np.ndarray | None:
    """Return the weight of each row's class, float32 (n,), or None without `class_weight`.

    Args:
        class_weight, class_names: as in `weights_of_classes`.
        labels: of all rows, (n,).
        rows: those that are trained on; None: all.
    """
    if class_weight is None:
        return None
    return weights_of_classes(class_weight, labels if rows is None else labels[rows], class_names)[labels]


def weights_of_classes(
    class_weight: Mapping[str, float] | str, labels: np.ndarray, class_names: Sequence[str]
) -> np.ndarray:
    """Return a weight for each class, float32 (classes,).

    Args:
        class_weight: weights by name or number of a class, 1 for those that it lacks. A name counts before a number.
            Or "balanced": rows / (classes · rows of the class), as in scikit-learn, so that all classes count the same.
        labels: of the rows that are trained on, for "balanced".
        class_names: in the order of the labels.

    Raises:
        UsageError: for a class that does not exist.
    """
    count = len(class_names)
    if isinstance(class_weight, str):
        rows = np.bincount(labels, minlength=count)
        occurring = np.count_nonzero(rows)
        return np.where(rows, len(labels) / (occurring * np.maximum(rows, 1)), 1.0).astype(np.float32)
    weights = np.ones(count, np.float32)
    numbers = {str(number): number for number in range(count)}
    positions = numbers | {name: number for number, name in enumerate(class_names)}
    for name, weight in class_weight.items():
        if name not in positions:
            raise UsageError(f"class_weight: {unknown_name('class', name, class_names)}")
        weights[positions[name]] = weight
    return weights
