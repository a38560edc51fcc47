"""The lines of a CSV file, and its rows of cells, read one after the other in bounded memory."""

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path

from mlplab.datasets.readers.columns import SUFFIXES, is_number
from mlplab.datasets.readers.rows import shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, brief

_LONGEST = 2**24
"""Bytes of a line, and of a row that goes over several lines, at most."""
_MOST_COLUMNS = 2**20
_DELIMITERS = (",", ";", "\t")


class Lines(Iterator[str]):
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


def delimiter_of(head: str) -> str:
    """Return what separates the cells of a file whose first line is `head`: a comma, a semicolon or a tab."""
    return max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", head).count)


def rows_of(lines: Lines, head: str, least: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each row that is not blank, after the number of its last line. The first may be a header.

    Args:
        lines: of the file, but the first.
        head: the first line.
        least: cells of a row, at least.

    Raises:
        DataError: for text that is no CSV, and for a row with too few or too many cells, or others than the first has.
    """
    rows = csv.reader(itertools.chain([head], lines), delimiter=delimiter_of(head), strict=True)
    width = None
    try:
        for row in rows:
            lines.since_row = 0
            if not row:
                continue
            if width is None:
                width = _checked_width(row, lines.path, least)
            if len(row) != width:
                raise DataError(
                    f"{shown(lines.path)}, line {rows.line_num}: expected {width:,} cells, as the first line has, got "
                    f"{len(row):,}. Correct the line."
                )
            yield rows.line_num, row
    except csv.Error as error:
        raise DataError(f"{lines.place} is no line of a table: {brief(error)}. Correct it.") from error


def is_header(row: Sequence[str], reading: Reading) -> bool:
    """Return whether a first row names the columns: it has no number and no image, or names labels."""
    words = [cell.strip() for cell in row]
    named = {"label", "class", "target", reading.label} - {None}
    is_named = any(word.lower() in named or word == reading.label for word in words if not is_number(word))
    return is_named or not any(is_number(word) or Path(word).suffix.lower() in SUFFIXES for word in words)


def _checked_width(row: Sequence[str], path: Path, least: int) -> int:
    if not least <= len(row) <= _MOST_COLUMNS:
        raise DataError(
            f"{shown(path)} has {len(row):,} columns; expected from {least} to {_MOST_COLUMNS:,}, one of labels and "
            "others of numbers, separated by commas, semicolons or tabs."
        )
    return len(row)
