"""What the columns of a Parquet file are."""

import dataclasses
import itertools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlplab.datasets.readers.columns import Columns
from mlplab.datasets.readers.parquet_library import batches, import_pyarrow, readable
from mlplab.datasets.readers.rows import shown
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError, UsageError, brief

_THUMBNAILS = ("thumbnail", "thumbnails")
"""Columns with pictures of features, if nothing else is said."""


@dataclass(frozen=True)
class Layout:
    """The columns of a file.

    Attributes:
        columns: the positions, among `names`, of labels, groups, parts and ids.
        names: of the columns that have one number or text a row.
        inputs: the column of images or of lists that has the inputs, or all columns of numbers that do.
        kind: of the inputs: picture, list or number.
        thumbnails: the column that has pictures of features; None if there is none.
        class_names: for the positions that the labels are, if the file has them.
    """

    columns: Columns
    names: list[str]
    inputs: list[str]
    kind: str
    thumbnails: str | None
    class_names: tuple[str, ...] | None

    @classmethod
    def of(cls, file: Any, path: Path, reading: Reading, width: int | None) -> "Layout":
        """Return the layout of an open file. `width`: number of inputs, of rows to predict.

        Raises:
            UsageError: if it cannot be seen which column has the labels, or the column for thumbnails has no images.
            DataError: for a damaged file, and for one without columns that can be inputs, or with several.
        """
        with readable(path):
            types = {column.name: column.type for column in file.schema_arrow}
            names, metadata = file.schema_arrow.names, file.schema_arrow.metadata
            kinds = {name: _kind(kind) for name, kind in types.items()}
        thumbnails = _thumbnails(kinds, reading, path, is_asked=width is None)
        wholes = [name for name, kind in kinds.items() if kind in ("picture", "list") and name != reading.label]
        whole = [name for name in wholes if name != thumbnails]
        _require_one(whole, kinds, path)
        names = [name for name in names if name not in wholes]
        columns = _columns(names, _first(file, path, names, kinds), reading, path, bool(whole), width)
        inputs = whole or [names[position] for position in columns.numbers]
        if texts := [name for name in inputs if kinds[name] in ("text", "other")]:
            raise DataError(
                f"{shown(path)}: column {brief(repr(texts[0]), 60)} holds {_type_name(types[texts[0]])}; expected "
                "numbers, lists of numbers or images. Remove the column."
            )
        if not inputs:
            raise DataError(f"{shown(path)} has no column of numbers, lists or images beside the labels.")
        label = None if columns.label is None else names[columns.label]
        class_names = None if label is None else _hub_names(metadata, label)
        thumbnails = thumbnails if width is None else None
        return cls(columns, names, inputs, kinds[inputs[0]], thumbnails, class_names)

    @property
    def used(self) -> list[str]:
        """The columns to read."""
        columns = self.columns
        others = (columns.label, columns.id, columns.group, columns.part)
        used = [*(self.names[position] for position in others if position is not None), *self.inputs]
        return used if self.thumbnails is None else [*used, self.thumbnails]

    @property
    def has_pictures(self) -> bool:
        """Whether the bytes of images are among them."""
        return self.kind == "picture" or self.thumbnails is not None


def _require_one(whole: list[str], kinds: dict[str, str], path: Path) -> None:
    """Raise `DataError` for several columns of images or lists."""
    if len(whole) > 1:
        picture = next((name for name in whole if kinds[name] == "picture"), "COLUMN")
        told = Advice(f"thumbnails={picture!r}", f"--thumbnails {picture}")
        raise DataError(
            f"{shown(path)} must have one column of images or lists. Got {brief(', '.join(whole))}: remove others, or "
            f"say which has pictures of the features: {told}.",
            advice=[told],
        )


def _first(file: Any, path: Path, names: list[str], kinds: dict[str, str]) -> list[str]:
    """Return the texts of the first row, among them names of parts; "1" stands for other cells."""
    texts = [name for name in names if kinds[name] == "text"]
    cells = {}
    for batch in itertools.islice(batches(file, path, texts, 1) if texts else (), 1):
        with readable(path):
            cells = {name: str(batch.column(name)[0].as_py()) for name in texts}
    return [cells.get(name, "1") for name in names]


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


def _kind(kind: Any) -> str:
    """Return what a column of a type has: picture, list, number, text or other."""
    types = import_pyarrow().types
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


def _type_name(kind: Any) -> str:
    return brief(getattr(kind, "value_type", kind))


def _hub_names(metadata: Any, label: str) -> tuple[str, ...] | None:
    """Return the names of classes that a data hub keeps in the metadata of a file, if it does."""
    try:
        names = json.loads(metadata[b"huggingface"])["info"]["features"][label]["names"]
        return tuple(map(str, names))
    except (TypeError, KeyError, ValueError, RecursionError):
        return None
