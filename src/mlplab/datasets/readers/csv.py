"""CSV files: a column of labels with columns of numbers, or with a column of names of image files."""

import csv
import functools
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import npz
from mlplab.datasets.readers.columns import Columns, found_in_parts, is_number, labels_of
from mlplab.datasets.readers.files import is_hidden, read_file
from mlplab.datasets.readers.rows import Found, Picture, Rows, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

_LONGEST = 2**24
"""Bytes of a line, at most."""
_MOST_COLUMNS = 2**20
_AT_ONCE = 2**18
"""Cells that are converted at a time."""
_DELIMITERS = (",", ";", "\t")


def read_csv(path: Path, reading: Reading, width: int | None = None) -> Found:
    """Return the rows of a file, in its order.

    `width`: number of inputs of the network that is to predict these rows, which need no labels then.

    A header is a first line without numbers, or one that has a column called label, class or target. Cells are
    separated by commas, semicolons or tabs. Columns called pixel0, pixel1, … or 1x1, 1x2, … are images, and so are
    the pixels of a square in a file without header. Names of image files are relative to the folder of the CSV file,
    or to a folder beside it.

    Raises:
        UsageError: if it cannot be seen which column has the labels.
        DataError: for anything that is no table of such columns, with file and line.
    """
    try:
        with path.open("rb") as file:
            sha256 = {shown(path.name): hashlib.file_digest(file, "sha256").hexdigest()}
        npz.require_memory(2 * path.stat().st_size)
    except (OSError, ValueError) as error:
        raise DataError(f"{shown(path)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    table = _read(path, reading, width)
    columns, files = table.columns, None
    if columns.file is None:
        inputs: Any = columns.shaped(table.numbers(), reading)
    else:
        inputs, files = _pictures(path, table.files, table.lines)
    labels = None if columns.label is None else labels_of(table.labels)
    ids = None if columns.id is None else (columns.names[columns.id], table.ids)
    rows = Rows(inputs, labels, files, table.groups, ids)
    return found_in_parts(rows, table.parts, sha256, path, to_predict=width is not None)


@dataclass
class _Table:
    """The cells of a file, by what they are. `lines` has the line of each row, counted from 1."""

    path: Path
    columns: Columns
    has_decimal_commas: bool
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    groups: list[str] | None = None
    parts: list[str] | None = None
    blocks: list[np.ndarray] = field(default_factory=list)

    def add(self, rows: Sequence[list[str]], lines: Sequence[int]) -> None:
        columns = self.columns
        self.lines += lines
        if columns.label is not None:
            self.labels += [row[columns.label] for row in rows]
        if columns.id is not None:
            self.ids += [row[columns.id] for row in rows]
        if columns.group is not None:
            self.groups = (self.groups or []) + [row[columns.group] for row in rows]
        if columns.part is not None:
            self.parts = (self.parts or []) + [row[columns.part] for row in rows]
        if columns.file is not None:
            self.files += [row[columns.file] for row in rows]
            return
        positions = columns.numbers
        start, stop = positions[0], positions[-1] + 1
        is_block = stop - start == len(positions)
        cells = [row[start:stop] if is_block else [row[position] for position in positions] for row in rows]
        self.blocks.append(self._converted(cells, positions, lines))

    def numbers(self) -> np.ndarray:
        return np.concatenate(self.blocks)

    def _converted(self, cells: list[list[str]], positions: list[int], lines: Sequence[int]) -> np.ndarray:
        """Return cells as float32."""
        if self.has_decimal_commas:
            cells = [[cell.replace(",", ".") for cell in row] for row in cells]
        try:
            with np.errstate(over="ignore"):  # inf is refused later, with its row
                return np.array(cells, np.float64).astype(np.float32)
        except ValueError as error:
            row, column = next(
                (r, c) for r, row in enumerate(cells) for c, cell in enumerate(row) if not is_number(cell)
            )
            cell, name = cells[row][column], self.columns.names[positions[column]]
            raise DataError(
                f"{shown(self.path)}, line {lines[row]}: column {name!r} must hold numbers. Got "
                f"{repr(cell[:40]) if cell.strip() else 'nothing'}. Correct it, or remove the column."
            ) from error


def read_csv_pair(train: Path, test: Path, reading: Reading) -> Found:
    """Return the rows of two files as training and test set. Raises what `read_csv` does."""
    parts = [read_csv(path, reading) for path in (train, test)]
    return Found(parts[0].train, parts[1].train, parts[0].sha256 | parts[1].sha256)


def _read(path: Path, reading: Reading, width_to_predict: int | None) -> _Table:
    """Read a file line by line."""
    lines = _lines(path)
    head = next(lines, "")
    bare = re.sub(r'"[^"]*"', "", head)
    delimiter = max(_DELIMITERS, key=bare.count)
    rows = csv.reader(_chain(head, lines), delimiter=delimiter, strict=True)
    table, waiting, numbers, width, header = None, [], [], 0, False
    names: list[str] | None = None
    for row in _rows(rows, path):
        if names is None:
            width = _checked_width(row, path, least=2 if width_to_predict is None else 1)
            header = _is_header(row, reading)
            names = [name.strip() for name in row] if header else [str(column) for column in range(width)]
            if header:
                continue
        if len(row) != width:
            raise DataError(
                f"{shown(path)}, line {rows.line_num}: expected {width:,} cells, as the first line has, got "
                f"{len(row):,}. Correct the line."
            )
        if table is None:
            columns = _columns(names, row, reading, path, header, width_to_predict)
            table = _Table(path, columns, delimiter != ",")
        label = table.columns.required_label
        if label is not None and not row[label].strip():
            raise DataError(f"{shown(path)}, line {rows.line_num} has no label: add it, or remove the line.")
        waiting.append(row)
        numbers.append(rows.line_num)
        if len(waiting) * width >= _AT_ONCE:
            table.add(waiting, numbers)
            waiting, numbers = [], []
    if table is None:
        raise DataError(f"{shown(path)} has no rows below its header: expected a label and numbers in each line.")
    if waiting:
        table.add(waiting, numbers)
    return table


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file in UTF-8, with or without a byte-order mark. Blank ones are left out by `csv`."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST + 1):
            number += 1
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > _LONGEST:
                raise DataError(f"{shown(path)}, line {number} has more than {_LONGEST:,} bytes: it is no table.")
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{shown(path)}, line {number} is not in UTF-8 ({error.reason}): save the file as CSV in UTF-8."
                ) from error


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _rows(rows: Iterator[list[str]], path: Path) -> Iterator[list[str]]:
    """Yield the rows that are not blank."""
    try:
        yield from (row for row in rows if row)
    except csv.Error as error:
        line = getattr(rows, "line_num", 0)
        raise DataError(f"{shown(path)}, line {line} is no line of a table: {error}. Correct it.") from error


