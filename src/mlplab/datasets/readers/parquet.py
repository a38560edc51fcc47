"""Parquet files, as data hubs write them: labels, with image bytes, lists of numbers or columns of numbers."""

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets import decoded, decoding
from mlplab.datasets.arrays import whole_bytes
from mlplab.datasets.readers.files import list_files, sha256_of
from mlplab.datasets.readers.parquet_cells import Cells
from mlplab.datasets.readers.parquet_layout import Layout
from mlplab.datasets.readers.parquet_library import batches, import_pyarrow, readable
from mlplab.datasets.readers.parquet_metadata import reading_options, require_room_for_bytes, require_sound
from mlplab.datasets.readers.rows import PARTS, Found, Rows, in_parts, joined, part_to_predict, shown
from mlplab.datasets.readers.table_rows import OtherColumns, found_in_parts
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

_VERSION = 3
"""Part of every cache key; raise it when files are decoded differently."""


def read_parquet(path: Path, reading: Reading, width: int | None = None) -> Found:
    """Return the rows of a file, in its order.

    `width`: number of inputs of the network that is to predict these rows, which need no labels then.

    Images are bytes in a column, or in the field `bytes` of one, beside which `path` may have a name. Otherwise the
    inputs are a column of lists of numbers (n, d), (n, h, w) or (n, h, w, c), or all columns of numbers. Names of
    classes that a data hub keeps in the file are used. The column `reading.thumbnails`, or a column `thumbnail` of
    images beside one of lists, has pictures of the rows.

    Raises:
        MissingPackageError: if pyarrow is not installed.
        UsageError: if it cannot be seen which column has the labels, or if the column for thumbnails has no images.
        DataError: for anything that is no table of such columns, with file and row.
    """
    import_pyarrow()
    parquet = importlib.import_module("pyarrow.parquet")
    sha256 = {shown(path.name): sha256_of(path)}
    with readable(path):
        metadata = parquet.read_metadata(path)
    require_sound(metadata, path)
    dictionaries, at_once = reading_options(metadata, path)
    with readable(path):
        file = parquet.ParquetFile(path, metadata=metadata, read_dictionary=dictionaries)
    with file:
        return _read(file, path, reading, at_once, sha256, width)


def read_parquet_folder(root: Path, reading: Reading, width: int | None = None) -> Found:
    """Return the rows of all files in a folder, sorted by their paths.

    `width`: as in `read_parquet`; of rows to predict, one part is returned alone, see `part_to_predict`.

    The part of a file is the word with which its name begins (train-00000-of-00002.parquet), or else its folder. Files
    of a folder without such words are one part.

    Raises:
        UsageError, DataError: as `read_parquet` does.
    """
    names = parquet_files(root)
    if width is not None:
        parts_of = {name: _part(name) or "train" for name in names}
        chosen = part_to_predict({part: part for part in parts_of.values()})
        names = [name for name in names if parts_of[name] == chosen]
    found = [read_parquet(root / name, reading, width) for name in names]
    sha256 = {shown(name): digest for name, each in zip(names, found, strict=True) for digest in each.sha256.values()}
    parts: dict[str, dict[str, Rows]] = {}
    for name, each in zip(names, found, strict=True):
        if each.test is not None:
            raise DataError(f"{shown(root / name)} has parts of its own: give that file alone.")
        parts.setdefault(_part(name) or "train", {})[shown(root / name)] = each.train
    if width is not None:
        (rows,) = parts.values()
        return Found(joined(rows), sha256=sha256)
    train, test = in_parts({part: joined(rows) for part, rows in parts.items()}, root)
    return Found(train, test, sha256, found[0].class_names)


def parquet_files(root: Path) -> list[str]:
    """Return the Parquet files in a folder and its sub-folders, relative to it."""
    return [name for name in list_files(root)[0] if name.lower().endswith(".parquet")]


def _part(name: str) -> str | None:
    *folders, file = name.lower().split("/")
    words = [re.split(r"[-_.]", file)[0], *reversed(folders)]
    return next((PARTS[word] for word in words if word in PARTS), None)


def _read(file: Any, path: Path, reading: Reading, at_once: int, sha256: dict[str, str], width: int | None) -> Found:
    """Return the rows of an open file: decoded, or taken from the cache but for the bytes of images."""
    rows = file.metadata.num_rows
    if rows == 0:
        raise DataError(f"{shown(path)} has no rows.")
    layout = Layout.of(file, path, reading, width)
    if layout.has_pictures:
        require_room_for_bytes(file.metadata, path)
    name = decoded.key("parquet", _VERSION, *sha256.values(), reading.label, reading.group, reading.thumbnails, width)
    kept = decoded.find(name)
    others = OtherColumns.from_kept(kept)
    expected = rows * len(layout.inputs) if layout.kind == "number" else 0
    with decoding.Writer(name, "reading", rows, expected=expected) as writer:
        cells = Cells(layout, path, writer)
        if kept is not None and others is not None:
            inputs = kept.array
            for batch in batches(file, path, [layout.thumbnails], at_once) if layout.thumbnails else ():
                cells.add_thumbnails(batch)
            cells.require_rows(rows if layout.thumbnails else 0)
        else:
            for batch in batches(file, path, layout.used, at_once):
                cells.add(batch)
            cells.require_rows(rows)
            others = cells.others()
            inputs = cells.pictures or writer.finish(**others.to_keep())
    if isinstance(inputs, np.ndarray):
        inputs = layout.columns.shaped(inputs, reading) if layout.kind == "number" else _shaped(inputs, reading)
    named = [shown(each) for each in cells.files if each]
    files = tuple(named) if len(named) == rows else None
    position = layout.columns.id
    ids = None if position is None or others.ids is None else (layout.names[position], others.ids)
    found = Rows(inputs, others.labels, files, others.groups, cells.thumbnails or None, name, ids)
    found = found_in_parts(found, others.parts, sha256, path, to_predict=width is not None)
    return Found(found.train, found.test, sha256, layout.class_names)


def _shaped(numbers: np.ndarray, reading: Reading) -> np.ndarray:
    """Return a column of lists (n, …), as images if they are flat ones of the size of a reading."""
    pixels = whole_bytes(numbers)
    numbers = numbers if pixels is None else pixels
    if numbers.ndim == 2 and reading.size is not None and numbers.shape[1] == reading.size[0] * reading.size[1]:
        numbers = numbers.reshape(-1, *reading.size)
    return numbers
