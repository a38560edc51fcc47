"""CSV files: a column of labels with columns of numbers, or with a column of names of image files."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mlplab.datasets import decoded, decoding
from mlplab.datasets.readers.columns import Columns, is_number
from mlplab.datasets.readers.csv_lines import Lines, delimiter_of, is_header, rows_of
from mlplab.datasets.readers.files import is_hidden, opened, picture_of, sha256_of
from mlplab.datasets.readers.rows import Found, Picture, Rows, in_parts, shown
from mlplab.datasets.readers.table_rows import OtherColumns, check_label, found_in_parts, labels_of
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError, brief

_VERSION = 3
"""Part of every cache key; raise it when files are decoded differently."""
_AT_ONCE = 2**18
"""Cells that are converted at a time."""


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
        table = _read(Lines(file, path), reading, writer, width, head_only=kept is not None)
        columns = table.columns
        if found is not None and kept is not None:
            inputs = found.array
        else:
            kept = table.others()
            inputs = writer.finish(**kept.to_keep()) if columns.file is None else None
    pictures, files = _pictures(path, kept.files, kept.lines or []) if kept.files else (None, None)
    ids = None
    if columns.id is not None and kept.ids is not None:
        ids = columns.names[columns.id] if columns.has_header else "file", kept.ids
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


def read_csv_parts(tables: Mapping[str, Path], folder: Path, reading: Reading) -> Found:
    """Return the rows of several files, each a part of a data set. `tables`: by the names train, validation and test.

    Raises:
        UsageError, DataError: as `read_csv` does, and if a file has parts itself, or none is for training.
    """
    found: dict[str, Found] = {}
    for part, path in sorted(tables.items(), key=lambda table: table[0] != "train"):
        try:
            found[part] = read_csv(path, reading)
        except UsageError as error:
            if "train" not in found:
                raise
            alone = (
                f"If it has no labels, train on {shown(tables['train'])} alone, and predict {shown(path)} by the run."
            )
            raise UsageError(f"{error} {alone}", arguments=error.arguments, advice=error.advice) from error
    for part, path in tables.items():
        if found[part].test is not None:
            raise DataError(f"{shown(path)} has parts of its own: give that file alone.")
    sha256 = {name: digest for part in tables for name, digest in found[part].sha256.items()}
    return Found(*in_parts({part: found[part].train for part in tables}, folder), sha256)


def _read(
    lines: Lines, reading: Reading, writer: decoding.Writer, width_to_predict: int | None, *, head_only: bool
) -> _Table:
    """Return the cells of a file; if `head_only`, only its columns, which the header and the first row below show."""
    path, head = lines.path, next(lines, "")
    table, names, header = None, None, False
    waiting: list[list[str]] = []
    numbers: list[int] = []
    for number, row in rows_of(lines, head, least=2 if width_to_predict is None else 1):
        if names is None:
            header = is_header(row, reading)
            names = [name.strip() for name in row] if header else [str(column) for column in range(len(row))]
            if header:
                continue
        if table is None:
            columns = _columns(names, row, reading, path, header, width_to_predict)
            table = _Table(path, columns, delimiter_of(head) != ",", writer)
            if head_only:
                return table
        if table.columns.label is not None:
            check_label(row[table.columns.label], path, "line", number, is_needed=table.columns.needs_labels)
        waiting.append(row)
        numbers.append(number)
        if len(waiting) * len(row) >= _AT_ONCE:
            table.add(waiting, numbers, lines.bytes_read)
            waiting, numbers = [], []
    if table is None:
        raise DataError(f"{shown(path)} has no rows below its header: expected a label and numbers in each line.")
    if waiting:
        table.add(waiting, numbers, lines.bytes_read)
    return table


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
        pictures.append(picture_of(Path(target), f"{place}: {shown(name)}"))
        files.append(shown(os.path.relpath(folder / name, base).replace(os.sep, "/")))
    return pictures, tuple(files)
