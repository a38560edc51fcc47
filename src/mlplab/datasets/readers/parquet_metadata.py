"""What the metadata of a Parquet file promises, before any of it is read."""

import mmap
from io import BufferedReader
from pathlib import Path
from typing import Any

from mlplab import npz
from mlplab.datasets.readers.rows import shown
from mlplab.errors import DataError

_MAGIC = b"PAR1"
"""Begins and ends a file."""
_OF_A_VALUE, _OF_A_ROW = 4, 32
"""Bytes of memory, at least."""
_DICTIONARY = 2**26
"""Bytes of a column that is read as a dictionary, at most: each batch comes with all of it."""
_AT_ONCE, _LARGE_AT_ONCE = 2**14, 2**6
"""Rows that are read at a time; and rows of large columns of texts or images."""


def require_sound(file: BufferedReader, metadata: Any, path: Path) -> None:
    """Raise `DataError` for a file with more rows than fit in memory, and for two files that were joined.

    A few bytes can promise a billion equal rows, and keep the promise. Of joined files, the metadata of the last one
    would be taken for those of the first one's rows.
    """
    chunks = _chunks(metadata)
    values = sum(chunk.num_values for chunk in chunks)
    promised = _OF_A_VALUE * values + _OF_A_ROW * metadata.num_rows
    try:
        npz.require_memory(max(promised, sum(chunk.total_uncompressed_size for chunk in chunks)))
    except ValueError as error:
        raise DataError(f"{shown(path)} cannot be read: {error}.") from error
    end = max((chunk.data_page_offset + chunk.total_compressed_size for chunk in chunks), default=0)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_MAGIC + _MAGIC, max(0, end - 2 * len(_MAGIC))) > 0:
            raise DataError(f"{shown(path)} is several Parquet files, one after the other: write one table a file.")


def reading_options(metadata: Any) -> tuple[list[str], int]:
    """Return the columns of texts and bytes that are read as dictionaries, and the number of rows to read at a time.

    A dictionary has a value once that a file repeats often, so it takes no more memory than the file says.
    """
    sizes: dict[str, int] = {}
    for chunk in _chunks(metadata):
        if chunk.physical_type == "BYTE_ARRAY":
            sizes[chunk.path_in_schema] = max(sizes.get(chunk.path_in_schema, 0), chunk.total_uncompressed_size)
    repeated = {
        column.path
        for column in map(metadata.schema.column, range(metadata.num_columns))
        if column.max_repetition_level > 0
    }
    columns = [name for name, size in sizes.items() if size <= _DICTIONARY and name not in repeated]
    return columns, _AT_ONCE if len(columns) == len(sizes) else _LARGE_AT_ONCE


def _chunks(metadata: Any) -> list[Any]:
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return [group.column(column) for group in groups for column in range(group.num_columns)]
