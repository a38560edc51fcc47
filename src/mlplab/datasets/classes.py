"""Names and numbers of classes."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import DataError, UsageError, unknown_name


def numbered_classes(*labels: ArrayLike) -> tuple[str, ...]:
    """Return names for classes without names: "0", "1", … up to the largest label.

    Labels other than integers are ignored here; `Dataset` refuses them.

    Raises:
        DataError: if the largest label is far larger than the number of labels.
    """
    arrays = [array for array in map(np.asarray, labels) if array.size and array.dtype.kind in "iu"]
    largest = int(max((array.max() for array in arrays), default=0))
    rows = sum(array.size for array in arrays)
    if largest > max(rows, 1000):
        raise DataError(
            f"Labels must number the classes from 0. Got {largest} as the largest of {rows} labels: "
            "renumber them, for instance by np.unique(labels, return_inverse=True)[1]."
        )
    return tuple(str(number) for number in range(largest + 1))


def require_one_label(rows: np.ndarray, what: str) -> None:
    """Raise `DataError` unless labels of shape (n, classes) are one-hot: a single 1 in each row, and zeros.

    Messages name the labels as `what` ("The labels of mnist train").
    """
    numbers = rows.dtype.kind in "uibf"
    ones = (rows == 1).sum(1) if numbers else np.zeros(len(rows))
    if numbers and ((rows == 0) | (rows == 1)).all():
        if (ones == 1).all():
            return
        row = int((ones != 1).argmax())
        raise DataError(
            f"{what} must be one class a row. Got {ones[row]} of {rows.shape[1]} in row {row}. "
            "Several labels a row: train it with mlplab.fit, and score it with Keras's metrics."
        )
    raise DataError(
        f"{what} must be class numbers (n,), or one-hot rows (n, classes), each of a single 1 and zeros. Got "
        f"{rows.dtype} of shape {rows.shape}. Targets of other numbers: train it with mlplab.fit."
    )


def class_number(wanted: str | int, class_names: Sequence[str]) -> int:
    """Return the number of a class given by its exact name, its name in any case, or its number, in this order.

    Raises:
        UsageError: if there is no such class. The message has the nearest names.
    """
    number = wanted
    if isinstance(wanted, str):
        by_name = _numbers(tuple(class_names))
        number = by_name.get(wanted, by_name.get(wanted.strip().lower()))
        if number is None and not wanted.strip().isdecimal():
            raise UsageError(unknown_name("class", wanted, class_names))
    number = int(wanted if number is None else number)
    if not 0 <= number < len(class_names):
        raise UsageError(f"Classes are numbered from 0 to {len(class_names) - 1}; got {number}.")
    return number


@functools.lru_cache(maxsize=4)
def _numbers(class_names: tuple[str, ...]) -> dict[str, int]:
    """Return the number of each name, exact and in lower case. An exact name wins over a lower-case one."""
    lowered = {name.strip().lower(): number for number, name in enumerate(class_names)}
    return lowered | {name: number for number, name in enumerate(class_names)}
