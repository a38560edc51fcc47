"""Parquet files, as data hubs write them: labels, with image bytes, lists of numbers or columns of numbers."""

import functools
import hashlib
import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import npz
from mlplab.datasets.arrays import whole_bytes
from mlplab.datasets.readers.columns import Columns, found_in_parts
from mlplab.datasets.readers.files import list_files
from mlplab.datasets.readers.rows import PARTS, Found, Picture, Rows, in_parts, joined, part_to_predict, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError

_AT_ONCE = 1024
"""Rows that are read at a time."""


def import_pyarrow() -> Any:
    """Import pyarrow with its module for Parquet. Raises `UsageError` if it is not installed."""
    try:
        importlib.import_module("pyarrow.parquet")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise UsageError(
            f'Reading Parquet needs pyarrow, which is not installed ({error}): pip install "mlplab[data]"'
        ) from error


def read_parquet(path: Path, reading: Reading, width: int | None = None) -> Found:
    """Return the rows of a file, in its order.

    `width`: number of inputs of the network that is to predict these rows, which need no labels then.

    Images are bytes in a column, or in the field `bytes` of one, beside which `path` may have a name. Otherwise the
    inputs are a column of lists of numbers (n, d), (n, h, w) or (n, h, w, c), or all columns of numbers. Names of
    classes that a data hub keeps in the file are used.

    Raises:
        UsageError: if pyarrow is not installed, or it cannot be seen which column has the labels.
        DataError: for anything that is no table of such columns, with file and row.
    """
    pyarrow = import_pyarrow()
    try:
        with path.open("rb") as file:
            sha256 = {shown(path.name): hashlib.file_digest(file, "sha256").hexdigest()}
        with importlib.import_module("pyarrow.parquet").ParquetFile(path) as file:
            groups = [file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups)]
            npz.require_memory(sum(groups))
            return _read(pyarrow, file, path, reading, sha256, width)
    except (DataError, UsageError):
        raise
    except Exception as error:  # of a damaged file pyarrow raises ArrowException, OSError, OverflowError, and more
        raise DataError(
            f"{shown(path)} is no readable Parquet file: {str(error).splitlines()[0] if str(error) else error!r}. Get "
            "it again."
        ) from error


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
    parts: dict[str, list[Rows]] = {}
    for name, each in zip(names, found, strict=True):
        if each.test is not None:
            raise DataError(f"{shown(root / name)} has parts of its own: give that file alone.")
        parts.setdefault(_part(name) or "train", []).append(each.train)
    if width is not None:
        return Found(joined([rows for each in parts.values() for rows in each]), sha256=sha256)
    train, test = in_parts({part: joined(rows) for part, rows in parts.items()}, root)
    return Found(train, test, sha256, found[0].class_names)


def parquet_files(root: Path) -> list[str]:
    """Return the Parquet files in a folder and its sub-folders, relative to it."""
    return [name for name in list_files(root)[0] if name.lower().endswith(".parquet")]


def _part(name: str) -> str | None:
    *folders, file = name.lower().split("/")
    words = [re.split(r"[-_.]", file)[0], *reversed(folders)]
    return next((PARTS[word] for word in words if word in PARTS), None)


@dataclass
class _Cells:
    """The cells of a file, by what they are."""

    labels: list[Any] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    rows: int = 0
    groups: list[Any] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    blocks: list[np.ndarray] = field(default_factory=list)


def _read(pyarrow: Any, file: Any, path: Path, reading: Reading, sha256: dict[str, str], width: int | None) -> Found:
    schema = file.schema_arrow
    if file.metadata.num_rows == 0:
        raise DataError(f"{shown(path)} has no rows.")
    kinds = {column.name: _kind(pyarrow, column.type) for column in schema}
    whole = [name for name, kind in kinds.items() if kind in ("picture", "list") and name != reading.label]
    if len(whole) > 1:
        raise DataError(
            f"{shown(path)} must have one column of images or lists. Got {', '.join(whole)}: remove others."
        )
    names = [name for name in schema.names if name not in whole]
    first = ["word" if kinds[name] == "text" else "1" for name in names]
    for position, name in enumerate(names):  # the words of parts
        if kinds[name] == "text":
            first[position] = str(next(file.iter_batches(1, columns=[name])).column(0)[0].as_py())
    if width is None:
        columns = Columns.of(names, first, reading, shown(path), header=True, has_inputs=bool(whole))
    else:
        columns = Columns.to_predict(names, first, reading, width, header=True, has_inputs=bool(whole))
    inputs = whole or [names[position] for position in columns.numbers]
    if texts := [name for name in inputs if kinds[name] in ("text", "other")]:
        raise DataError(
            f"{shown(path)}: column {texts[0]!r} holds {schema.field(texts[0]).type}; expected numbers, lists of "
            "numbers or images. Remove the column."
        )
    cells = _Cells()
    for batch in file.iter_batches(_AT_ONCE):
        _add(pyarrow, cells, batch, columns, inputs, kinds, path)
    rows = _rows(cells, columns, inputs, whole, reading)
    found = found_in_parts(rows, cells.parts or None, sha256, path, to_predict=width is not None)
    class_names = None if columns.label is None else _hub_names(schema.metadata, names[columns.label])
    return Found(found.train, found.test, sha256, class_names)


