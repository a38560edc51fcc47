"""Rows of a file or folder that a trained network is to predict: their labels may be missing."""

import functools
import math
import re
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.datasets import decoded
from mlplab.datasets.readers.columns import SUFFIXES as IMAGES
from mlplab.datasets.readers.csv import read_csv
from mlplab.datasets.readers.files import is_hidden, list_files, opened, read_file, require_inside
from mlplab.datasets.readers.idx import idx_files, is_idx, read_idx_file
from mlplab.datasets.readers.npz import arrays_to_predict
from mlplab.datasets.readers.parquet import parquet_files, read_parquet, read_parquet_folder
from mlplab.datasets.readers.rows import PARTS, Picture, Rows, part_to_predict, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, brief

TABLES = (".csv", ".tsv", ".parquet", ".npz", ".npy")
"""Suffixes of the files that have many rows; IDX files are known by their first bytes."""
_EXPECTED = "Expected images, a folder of images, or a file with rows: .csv, .tsv, .parquet, .npz, .npy, or IDX"


@decoded.kept_together()
def read_rows_to_predict(path: Path, reading: Reading, shape: tuple[int, ...]) -> Rows:
    """Return the rows of a file or folder, in a stated order.

    A file with many rows keeps its order. The images of a folder and of its sub-folders are in natural order, 2.png
    before 10.png; their labels are the names of the folders in it. Of a source that has a part for testing, that part
    is returned alone. A file of another kind is taken as one image.

    Args:
        path: of the source.
        reading: how the data of the run was read.
        shape: of one input of the run.

    Raises:
        UsageError: if pyarrow is needed and not installed.
        DataError: if nothing is there, or for a damaged file, with its line or row where there is one.
    """
    width = math.prod(shape)
    try:
        if path.is_dir():
            return _of_folder(path, reading, width)
        if not path.is_file():
            fault = "is no regular file, but a device or a pipe" if path.exists() else "is not there"
            raise DataError(f"{shown(path)} {fault}. {_EXPECTED}.")
        suffix = path.suffix.lower()
        if suffix in (".csv", ".tsv"):
            return read_csv(path, reading, width).train
        if suffix == ".parquet":
            return read_parquet(path, reading, width).train
        if suffix == ".npz":
            return arrays_to_predict(path, reading)
        if suffix == ".npy":
            return _of_npy(path, shape)
        return _of_idx(path) if is_idx(path) else Rows([_picture(path)], None, (shown(path),))
    except OSError as error:
        raise DataError(f"{shown(path)} cannot be read: {error.strerror or error}.") from error


def _of_folder(folder: Path, reading: Reading, width: int) -> Rows:
    """Return the images in a folder; without images, the rows of its IDX files, its table or its Parquet files."""
    files, folders = list_files(folder)
    images = [name for name in files if Path(name).suffix.lower() in IMAGES]
    if images:
        return _images(folder, images, [name for name in folders if "/" not in name])
    if pairs := idx_files(folder):
        return _of_idx(part_to_predict({part: pair[0] or pair[1] or folder for part, pair in pairs.items()}))
    tables = [name for name in files if name.lower().endswith((".csv", ".tsv")) and "/" not in name]
    if for_testing := [name for name in tables if "test" in name.lower()]:
        tables = for_testing
    if len(tables) == 1:
        return read_csv(folder / tables[0], reading, width).train
    if parquet_files(folder):
        return read_parquet_folder(folder, reading, width).train
    if tables:
        raise DataError(f"{shown(folder)} has several tables: {', '.join(map(shown, tables[:5]))}. Give one of them.")
    raise DataError(f"{shown(folder)} has no images{_other_files(files)}. {_EXPECTED}.")


def _images(folder: Path, images: list[str], top: list[str]) -> Rows:
    """Return the images of a folder, or of its part for testing if its folders are the parts of a data set."""
    parts = {PARTS[name.lower()]: name for name in top if name.lower() in PARTS}
    start = f"{part_to_predict(parts)}/" if parts and len(parts) == len(top) else ""
    names = sorted((name for name in images if name.startswith(start)), key=_natural)
    if not names:
        raise DataError(f"{shown(folder / start)} has no images. {_EXPECTED}.")
    inside = [name.removeprefix(start).split("/") for name in names]
    labels = [shown(parts[0]) if len(parts) > 1 else None for parts in inside]
    pictures = [_picture(folder / name) for name in names]
    return Rows(pictures, labels if any(labels) else None, tuple(map(shown, names)))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names by their parts, and numbers in them by their value."""
    words = re.split(r"([0-9]+)", name.replace("/", "\0"))
    return [(0, int(word[:18]), word) if word[:1].isdecimal() else (1, 0, word) for word in words if word]


def _picture(path: Path) -> Picture:
    return Picture(shown(path), functools.partial(read_file, path))


def _of_idx(path: Path) -> Rows:
    """Return the images of an IDX file, with the labels of the file that belongs to it, if that lies beside it."""
    pairs = [pair for pair in idx_files(path.parent).values() if path in pair]
    images, labels = pairs[0] if pairs else (path, None)
    for partner in (images, labels):
        if partner not in (path, None):
            require_inside(partner, path.parent)
    if images is None:
        raise DataError(f"{shown(path)} has labels, and the images that belong to it are not beside it.")
    sha256: dict[str, str] = {}
    inputs = read_idx_file(images, 3, sha256)
    content = decoded.key("idx", *sha256.values())
    if labels is None:
        return Rows(inputs, None, content=content)
    numbers = read_idx_file(labels, 1, {})
    if len(numbers) != len(inputs):
        raise DataError(
            f"{shown(images)} has {len(inputs):,} images, and {labels.name} {len(numbers):,} labels: they do not "
            "belong together."
        )
    return Rows(inputs, numbers, content=content)


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
    shown_files = [name for name in files if not is_hidden(name)]
    return f", but {len(shown_files):,} other files, such as {shown(shown_files[0])}" if shown_files else ""
