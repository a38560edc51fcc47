"""Read a CSV file with corrected labels, and put the labels into a training set."""

import csv
import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlplab.datasets.classes import class_number
from mlplab.datasets.dataset import Data
from mlplab.errors import Advice, DataError, UsageError

CORRECTED = "corrected labels"
"""The name of their hash among the hashes of a training set."""

_SEPARATORS = ",;\t"
"""Spreadsheets in some countries write semicolons. The most frequent one in the header is used."""


@dataclass(frozen=True)
class Row:
    """A row of a CSV file: the number of its last line, counted from 1, and its cells by column name."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Corrections:
    """New labels for some training rows.

    Attributes:
        index: int64 (k,), positions in the training set, ascending, each once.
        label: int32 (k,), positions in the class names.
    """

    index: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def applied_to(self, data: Data) -> Data:
        """Return the data set with these training labels, and with hashes and a source that record the change."""
        if not len(self):
            return data
        train = data.train
        labels = train.labels.copy()
        labels[self.index] = self.label
        source = f"{train.provenance.source}, {len(self):,} labels corrected"
        hashes = self.added_to(train.provenance.sha256 or {"content": train.content_hash()})
        provenance = dataclasses.replace(train.provenance, sha256=hashes, source=source)
        train = dataclasses.replace(train, labels=labels, provenance=provenance)
        return dataclasses.replace(data, train=train)

    def added_to(self, hashes: Mapping[str, str]) -> dict[str, str]:
        """Return the hashes of a training set after these corrections, given those before."""
        digest = hashlib.sha256(hashes.get(CORRECTED, "").encode())
        digest.update(self.index.astype("<i8").tobytes())
        digest.update(self.label.astype("<i4").tobytes())
        return {**hashes, CORRECTED: digest.hexdigest()}

    def write(self, path: Path, class_names: Sequence[str]) -> None:
        """Write a file that `read_corrections` reads: the columns index and label, classes by name."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("index", "label"))
            writer.writerows((index, class_names[label]) for index, label in zip(self.index, self.label, strict=True))


def read_corrections(path: str | Path, data: Data) -> Corrections:
    """Return the labels in a CSV file that differ from the training labels of a data set.

    Args:
        path: a file with the columns `index`, a row number in the training set, and `label`, a class by name or by
            number. Other columns are ignored. `mlplab labels` writes such a file.
        data: the data set.

    Raises:
        DataError: if the file cannot be read, lacks a column, has two labels for a row, names rows or classes that the
            data set does not have, or is about the test set, whose labels are never changed.
    """
    corrections = read_all(path, data)
    differs = corrections.label != data.train.labels[corrections.index]
    return Corrections(corrections.index[differs], corrections.label[differs])


def read_all(path: str | Path, data: Data) -> Corrections:
    """Read a file like `read_corrections`, and return all its labels, changed or not."""
    rows = read_rows(path)
    if any(row.cells.get("split", "").strip().lower() == "test" for row in rows):
        of_train = Advice("mlplab.find_label_errors(run)", "mlplab labels RUN --split train")
        raise DataError(
            f"{path} is about the test set, and test labels are never changed: scores would no longer compare. "
            f"Correct training labels, from: {of_train}",
            advice=[of_train],
        )
    labels: dict[int, int] = {}
    for row in rows:
        where = f"{path}, line {row.line}"
        index = _index(row.cells["index"], len(data.train), where)
        label = _label(row.cells["label"], data.class_names, where)
        if labels.setdefault(index, label) != label:
            names = [data.class_names[labels[index]], data.class_names[label]]
            raise DataError(f"{where}: row {index} has a second label, {names[1]!r}; its first one was {names[0]!r}.")
    index = np.array(sorted(labels), np.int64)
    label = np.array([labels[row] for row in index.tolist()], np.int32)
    return Corrections(index, label)


def read_rows(path: str | Path) -> list[Row]:
    """Return the rows of a CSV file with the columns `index` and `label`, as text.

    Raises:
        DataError: if the file cannot be read, or lacks a column.
    """
    expected = "Expected a CSV file with the columns index and label, as written by mlplab labels"
    try:
        header, rows = _parsed(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {expected}.") from error
    except (ValueError, csv.Error) as error:  # ValueError: it is not UTF-8
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}. {expected}.") from error
    for name in ("index", "label"):
        if header.count(name) != 1:
            has = ", ".join(header)[:200] or "nothing"
            count = "no column" if name not in header else f"{header.count(name)} columns"
            raise DataError(f"{path} has {count} {name}: its first line is {has}. {expected}.")
    if not rows:
        raise DataError(f"{path} has no rows below its first line. {expected}.")
    for line, cells in rows:
        if len(cells) <= max(header.index("index"), header.index("label")):
            raise DataError(f"{path}, line {line}: {len(cells)} columns, and the first line has {len(header)}.")
    return [Row(line, dict(zip(header, cells, strict=False))) for line, cells in rows]


def _parsed(content: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the column names in lower case, and all rows that are not blank, each with the number of its last line."""
    text = content.decode("utf-8-sig")
    if "\0" in text:
        raise ValueError("it has zero bytes")
    separator = max(_SEPARATORS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    header = rows[0][1] if rows else []
    return [cell.strip().lower() for cell in header], rows[1:]


def _index(text: str, rows: int, where: str) -> int:
    try:
        index = int(text)
    except ValueError as error:
        raise DataError(
            f"{where}: the index must be a whole number, a row of the training set; got {text!r}."
        ) from error
    if not 0 <= index < rows:
        raise DataError(f"{where}: the training set has the rows 0 to {rows - 1}; got the index {index}.")
    return index


def _label(text: str, class_names: Sequence[str], where: str) -> int:
    if not text.strip() and text not in class_names:
        raise DataError(f"{where}: the label is empty. Write a class's name or number, or remove the line.")
    try:
        return class_number(text, class_names)
    except UsageError as error:
        raise DataError(f"{where}: {error}") from error
