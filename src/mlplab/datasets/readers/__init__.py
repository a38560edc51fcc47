"""Readers: one file a format. Each returns `Found`: labels with arrays or undecoded pictures, in a stated order.

rows.py      `Found`, `Rows`, `Picture`
files.py     the files of a folder, which no link leaves
layout.py    what a folder is read by: one rule for training and predicting
folder.py    class folders with images
npz.py       NPZ files
idx.py       IDX files of MNIST and its descendants
parquet.py   Parquet files; needs pyarrow, see parquet_library.py; parquet_metadata.py: what a file promises;
             parquet_layout.py: what its columns are; parquet_cells.py: what is in them
csv.py       CSV files; csv_lines.py: their lines and cells
columns.py   what the columns of a table are; table_rows.py: labels and other columns beside the inputs
to_predict.py  new rows of any of these, and images, for a trained network
"""

import os
from collections.abc import Callable
from pathlib import Path

from mlplab.datasets.readers.csv import read_csv, read_csv_parts
from mlplab.datasets.readers.folder import read_folder
from mlplab.datasets.readers.idx import read_idx_pairs
from mlplab.datasets.readers.layout import layout_of
from mlplab.datasets.readers.npz import read_npz
from mlplab.datasets.readers.parquet import read_parquet, read_parquet_folder
from mlplab.datasets.readers.rows import Found, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError

Reader = Callable[[Path, Reading], Found]

_OF_FILES: dict[str, Reader] = {".npz": read_npz, ".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet}
SUFFIXES = tuple(_OF_FILES)
"""Of the files that are read."""


def reader_of(path: Path) -> Reader:
    """Return the function that reads a file or folder.

    Raises:
        UsageError: for a run, and for a file of another kind.
        DataError: if nothing is there.
    """
    if os.path.exists(path / "config.json"):
        raise UsageError(f"{shown(path)} is a run, and data is expected: a data set's name, a file or a folder.")
    if os.path.isdir(path):
        return _reader_of_folder(path)
    try:
        os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DataError(f"{shown(path)} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    reader = _OF_FILES.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{shown(path)} is neither the name of a data set nor a file that is read. Expected a folder with a folder "
            f"of images for each class, or a file: {', '.join(SUFFIXES)}."
        )
    return reader


def _reader_of_folder(folder: Path) -> Reader:
    """Return the function that reads a folder: of IDX files, of tables, of Parquet files, or of class folders."""
    layout = layout_of(folder)
    if layout.kind == "tables":
        if len(layout.tables) == 1:
            (table,) = layout.tables.values()
            return lambda path, reading: read_csv(table, reading)
        return lambda path, reading: read_csv_parts(layout.tables, path, reading)
    if layout.kind == "parquet":
        return read_parquet_folder
    return _without_columns(read_idx_pairs if layout.kind == "idx" else read_folder)


def _without_columns(read: Callable[[Path], Found]) -> Reader:
    """Return the reader of what has no columns, one of which a person may have named."""

    def read_folder_alone(path: Path, reading: Reading) -> Found:
        if reading.label is not None:
            raise UsageError(
                f"{shown(path)} has no columns: the label of an image is the folder that it is in, or the number in an "
                f"IDX file. Leave label={reading.label!r} out.",
                arguments=("label",),
            )
        return read(path)

    return read_folder_alone