def _is_header(row: Sequence[str], reading: Reading) -> bool:
    words = [cell.strip() for cell in row]
    named = {"label", "class", "target", reading.label} - {None}
    is_named = any(word.lower() in named or word == reading.label for word in words if not is_number(word))
    return is_named or not any(map(is_number, words))


def _checked_width(row: Sequence[str], path: Path, least: int) -> int:
    if not least <= len(row) <= _MOST_COLUMNS:
        raise DataError(
            f"{shown(path)} has {len(row):,} columns; expected from {least} to {_MOST_COLUMNS:,}, one of labels and "
            "others of numbers, separated by commas, semicolons or tabs."
        )
    return len(row)


def _columns(
    names: Sequence[str], first: Sequence[str], reading: Reading, path: Path, header: bool, width: int | None
) -> Columns:
    """Return the columns of a file, of rows to predict if a width is given. Raises `DataError` if it has no inputs."""
    if width is None:
        columns = Columns.of(names, first, reading, shown(path), header=header)
    else:
        columns = Columns.to_predict(names, first, reading, width, header=header)
    if columns.file is None and not columns.numbers:
        raise DataError(f"{shown(path)} has no column of numbers, or of names of image files, beside the labels.")
    return columns


def _pictures(path: Path, names: Sequence[str], lines: Sequence[int]) -> tuple[list[Picture], tuple[str, ...]]:
    """Return the pictures that a column names, none of them outside of the folder of the table."""
    base = path.resolve().parent
    beside = sorted(each for each in base.iterdir() if each.is_dir() and not is_hidden(each.name))
    first = names[0].strip()
    folder = next((each for each in (base, *beside) if "\0" not in first and (each / first).is_file()), base)
    inside = os.path.realpath(base) + os.sep
    pictures, files = [], []
    for name, line in zip(names, lines, strict=True):
        name = name.strip()
        place = f"{shown(path)}, line {line}"
        target = "" if "\0" in name else os.path.realpath(folder / name)
        if not target.startswith(inside):
            raise DataError(f"{place}: {name[:80]!r} is not within the folder of the table. Put the file there.")
        if not os.path.isfile(target):
            raise DataError(f"{place}: there is no file {name[:80]!r} in {shown(folder)}. Add it, or remove the line.")
        pictures.append(Picture(f"{place}: {name}", functools.partial(read_file, Path(target))))
        files.append(os.path.relpath(folder / name, base).replace(os.sep, "/"))
    return pictures, tuple(files)
