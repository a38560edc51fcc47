"""The cells of a Parquet file, batch by batch → labels, numbers and pictures."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets import decoding
from mlplab.datasets.arrays import require_8_bits
from mlplab.datasets.readers.parquet_layout import Layout
from mlplab.datasets.readers.parquet_library import import_pyarrow, readable
from mlplab.datasets.readers.rows import Picture, shown
from mlplab.datasets.readers.table_rows import OtherColumns, check_label
from mlplab.errors import DataError, brief


@dataclass
class Cells:
    """The cells of a file, by what they are, with the numbers in `writer`.

    `files` has the names of the files that pictures come from, None for one without.
    """

    layout: Layout
    path: Path
    writer: decoding.Writer
    rows: int = 0
    labels: list[Any] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    thumbnails: list[Picture] = field(default_factory=list)
    same: dict[Any, Any] = field(default_factory=dict)
    shape: list[int] | None = None  # of lists: of all rows before

    def add(self, batch: Any) -> None:
        """Add a batch of rows. Raises `DataError` for an empty cell, and for what is damaged."""
        columns, inputs = self.layout.columns, self.layout.inputs
        if columns.label is not None:
            self.labels += self._labels(batch, self.layout.names[columns.label])
        for cells, position in ((self.ids, columns.id), (self.groups, columns.group), (self.parts, columns.part)):
            if position is not None:
                cells.extend(self._values(self._column(batch, self.layout.names[position])))
        if self.layout.kind == "picture":
            self.pictures += self._pictures(self._column(batch, inputs[0]), names_files=self.layout.thumbnails is None)
        elif self.layout.kind == "list":
            self.writer.add(self._lists(self._column(batch, inputs[0])))
        else:
            self.writer.add(self._numbers([self._column(batch, name) for name in inputs]))
        self.add_thumbnails(batch)

    def add_thumbnails(self, batch: Any) -> None:
        """Add the thumbnails of a batch of rows, if there are any."""
        if self.layout.thumbnails is not None:
            self.thumbnails += self._pictures(self._column(batch, self.layout.thumbnails), names_files=True)
        self.rows += batch.num_rows

    def require_rows(self, expected: int) -> None:
        """Raise `DataError` unless as many rows were added as the metadata promise."""
        if self.rows != expected:
            raise DataError(
                f"{shown(self.path)} is no readable Parquet file: it promises {expected:,} rows and has {self.rows:,}. "
                "Get it again."
            )

    def others(self) -> OtherColumns:
        """Return what the rows have beside their inputs."""
        try:
            labels = None if self.layout.columns.label is None else np.array(self.labels)
        except ValueError as error:  # lists of different lengths
            raise DataError(f"{shown(self.path)}: a label must be one number or text. Correct the column.") from error
        return OtherColumns(labels, self.groups or None, self.parts or None, self.ids or None)

    def _column(self, batch: Any, name: str, *, may_be_empty: bool = False) -> Any:
        """Return a column of a batch. Raises `DataError` for an empty cell in it."""
        with readable(self.path):
            column = batch.column(batch.schema.names.index(name))
            column = getattr(column, "storage", column)
            empty = None if may_be_empty else _first_null(column)
        if empty is not None:
            raise DataError(
                f"{shown(self.path)}, row {self.rows + empty}: column {brief(repr(name), 60)} is empty. Fill it, or "
                "remove the row."
            )
        return column

    def _values(self, column: Any) -> list[Any]:
        """Return the values of a column. Equal texts or bytes are one object, however often a file repeats them."""
        with readable(self.path):
            if not hasattr(column, "dictionary"):
                return [self.same.setdefault(x, x) if isinstance(x, bytes) else x for x in column.to_pylist()]
            positions, inverse = np.unique(column.indices.drop_null().to_numpy(), return_inverse=True)
            different = [column.dictionary[position].as_py() for position in positions.tolist()]
            are_valid = column.is_valid().to_pylist()
        values = iter([self.same.setdefault(x, x) for x in different][i] for i in inverse.tolist())
        return [next(values) if valid else None for valid in are_valid]

    def _labels(self, batch: Any, name: str) -> list[Any]:
        is_needed = self.layout.columns.needs_labels
        labels = self._values(self._column(batch, name, may_be_empty=not is_needed))
        for row, label in enumerate(labels, self.rows):
            if isinstance(label, str | bytes):
                check_label(label, self.path, "row", row, is_needed=is_needed)
        return labels

    def _numbers(self, columns: Sequence[Any]) -> np.ndarray:
        """Return columns of numbers as an array (n, columns), float32."""
        with readable(self.path):
            plain = [each.dictionary_decode() if hasattr(each, "dictionary") else each for each in columns]
            numbers = [np.asarray(each.to_numpy(zero_copy_only=False)) for each in plain]
        with np.errstate(over="ignore"):  # inf is refused later, with its row
            return np.stack([each.astype(np.float32) for each in numbers], axis=1)

    def _lists(self, column: Any) -> np.ndarray:
        """Return a column of lists as an array (n, …). Raises `DataError` for lists of different lengths."""
        shape = [len(column)]
        while True:
            with readable(self.path):
                lengths, values, empty = _of_lists(column)
            if lengths is None:
                break
            if empty is not None or (lengths != lengths[0]).any() or lengths[0] == 0:
                at = int((lengths != lengths[0]).argmax()) // (len(lengths) // shape[0])
                raise DataError(
                    f"{shown(self.path)}, row {self.rows + at}: all lists of numbers must have one length, at least 1. "
                    f"Got {lengths[0]} and {lengths[lengths != lengths[0]][:1].tolist() or lengths[0]}. Correct them."
                )
            shape.append(int(lengths[0]))
            column = values
        if empty is not None:
            row = self.rows + empty // (len(column) // shape[0])
            raise DataError(f"{shown(self.path)}, row {row} has an empty number. Fill it, or remove the row.")
        with readable(self.path):
            numbers = np.asarray(column.to_numpy(zero_copy_only=False)).reshape(shape)
        if self.shape not in (None, shape[1:]):
            raise DataError(
                f"{shown(self.path)}, row {self.rows}: all lists of numbers must have one length, at least 1. Got "
                f"{_times(shape[1:])}, and {_times(self.shape)} in the rows before. Correct them."
            )
        self.shape = shape[1:]
        if numbers.ndim > 2 and numbers.dtype.kind in "iub":
            what = f"{shown(self.path)}, rows {self.rows} to {self.rows + len(numbers) - 1},"
            require_8_bits(int(numbers.min()), int(numbers.max()), what)
        return numbers

    def _pictures(self, column: Any, *, names_files: bool) -> list[Picture]:
        """Return the pictures of a column. `names_files`: whether to add the names of their files to `files`."""
        names: Sequence[Any] = [None] * len(column)
        paths = None
        with readable(self.path):
            if import_pyarrow().types.is_struct(column.type):
                paths = column.field("path") if column.type.get_field_index("path") >= 0 else None
                column = column.field("bytes")
        if paths is not None:
            names = self._values(paths)
        pictures = []
        for row, (content, name) in enumerate(zip(self._values(column), names, strict=True), self.rows):
            if content is None:
                raise DataError(
                    f"{shown(self.path)}, row {row} has no image, only the name {brief(repr(name), 80)}: write the "
                    "bytes into the file."
                )
            pictures.append(Picture(f"{shown(self.path)}, row {row}", functools.partial(bytes, content)))
            if names_files:
                self.files.append(None if name is None else str(name))
        return pictures


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _first_null(column: Any) -> int | None:
    """Return the position of the first empty cell of a column of pyarrow; None if there is none."""
    return column.is_null().to_pylist().index(True) if column.null_count else None


def _of_lists(column: Any) -> tuple[np.ndarray | None, Any, int | None]:
    """Return the lengths of lists, a column of pyarrow with what is in them, and the position of the first empty list.

    Of a column without lists, the lengths are None.
    """
    pyarrow = import_pyarrow()
    types, empty = pyarrow.types, _first_null(column)
    if types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type):
        return np.asarray(pyarrow.compute.list_value_length(column)), column.flatten(), empty
    return None, column, empty
