"""Read the rows that a trained network is to predict: of images, of a folder, or of one file with rows.

Labels and ids may be there or not. The readers of each format find them, given the number of inputs of the network.
"""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.datasets import decoded
from mlplab.datasets.readers.columns import SUFFIXES as IMAGES
from mlplab.datasets.readers.csv import read_csv
from mlplab.datasets.readers.files import list_files, opened, picture_of, require_inside
from mlplab.datasets.readers.idx import idx_files, is_idx, read_idx_pair
from mlplab.datasets.readers.layout import TABLES, layout_of
from mlplab.datasets.readers.npz import arrays_to_predict
from mlplab.datasets.readers.parquet import parquet_files, read_parquet, read_parquet_folder
from mlplab.datasets.readers.rows import PARTS, Rows, part_to_predict, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, brief

_EXPECTED = "Expected images, a folder of images, or a file with rows: .csv, .tsv, .parquet, .npz, .npy, or IDX"
_NAMED = 5
"""At most this number of tables is named."""


@decoded.kept_together()
def read_rows_to_predict(path: Path, reading: Reading, shape: tuple[int, ...]) -> Rows:
    """Return the rows of a file or folder, in a stated order.

    A file with many rows keeps its order. What a folder is read by is the same as in training, see `layout_of`. The
    images of a folder and of its sub-folders are in natural order, 2.png before 10.png; their labels are the names of
    the folders in it. Of a source in parts, one is returned, see `part_to_predict`. A file of another kind is taken as
    one image.

    Args:
        path: of the source.
        reading: how the data of the run was read.
        shape: of one input of the run.

    Raises:
        MissingPackageError: if pyarrow is needed and not installed.
        DataError: if nothing is there, or for a damaged file, with its line or row where there is one.
    """
    try:
        if path.is_dir():
            return _of_folder(path, reading, shape)
        if not path.is_file():
            fault = "is no regular file, but a device or a pipe" if path.exists() else "is not there"
            raise DataError(f"{shown(path)} {fault}. {_EXPECTED}.")
        return _of_file(path, reading, shape)
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def _of_file(path: Path, reading: Reading, shape: tuple[int, ...]) -> Rows:
    """Return the rows of a file with many, or the image of any other."""
    suffix, width = path.suffix.lower(), math.prod(shape)
    if suffix in TABLES:
        rows = read_csv(path, reading, width).train
    elif suffix == ".parquet":
        rows = read_parquet(path, reading, width).train
    elif suffix == ".npz":
        rows = arrays_to_predict(path, reading)
    elif suffix == ".npy":
        rows = _of_npy(path, shape)
    elif is_idx(path):
        return _of_idx(path)
    else:
        return Rows([picture_of(path)], None, (shown(path),))
    return dataclasses.replace(rows, paths=(path,))


def _of_folder(folder: Path, reading: Reading, shape: tuple[int, ...]) -> Rows:
    """Return the rows or the images of a folder, of its part for testing if it has parts."""
    layout = layout_of(folder)
    if layout.kind == "tables":
        return _of_file(part_to_predict(layout.tables), reading, shape)
    if layout.kind == "idx":
        pairs = idx_files(folder).items()
        path = part_to_predict({part: images or labels or folder for part, (images, labels) in pairs})
        require_inside(path, folder)
        return _of_idx(path)
    if layout.kind == "parquet":
        rows = read_parquet_folder(folder, reading, math.prod(shape)).train
        return dataclasses.replace(rows, paths=tuple(folder / name for name in parquet_files(folder)))
    return _images(folder)


def _images(folder: Path) -> Rows:
    """Return the images of a folder, or of its part for testing if its folders are the parts of a data set."""
    files, folders = list_files(folder)
    images = [name for name in files if Path(name).suffix.lower() in IMAGES]
    if not images:
        tables = [name for name in files if name.lower().endswith(TABLES) and "/" not in name]
        if len(tables) > 1:
            more = f" and {len(tables) - _NAMED:,} more" if len(tables) > _NAMED else ""
            named = ", ".join(map(shown, tables[:_NAMED])) + more
            raise DataError(f"{shown(folder)} has several tables: {named}. Give one of them.")
        raise DataError(f"{shown(folder)} has no images{_other_files(files)}. {_EXPECTED}.")
    top = [name for name in folders if "/" not in name]
    parts = {PARTS[name.lower()]: name for name in top if name.lower() in PARTS}
    start = f"{part_to_predict(parts)}/" if parts and len(parts) == len(top) else ""
    names = sorted((name for name in images if name.startswith(start)), key=_natural)
    if not names:
        raise DataError(f"{shown(folder / start)} has no images. {_EXPECTED}.")
    inside = [name.removeprefix(start).split("/") for name in names]
    labels = [shown(parts[0]) if len(parts) > 1 else None for parts in inside]
    pictures = [picture_of(folder / name) for name in names]
    return Rows(pictures, labels if any(labels) else None, tuple(map(shown, names)))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names by their parts, and numbers in them by their value."""
    words = re.split(r"([0-9]+)", name.replace("/", "\0"))  # each second one is a number
    return [(0, int(word), word) if place % 2 else (1, 0, word) for place, word in enumerate(words) if word]


def _of_idx(path: Path) -> Rows:
    """Return the images of an IDX file, with the labels of the file that belongs to it, if that lies beside it."""
    pairs = [pair for pair in idx_files(path.parent).values() if path in pair]
    images, labels = pairs[0] if pairs else (path, None)
    paths = tuple(file for file in (images, labels) if file is not None)
    for file in paths:
        if file != path:
            require_inside(file, path.parent)
    if images is None:
        raise DataError(f"{shown(path)} has labels, and the images that belong to it are not beside it.")
    return dataclasses.replace(read_idx_pair(images, labels, {}), paths=paths)


def _of_npy(path: Path, shape: tuple[int, ...]) -> Rows:
    """Return the rows of an NPY file, which may have a single one without an axis for rows."""
    try:
        with opened(path) as file:
            array = npz.read_array(file, shown(path.name))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)} is no readable NPY file of numbers: {brief(error)}. Write it by np.save."
        ) from error
    return Rows(array[None] if array.shape == shape else np.atleast_1d(array), None)


def _other_files(files: list[str]) -> str:
    count = f"{len(files):,} other file{'' if len(files) == 1 else 's'}"
    return f", but {count}, such as {shown(files[0])}" if files else ""
