"""Names and numbers of classes."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.errors import DataError, UsageError, brief, plain_number, printable, unknown_name

Label = int | bool | str
"""A label as it comes in arrays and files."""

_NAMED = 5
"""Labels that a message names at most."""


@dataclass(frozen=True)
class Classes:
    """The classes of a data set.

    Attributes:
        names: all different.
        labels: the label of each class in arrays and files.
    """

    names: tuple[str, ...]
    labels: tuple[Label, ...]

    @classmethod
    def numbered(cls, names: Sequence[str]) -> "Classes":
        """Return classes whose labels are 0, 1, …"""
        return cls(tuple(names), tuple(range(len(names))))

    @classmethod
    def of(cls, train: np.ndarray, test: np.ndarray, names: Sequence[str] | None, what: str) -> "Classes":
        """Return the classes of training and test labels, each (n,) as `arrays.plain_labels` returns them.

        Without names, the classes are the labels that occur, sorted, each named by its label. With names, the labels
        are positions in `names`, or else names, or else as many different whole numbers as there are names.

        Raises:
            DataError: for labels that do not fit the names, and for texts and numbers together.
        """
        trained, tested = (set(np.unique(labels).tolist()) for labels in (train, test))
        if train.size and test.size and (train.dtype.kind == "U") != (test.dtype.kind == "U"):
            raise DataError(
                f"The labels of {what} must be of one kind, texts or numbers. Got {train[0].item()!r} for training and "
                f"{test[0].item()!r} for testing: convert both, as in labels.astype(str)."
            )
        present = sorted(trained | tested, key=lambda label: (isinstance(label, str), label))
        if names is None:
            labels = range(len(present)) if _are_positions(present, len(present)) else present
            return cls(tuple(printable(str(label)) for label in present), tuple(labels))
        names = tuple(map(str, names))
        return cls(names, _labels_of(names, present, what))

    @classmethod
    def of_columns(cls, labels: np.ndarray, columns: int, names: Sequence[str] | None) -> "Classes":
        """Return the classes of predictions (n, columns), given their labels (n,).

        With names, or with numbers of columns for labels, as in `of`. Other labels must be as many as there are
        columns, which are in their sorted order, as in scikit-learn.

        Raises:
            DataError: for labels that do not fit the columns.
        """
        present = np.unique(labels).tolist()
        if names is not None:
            names = tuple(map(str, names))
            return cls(names, _labels_of(names, present, "the predictions"))
        if _are_positions(present, columns):
            return cls.numbered(tuple(map(str, range(columns))))
        if len(present) != columns:
            raise DataError(
                f"Labels must be of the {columns} columns of the predictions: their numbers from 0 to {columns - 1}, "
                f"or {columns} different ones. Got {len(present)}, {listed(present)}: give class_names, in the order "
                "of the columns."
            )
        return cls(tuple(map(str, present)), tuple(present))

    @property
    def are_numbered(self) -> bool:
        """Whether the labels are 0, 1, …"""
        return self.labels == tuple(range(len(self.labels)))

    def numbers(self, labels: np.ndarray, what: str) -> np.ndarray:
        """Return the class numbers, int32 (n,), of labels (n,).

        Raises:
            DataError: for labels of no class.
        """
        number_of = {label: number for number, label in enumerate(self.labels)}
        present, inverse = np.unique(labels, return_inverse=True)
        if unknown := [label for label in present.tolist() if label not in number_of]:
            raise DataError(
                f"The labels of {what} must be of the classes {listed(self.labels)}. Got {listed(unknown)}."
            )
        return np.array([number_of[label] for label in present.tolist()], np.int32)[inverse]

    def find(self, labels: Sequence[Any]) -> np.ndarray:
        """Return the class numbers, int32 (n,), of labels of rows to predict; -1 for those of no class.

        A label may be written as a text, and as a fraction that is whole; names of classes are known too.
        """
        known = {name: number for number, name in enumerate(self.names)}
        known |= {str(label): number for number, label in enumerate(self.labels)}
        numbers = {text: known.get(text, known.get(text.removesuffix(".0"), -1)) for text in set(map(_text, labels))}
        return np.array([numbers[_text(label)] for label in labels], np.int32)


def _labels_of(names: Sequence[str], present: list[Label], what: str) -> tuple[Label, ...]:
    """Return the labels that mean the named classes."""
    if _are_positions(present, len(names)):
        return tuple(range(len(names)))
    by_text = {str(label): label for label in present}
    if by_text.keys() <= set(names):
        return tuple(by_text.get(name, name) for name in names)
    if len(present) == len(names) and not any(isinstance(label, str) for label in present):
        return tuple(sorted(present))
    unknown = [by_text[text] for text in sorted(by_text.keys() - set(names))]
    raise DataError(
        f"The labels of {what} must be names of its {len(names)} classes, or their positions from 0 to "
        f"{len(names) - 1}. Got {listed(unknown)}: correct these labels, or give a class name for each label."
    )


def _text(label: Any) -> str:
    return str(label).strip()


def _are_positions(present: Sequence[Label], classes: int) -> bool:
    return all(not isinstance(label, str) and 0 <= label < classes for label in present)


def listed(labels: Sequence[Label]) -> str:
    """Return the first labels as a message shows them."""
    more = f" and {len(labels) - _NAMED:,} more" if len(labels) > _NAMED else ""
    return ", ".join(brief(repr(label), 60) for label in labels[:_NAMED]) + more


def require_one_label(rows: np.ndarray, what: str) -> None:
    """Raise `DataError` unless labels of shape (n, classes) are one-hot: a single 1 in each row, and zeros.

    Messages name the labels as `what` ("The labels of mnist train").
    """
    if rows.dtype.kind in "uibf" and rows.shape[1] and ((rows == 0) | (rows == 1)).all():
        ones = (rows == 1).sum(1)
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

    A label that is a whole number is the name of its class where classes have no other names.

    Raises:
        UsageError: if there is no such class. The message has the nearest names.
    """
    text = str(wanted)
    by_name = _numbers(tuple(class_names))
    number = by_name.get(text, by_name.get(text.strip().lower()))
    if number is None:
        wanted = plain_number(wanted)
        is_whole = isinstance(wanted, int) or (isinstance(wanted, float) and wanted.is_integer())
        if not is_whole and not (isinstance(wanted, str) and text.strip().isdecimal()):
            raise UsageError(unknown_name("class", wanted, class_names))
        number = int(wanted)
    if not 0 <= number < len(class_names):
        raise UsageError(f"Classes are numbered from 0 to {len(class_names) - 1}; got {number}.")
    return number


@functools.lru_cache(maxsize=4)
def _numbers(class_names: tuple[str, ...]) -> dict[str, int]:
    """Return the number of each name, exact and in lower case. An exact name wins over a lower-case one."""
    lowered = {name.strip().lower(): number for number, name in enumerate(class_names)}
    return lowered | {name: number for number, name in enumerate(class_names)}
