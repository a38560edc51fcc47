"""CSV files: a column of labels with columns of numbers, or with a column of names of image files."""

import csv
import functools
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

import numpy as np

from mlplab.datasets import decoded, decoding
from mlplab.datasets.readers.columns import Columns, OtherColumns, check_label, found_in_parts, is_number, labels_of
from mlplab.datasets.readers.files import is_hidden, opened, read_file, sha256_of
from mlplab.datasets.readers.rows import Found, Picture, Rows, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, brief

_VERSION = 2
"""Part of every cache key; raise it when files are decoded differently."""
_LONGEST = 2**24
"""Bytes of a line, and of a row that goes over several lines, at most."""
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
    or to a folder beside it. So are those of the column `reading.thumbnails`, whose images are not the inputs.

    Raises:
        UsageError: if it cannot be seen which column has the labels.
        DataError: for anything that is no table of such columns, with file and line.
    """
    sha256 = {shown(path.name): sha256_of(path)}
    name = decoded.key("csv", _VERSION, *sha256.values(), reading.label, reading.group, reading.thumbnails, width)
    found = decoded.find(name)
    kept, inputs = OtherColumns.from_kept(found), None
    with opened(path) as file, decoding.Writer(name, "reading", os.fstat(file.fileno()).st_size) as writer:
        table = _read(_Lines(file, path), reading, writer, width, head_only=kept is not None)
        columns = table.columns
        if found is not None and kept is not None:
            inputs = found.array
        else:
            kept = table.others()
            inputs = writer.finish(**kept.to_keep()) if columns.file is None else None
    pictures, files = _pictures(path, kept.files, kept.lines or []) if kept.files else (None, None)
    ids = None if columns.id is None or kept.ids is None else (columns.names[columns.id], kept.ids)
    if inputs is None:
        rows = Rows(pictures, kept.labels, files, kept.groups, ids=ids)
    else:
        inputs = columns.shaped(inputs, reading)
        rows = Rows(inputs, kept.labels, files, kept.groups, pictures, content=name, ids=ids)
    return found_in_parts(rows, kept.parts, sha256, path, to_predict=width is not None)


@dataclass
class _Table:
    """The cells of a file, by what they are, with the numbers in `writer`.

    `files` has the names of files with images, or else with thumbnails, and `lines` the line of each, from 1.
    """

    path: Path
    columns: Columns
    has_decimal_commas: bool
    writer: decoding.Writer
    labels: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    groups: list[str] | None = None
    parts: list[str] | None = None
    texts: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Sequence[list[str]], lines: Sequence[int], place: int) -> None:
        """Add rows from some lines; `place` is where the file was read up to, in bytes."""
        columns = self.columns
        if columns.label is not None:
            self.labels += self._cells(rows, columns.label)
        if columns.id is not None:
            self.ids += [row[columns.id] for row in rows]
        if columns.group is not None:
            self.groups = self.groups or []
            self.groups += self._cells(rows, columns.group)
        if columns.part is not None:
            self.parts = self.parts or []
            self.parts += self._cells(rows, columns.part)
        file = columns.thumbnail if columns.file is None else columns.file
        if file is not None:
            self.lines += lines
            self.files += [row[file] for row in rows]
        if columns.file is not None:
            return
        positions = columns.numbers
        start, stop = positions[0], positions[-1] + 1
        is_block = stop - start == len(positions)
        cells = [row[start:stop] if is_block else [row[position] for position in positions] for row in rows]
        self.writer.add(self._converted(cells, positions, lines), place)

    def others(self) -> OtherColumns:
        """Return what the rows have beside their inputs."""
        labels = None if self.columns.label is None else labels_of(self.labels)
        ids = None if self.columns.id is None else self.ids
        return OtherColumns(labels, self.groups, self.parts, ids, self.files or None, self.lines or None)

    def _cells(self, rows: Sequence[list[str]], position: int) -> list[str]:
        """Return the cells of a column. Equal ones are one object, since there are few different ones."""
        return [self.texts.setdefault(row[position], row[position]) for row in rows]

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
                f"{shown(self.path)}, line {lines[row]}: column {brief(repr(name), 60)} must hold numbers. Got "
                f"{repr(cell[:40]) if cell.strip() else 'nothing'}. Correct it, or remove the column."
            ) from error


def read_csv_pair(train: Path, test: Path, reading: Reading) -> Found:
    """Return the rows of two files as training and test set. Raises what `read_csv` does."""
    parts = [read_csv(path, reading) for path in (train, test)]
    return Found(parts[0].train, parts[1].train, parts[0].sha256 | parts[1].sha256)


class _Lines(Iterator[str]):
    """The lines of a file in UTF-8, with or without a byte-order mark.

    Attributes:
        path: of the file.
        number: of the newest line, counted from 1.
        bytes_read: up to its end.
        since_row: bytes of the row that is being read; who reads the lines sets it to 0 at the end of each row.
    """

    def __init__(self, file: BufferedReader, path: Path) -> None:
        self.path, self.number, self.bytes_read, self.since_row, self._file = path, 0, 0, 0, file

    def __next__(self) -> str:
        line = self._file.readline(_LONGEST + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.bytes_read += len(line)
        self.since_row += len(line)
        if self.number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if self.since_row > _LONGEST:
            raise DataError(f"{self.place} has more than {_LONGEST:,} bytes in one row: it is no table.")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{self.place} is not in UTF-8 ({error.reason}): save the file as CSV in UTF-8.") from error

    @property
    def place(self) -> str:
        """The file and the newest line, for messages."""
        return f"{shown(self.path)}, line {self.number}"


def _read(
    lines: _Lines, reading: Reading, writer: decoding.Writer, width_to_predict: int | None, *, head_only: bool
) -> _Table:
    """Read a file row by row, or only as far as it says what its columns are."""
    path, head = lines.path, next(lines, "")
    bare = re.sub(r'"[^"]*"', "", head)
    delimiter = max(_DELIMITERS, key=bare.count)
    rows = csv.reader(itertools.chain([head], lines), delimiter=delimiter, strict=True)
    table, waiting, numbers, width, header = None, [], [], 0, False
    names: list[str] | None = None
    for row in _rows(rows, lines):
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
            table = _Table(path, columns, delimiter != ",", writer)
            if head_only:
                return table
        if table.columns.label is not None:
            is_needed = table.columns.needs_labels
            check_label(row[table.columns.label], path, "line", rows.line_num, is_needed=is_needed)
        waiting.append(row)
        numbers.append(rows.line_num)
        if len(waiting) * width >= _AT_ONCE:
            table.add(waiting, numbers, lines.bytes_read)
            waiting, numbers = [], []
    if table is None:
        raise DataError(f"{shown(path)} has no rows below its header: expected a label and numbers in each line.")
    if waiting:
        table.add(waiting, numbers, lines.bytes_read)
    return table


def _rows(rows: Iterator[list[str]], lines: _Lines) -> Iterator[list[str]]:
    """Yield the rows that are not blank."""
    try:
        for row in rows:
            lines.since_row = 0
            if row:
                yield row
    except csv.Error as error:
        raise DataError(f"{lines.place} is no line of a table: {brief(error)}. Correct it.") from error


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
    folder = next((each for each in (base, *beside) if os.path.isfile(each / first)), base)
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
        pictures.append(Picture(f"{place}: {shown(name)}", functools.partial(read_file, Path(target))))
        files.append(shown(os.path.relpath(folder / name, base).replace(os.sep, "/")))
    return pictures, tuple(files)
