"""What the metadata of a Parquet file promises, before any of it is read."""

import mmap
from pathlib import Path
from typing import Any

from mlplab import npz
from mlplab.datasets.readers.files import opened
from mlplab.datasets.readers.parquet_library import readable
from mlplab.datasets.readers.rows import shown
from mlplab.errors import DataError

_MAGIC = b"PAR1"
"""Begins and ends a file."""
_OF_A_ROW = 32
"""Bytes of memory that a row takes beside its inputs, at least."""
_DICTIONARY = 2**26
"""Larger row groups, in bytes, are not read as dictionaries: pyarrow attaches the whole dictionary to each batch."""
_AT_ONCE, _LARGE_AT_ONCE = 2**14, 2**6
"""Rows that are read at a time; and large rows."""


def require_sound(metadata: Any, path: Path) -> None:
    """Raise `DataError` for a file whose rows do not fit in memory, and for two files that were joined.

    Rows count without their inputs, of which a group of rows has to fit. A few bytes can promise a billion equal rows,
    and keep the promise. Of joined files, the metadata of the last one would be taken for
    those of the first one's rows.

    The metadata of columns are not looked at here: damaged ones end the process in pyarrow 26, where only reading the
    columns is safe.
    """
    _require_memory(max(metadata.num_rows * _OF_A_ROW, *_sizes(metadata, path), 0), path)
    with opened(path) as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_MAGIC + _MAGIC) > 0:
            raise DataError(f"{shown(path)} is several Parquet files, one after the other: write one table a file.")


def require_room_for_bytes(metadata: Any, path: Path) -> None:
    """Raise `DataError` for a file that does not fit in memory: the bytes of images are held there."""
    _require_memory(sum(_sizes(metadata, path)), path)


def _require_memory(size: int, path: Path) -> None:
    try:
        npz.require_memory(size)
    except ValueError as error:
        raise DataError(f"{shown(path)} cannot be read: {error}.") from error


def reading_options(metadata: Any, path: Path) -> tuple[list[str], int]:
    """Return the columns of texts and bytes that are read as dictionaries, and the number of rows to read at a time.

    A dictionary has a value once that a file repeats often, so it takes no more memory than the file says.
    """
    if max(_sizes(metadata, path), default=0) > _DICTIONARY:
        return [], _LARGE_AT_ONCE
    with readable(path):
        columns = [metadata.schema.column(position) for position in range(metadata.num_columns)]
        texts = [each.path for each in columns if each.physical_type == "BYTE_ARRAY" and each.max_repetition_level == 0]
    return texts, _AT_ONCE


def _sizes(metadata: Any, path: Path) -> list[int]:
    """Return the bytes of each group of rows, as the metadata say."""
    with readable(path):
        return [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