def _rows(cells: _Cells, columns: Columns, inputs: list[str], whole: list[str], reading: Reading) -> Rows:
    labels = None if columns.label is None else np.array(cells.labels)
    ids = None if columns.id is None else (columns.names[columns.id], cells.ids)
    groups = cells.groups or None
    if cells.pictures:
        files = [name for name in cells.files if name]
        named = len(files) == len(cells.pictures)
        return Rows(cells.pictures, labels, tuple(map(shown, files)) if named else None, groups, ids)
    numbers = np.concatenate(cells.blocks)
    if not whole:
        return Rows(columns.shaped(numbers, reading), labels, groups=groups, ids=ids)
    pixels = whole_bytes(numbers)
    numbers = numbers if pixels is None else pixels
    if numbers.ndim == 2 and reading.size is not None and numbers.shape[1] == reading.size[0] * reading.size[1]:
        numbers = numbers.reshape(-1, *reading.size)
    return Rows(numbers, labels, groups=groups, ids=ids)


def _kind(pyarrow: Any, kind: Any) -> str:
    """Return what a column of a type has: picture, list, number, text or other."""
    types = pyarrow.types
    kind = getattr(kind, "storage_type", kind)
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_struct(kind):
        names = [kind.field(position).name for position in range(kind.num_fields)]
        return "picture" if "bytes" in names else "other"
    if types.is_binary(kind) or types.is_large_binary(kind):
        return "picture"
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    is_list = False
    while types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        kind, is_list = kind.value_type, True
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return "list" if is_list else "number"
    return "other"


def _add(
    pyarrow: Any, cells: _Cells, batch: Any, columns: Columns, inputs: list[str], kinds: dict[str, str], path: Path
) -> None:
    """Add a batch of rows. Raises `DataError` for an empty cell."""
    start = cells.rows
    cells.rows += batch.num_rows

    def values(name: str, *, may_be_empty: bool = False) -> Any:
        column = batch.column(batch.schema.names.index(name))
        column = getattr(column, "storage", column)
        column = column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column
        if column.null_count and not may_be_empty:
            row = start + column.is_null().to_pylist().index(True)
            raise DataError(f"{shown(path)}, row {row}: column {name!r} is empty. Fill it, or remove the row.")
        return column

    if columns.label is not None:
        cells.labels += values(columns.names[columns.label], may_be_empty=columns.required_label is None).to_pylist()
    if columns.id is not None:
        cells.ids += values(columns.names[columns.id]).to_pylist()
    if columns.group is not None:
        cells.groups += values(columns.names[columns.group]).to_pylist()
    if columns.part is not None:
        cells.parts += values(columns.names[columns.part]).to_pylist()
    kind = kinds[inputs[0]] if inputs else ""
    if kind == "picture":
        _add_pictures(pyarrow, cells, values(inputs[0]), start, path)
    elif kind == "list":
        cells.blocks.append(_array(pyarrow, values(inputs[0]), start, path))
    elif kind == "number":
        numbers = [np.asarray(values(name).to_numpy(zero_copy_only=False), np.float32) for name in inputs]
        cells.blocks.append(np.stack(numbers, axis=1))
    else:
        raise DataError(f"{shown(path)} has no column of numbers, lists or images beside the labels.")


def _add_pictures(pyarrow: Any, cells: _Cells, column: Any, start: int, path: Path) -> None:
    paths: Sequence[str | None] = [None] * len(column)
    if pyarrow.types.is_struct(column.type):
        fields = [column.type.field(position).name for position in range(column.type.num_fields)]
        if "path" in fields:
            paths = [None if name is None else str(name) for name in column.field("path").to_pylist()]
        column = column.field("bytes")
    for row, (content, name) in enumerate(zip(column.to_pylist(), paths, strict=True), start):
        if content is None:
            raise DataError(
                f"{shown(path)}, row {row} has no image, only the name {name!r}: write the bytes into the file."
            )
        cells.pictures.append(Picture(f"{shown(path)}, row {row}", functools.partial(bytes, content)))
        cells.files.append(name)


def _array(pyarrow: Any, column: Any, start: int, path: Path) -> np.ndarray:
    """Return a column of lists as an array (n, …). Raises `DataError` for lists of different lengths."""
    types, shape = pyarrow.types, [len(column)]
    compute = importlib.import_module("pyarrow.compute")
    while types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type):
        lengths = np.asarray(compute.list_value_length(column))
        if column.null_count or (lengths != lengths[0]).any() or lengths[0] == 0:
            at = int((lengths != lengths[0]).argmax()) // (len(lengths) // shape[0])
            raise DataError(
                f"{shown(path)}, row {start + at}: all lists of numbers must have one length, at least 1. Got "
                f"{lengths[0]} and {lengths[lengths != lengths[0]][:1].tolist() or lengths[0]}. Correct them."
            )
        shape.append(int(lengths[0]))
        column = column.flatten()
    if column.null_count:
        row = column.is_null().to_pylist().index(True) // (len(column) // shape[0])
        raise DataError(f"{shown(path)}, row {start + row} has an empty number. Fill it, or remove the row.")
    return np.asarray(column.to_numpy(zero_copy_only=False)).reshape(shape)


def _hub_names(metadata: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of classes that a data hub keeps in the metadata of a file, if it does."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
        return tuple(map(str, names))
    except (TypeError, KeyError, ValueError):
        return None
