"""Parquet files, as data hubs write them: labels, with image bytes, lists of numbers or columns of numbers."""

import dataclasses
import functools
import importlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets import decoded, decoding
from mlplab.datasets.arrays import whole_bytes
from mlplab.datasets.readers.columns import Columns, OtherColumns, check_label, found_in_parts
from mlplab.datasets.readers.files import list_files, sha256_of
from mlplab.datasets.readers.parquet_metadata import reading_options, require_room_for_bytes, require_sound
from mlplab.datasets.readers.rows import PARTS, Found, Picture, Rows, in_parts, joined, part_to_predict, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError, UsageError, brief

_VERSION = 1
"""Of what this module makes of a file: another number makes cached arrays unused."""
_THUMBNAILS = ("thumbnail", "thumbnails")
"""Columns with pictures of features, if nothing else is said."""


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
    classes that a data hub keeps in the file are used. The column `reading.thumbnails`, or a column `thumbnail` of
    images beside one of lists, has pictures of the rows.

    Raises:
        UsageError: if pyarrow is not installed, if it cannot be seen which column has the labels, or if the column for
            thumbnails has no images.
        DataError: for anything that is no table of such columns, with file and row.
    """
    pyarrow = import_pyarrow()
    parquet = importlib.import_module("pyarrow.parquet")
    try:
        sha256 = {shown(path.name): sha256_of(path)}
        metadata = parquet.read_metadata(path)
        require_sound(metadata, path)
        dictionaries, at_once = reading_options(metadata)
        with parquet.ParquetFile(path, metadata=metadata, read_dictionary=dictionaries) as file:
            return _read(pyarrow, file, path, reading, at_once, sha256, width)
    except (DataError, UsageError):
        raise
    except Exception as error:  # of a damaged file pyarrow raises ArrowException, OSError, OverflowError, and more
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(f"{shown(path)} is no readable Parquet file: {brief(reason)}. Get it again.") from error


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
    """The cells of a file, by what they are, with the numbers in `writer`."""

    writer: decoding.Writer
    labels: list[Any] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    rows: int = 0
    groups: list[Any] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    thumbnails: list[Picture] = field(default_factory=list)
    same: dict[Any, Any] = field(default_factory=dict)

    def others(self, columns: Columns) -> OtherColumns:
        """Return what the rows have beside their inputs."""
        labels = None if columns.label is None else np.array(self.labels)
        return OtherColumns(labels, self.groups or None, self.parts or None, self.ids or None)

    def values(self, column: Any) -> list[Any]:
        """Return the values of a column. Equal texts or bytes are one object, however often a file repeats them."""
        if not hasattr(column, "dictionary"):
            return [self.same.setdefault(x, x) if isinstance(x, bytes) else x for x in column.to_pylist()]
        positions, inverse = np.unique(column.indices.drop_null().to_numpy(), return_inverse=True)
        different = [column.dictionary[position].as_py() for position in positions.tolist()]
        values = iter([self.same.setdefault(x, x) for x in different][i] for i in inverse.tolist())
        return [next(values) if valid else None for valid in column.is_valid().to_pylist()]


def _read(
    pyarrow: Any, file: Any, path: Path, reading: Reading, at_once: int, sha256: dict[str, str], width: int | None
) -> Found:
    schema = file.schema_arrow
    if file.metadata.num_rows == 0:
        raise DataError(f"{shown(path)} has no rows.")
    kinds = {column.name: _kind(pyarrow, column.type) for column in schema}
    thumbnails = _thumbnails(kinds, reading, path, is_asked=width is None)
    wholes = [name for name, kind in kinds.items() if kind in ("picture", "list") and name != reading.label]
    whole = [name for name in wholes if name != thumbnails]
    if len(whole) > 1:
        picture = next((name for name in whole if kinds[name] == "picture"), "COLUMN")
        told = Advice(f"thumbnails={picture!r}", f"--thumbnails {picture}")
        raise DataError(
            f"{shown(path)} must have one column of images or lists. Got {brief(', '.join(whole))}: remove others, or "
            f"say which has pictures of the features: {told}.",
            advice=[told],
        )
    names = [name for name in schema.names if name not in wholes]
    first = ["word" if kinds[name] == "text" else "1" for name in names]
    for position, name in enumerate(names):  # the words of parts
        if kinds[name] == "text":
            first[position] = str(next(file.iter_batches(1, columns=[name])).column(0)[0].as_py())
    columns = _columns(names, first, reading, path, bool(whole), width)
    inputs = whole or [names[position] for position in columns.numbers]
    if texts := [name for name in inputs if kinds[name] in ("text", "other")]:
        raise DataError(
            f"{shown(path)}: column {brief(repr(texts[0]), 60)} holds {_type_name(schema.field(texts[0]).type)}; "
            "expected numbers, lists of numbers or images. Remove the column."
        )
    if width is not None:
        thumbnails = None
    if any(kinds[name] == "picture" for name in (*inputs, thumbnails) if name is not None):
        require_room_for_bytes(file.metadata, path)
    name = decoded.key("parquet", _VERSION, *sha256.values(), reading.label, reading.group, reading.thumbnails, width)
    stored = decoded.find(name) if thumbnails is None else None
    kept, array = OtherColumns.from_kept(stored), None if stored is None else stored.array
    rows = file.metadata.num_rows
    with decoding.Writer(name, "reading", rows, expected=0 if whole else rows * len(inputs)) as writer:
        cells = _Cells(writer)
        if kept is None or array is None:
            others = (columns.label, columns.id, columns.group, columns.part)
            used = [*(names[position] for position in others if position is not None), *inputs]
            used += [] if thumbnails is None else [thumbnails]
            for batch in file.iter_batches(at_once, columns=list(dict.fromkeys(used))):
                _add(pyarrow, cells, batch, columns, inputs, kinds, thumbnails, path)
            kept = cells.others(columns)
            array = cells.pictures or writer.finish(**kept.to_keep())
    if isinstance(array, np.ndarray):
        array = _shaped(array, reading) if whole else columns.shaped(array, reading)
    named = [shown(name) for name in cells.files if name]
    files = tuple(named) if named and len(named) == rows else None
    ids = None if columns.id is None or kept.ids is None else (names[columns.id], kept.ids)
    found = Rows(array, kept.labels, files, kept.groups, cells.thumbnails or None, name, ids)
    found = found_in_parts(found, kept.parts, sha256, path, to_predict=width is not None)
    class_names = None if columns.label is None else _hub_names(schema.metadata, names[columns.label])
    return Found(found.train, found.test, sha256, class_names)


def _columns(
    names: list[str], first: list[str], reading: Reading, path: Path, has_inputs: bool, width: int | None
) -> Columns:
    """Return the columns of a file but those of images and lists, of rows to predict if a width is given."""
    reading = dataclasses.replace(reading, thumbnails=None)
    if width is None:
        return Columns.of(names, first, reading, shown(path), header=True, has_inputs=has_inputs)
    return Columns.to_predict(names, first, reading, width, header=True, has_inputs=has_inputs)


def _thumbnails(kinds: dict[str, str], reading: Reading, path: Path, is_asked: bool) -> str | None:
    """Return the column with thumbnails: the one that a person named, or `thumbnail` beside a column of lists.

    `is_asked`: the one that was named has to be there.
    """
    if reading.thumbnails is None:
        has_list = "list" in kinds.values()
        return next((name for name in _THUMBNAILS if has_list and kinds.get(name) == "picture"), None)
    if kinds.get(reading.thumbnails) != "picture":
        if not is_asked:
            return None
        pictures = ", ".join(name for name, kind in kinds.items() if kind == "picture") or "none"
        raise UsageError(
            f"Thumbnails must be a column of images, as bytes. {shown(path)} has {pictures} of that kind, not "
            f"{reading.thumbnails!r}: name another, or leave it out.",
            arguments=("thumbnails",),
        )
    return reading.thumbnails


def _shaped(numbers: np.ndarray, reading: Reading) -> np.ndarray:
    """Return a column of lists (n, …), as images if they are flat ones of the size of a reading."""
    pixels = whole_bytes(numbers)
    numbers = numbers if pixels is None else pixels
    if numbers.ndim == 2 and reading.size is not None and numbers.shape[1] == reading.size[0] * reading.size[1]:
        numbers = numbers.reshape(-1, *reading.size)
    return numbers


def _type_name(kind: Any) -> str:
    return brief(getattr(kind, "value_type", kind))


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
    pyarrow: Any,
    cells: _Cells,
    batch: Any,
    columns: Columns,
    inputs: list[str],
    kinds: dict[str, str],
    thumbnails: str | None,
    path: Path,
) -> None:
    """Add a batch of rows. Raises `DataError` for an empty cell."""
    start = cells.rows
    cells.rows += batch.num_rows

    def values(name: str, *, may_be_empty: bool = False) -> Any:
        column = batch.column(batch.schema.names.index(name))
        column = getattr(column, "storage", column)
        if column.null_count and not may_be_empty:
            row = start + column.is_null().to_pylist().index(True)
            raise DataError(
                f"{shown(path)}, row {row}: column {brief(repr(name), 60)} is empty. Fill it, or remove the row."
            )
        return column

    if columns.label is not None:
        labels = cells.values(values(columns.names[columns.label], may_be_empty=not columns.needs_labels))
        for row, label in enumerate(labels, start):
            if isinstance(label, str | bytes):
                check_label(label, path, "row", row, is_needed=columns.needs_labels)
        cells.labels += labels
    if columns.id is not None:
        cells.ids += cells.values(values(columns.names[columns.id]))
    if columns.group is not None:
        cells.groups += cells.values(values(columns.names[columns.group]))
    if columns.part is not None:
        cells.parts += cells.values(values(columns.names[columns.part]))
    kind = kinds[inputs[0]] if inputs else ""
    if thumbnails is not None:
        cells.thumbnails += _pictures(pyarrow, cells, cells.files, values(thumbnails), start, path)
    if kind == "picture":
        files = cells.files if thumbnails is None else []
        cells.pictures += _pictures(pyarrow, cells, files, values(inputs[0]), start, path)
    elif kind == "list":
        cells.writer.add(_array(pyarrow, values(inputs[0]), start, path))
    elif kind == "number":
        numbers = [np.asarray(_plain(pyarrow, values(name)).to_numpy(zero_copy_only=False)) for name in inputs]
        with np.errstate(over="ignore"):  # inf is refused later, with its row
            cells.writer.add(np.stack([each.astype(np.float32) for each in numbers], axis=1))
    else:
        raise DataError(f"{shown(path)} has no column of numbers, lists or images beside the labels.")


def _pictures(
    pyarrow: Any, cells: _Cells, files: list[str | None], column: Any, start: int, path: Path
) -> list[Picture]:
    """Return the pictures of a column, and add the names of their files to `files`, None for one without."""
    pictures = []
    paths: Sequence[str | None] = [None] * len(column)
    if pyarrow.types.is_struct(column.type):
        fields = [column.type.field(position).name for position in range(column.type.num_fields)]
        if "path" in fields:
            paths = [None if name is None else str(name) for name in cells.values(column.field("path"))]
        column = column.field("bytes")
    for row, (content, name) in enumerate(zip(cells.values(column), paths, strict=True), start):
        if content is None:
            raise DataError(
                f"{shown(path)}, row {row} has no image, only the name {brief(repr(name), 80)}: write the bytes into "
                "the file."
            )
        pictures.append(Picture(f"{shown(path)}, row {row}", functools.partial(bytes, content)))
        files.append(name)
    return pictures


def _plain(pyarrow: Any, column: Any) -> Any:
    return column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column


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
