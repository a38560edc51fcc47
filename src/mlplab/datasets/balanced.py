"""A few rows of each class: which of many rows are labelled."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.errors import UsageError, require_whole


def balanced_rows(labels: Any, labelled: int, seed: int = 0) -> np.ndarray:
    """Choose rows at random, the same number of each class.

    Args:
        labels: (n,), whole numbers or names of classes.
        labelled: how many rows to choose. Where the classes do not divide it, the first classes have one row more.
        seed: decides which rows.

    Returns:
        Row numbers, int64 (labelled,), sorted.

    Raises:
        UsageError: if a class has too few rows.

    Example:
        rows = balanced_rows(y, 100, seed=0)
    """
    rng = np.random.default_rng(require_whole("seed", seed, least=0))
    names, classes = np.unique(np.asarray(labels), return_inverse=True)
    rows_of_classes = [rng.permutation(np.flatnonzero(classes == c)) for c in range(len(names))]
    return np.sort(np.concatenate(equally_many(rows_of_classes, require_whole("labelled", labelled), names.tolist())))


def equally_many(rows_of_classes: Sequence[np.ndarray], labelled: int, names: Sequence[Any]) -> list[np.ndarray]:
    """Return the first rows of each class, `labelled` in all; the first classes have one more where it does not divide.

    Raises:
        UsageError: if a class has too few rows.
    """
    per_class, more = divmod(labelled, len(names))
    wanted = [per_class + (c < more) for c in range(len(names))]
    for name, rows, count in zip(names, rows_of_classes, wanted, strict=True):
        if count > len(rows):
            most = len(names) * min(map(len, rows_of_classes))
            raise UsageError(
                f"labelled={labelled} takes {count} rows of each class, and {name!r} has {len(rows)} to train on. "
                + (f"Give labelled={most} or less." if most else "Add rows of that class, or leave labelled out."),
                arguments=("labelled",),
            )
    return [rows[:count] for rows, count in zip(rows_of_classes, wanted, strict=True)]
