"""What a reader of one format returns."""

import hashlib
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.errors import DataError, printable

T = TypeVar("T")

PARTS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""What folders, files and cells that name a part of a data set mean."""


@dataclass(frozen=True)
class Picture:
    """An image that is not decoded yet.

    Attributes:
        name: for messages: a path, or a file and a row.
        read: returns its bytes; raises `DataError` if it cannot.
        path: the file that is this image; None for bytes of a table, which are in memory already.
    """

    name: str
    read: Callable[[], bytes]
    path: Path | None = None

    def size(self) -> int:
        """Return the bytes that `read` adds to what is in memory; 0 if that is not known, and for bytes of a table."""
        try:
            return 0 if self.path is None else os.stat(self.path).st_size
        except OSError:  # `read` says so
            return 0


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows with their labels.

    Attributes:
        inputs: an array (n, …), or pictures.
        labels: (n,), of any kind that `arrays.plain_labels` takes; None where rows to predict have none.
        files: the name of each row's file, relative to the source, if rows come from files.
        groups: the group of each row, if the source has a column for it.
        thumbnails: a picture of each row, if the source has them beside features: an array (n, …), or pictures.
        content: identifies `inputs` in cache keys of arrays made from it; required if `inputs` is memory-mapped.
        ids: of rows to predict, the name of a column that numbers or names them, and its cells, if there is one.
        paths: of rows to predict, the files that they were read from, besides those of pictures.
    """

    inputs: Any
    labels: Any
    files: tuple[str, ...] | None = None
    groups: Sequence[Hashable] | None = None
    thumbnails: Any = None
    content: str | None = None
    ids: tuple[str, Sequence[Any]] | None = None
    paths: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs if self.labels is None else self.labels)

    def select(self, mask: np.ndarray) -> "Rows":
        """Return the rows where a mask, bool (n,), is True."""
        rows, inputs, files, groups, content = np.flatnonzero(mask), self.inputs, self.files, self.groups, None
        if mapped.map_of(inputs) is None:
            inputs = _selected(inputs, rows)
        else:
            content = decoded.key("rows", self.content, hashlib.sha256(rows.tobytes()).hexdigest())
            inputs = decoding.stored(content, mapped.pieces(inputs, rows), len(rows), "splitting")
        return Rows(
            inputs,
            None if self.labels is None else np.asarray(self.labels)[mask],
            None if files is None else tuple(files[row] for row in rows.tolist()),
            None if groups is None else [groups[row] for row in rows.tolist()],
            _selected(self.thumbnails, rows),
            content,
            None if self.ids is None else (self.ids[0], [self.ids[1][row] for row in rows.tolist()]),
        )


@dataclass(frozen=True, eq=False)
class Found:
    """The content of a source.

    Attributes:
        train, test: the rows of its parts; `test` is None where it has one part only.
        sha256: hexadecimal SHA-256 of each file that was read, by name, but those of pictures.
        class_names: if the source has names for the positions that its labels are.
    """

    train: Rows
    test: Rows | None = None
    sha256: dict[str, str] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None


def shown(name: str | os.PathLike[str]) -> str:
    """Return a file's name in characters that every terminal, page and JSON file takes, whatever its encoding."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def joined(parts: Mapping[str, Rows]) -> Rows:
    """Return the rows of several parts as one. `parts`: by the names that messages give them.

    Raises:
        DataError: for parts whose inputs, labels or thumbnails are of different kinds or shapes.
    """
    rows = list(parts.values())
    if len(rows) == 1:
        return rows[0]
    for what in ("inputs", "labels", "thumbnails"):
        _require_alike({name: getattr(part, what) for name, part in parts.items()}, what)
    content = None
    if all(mapped.map_of(part.inputs) is None for part in rows):
        inputs = _joined([part.inputs for part in rows])
    else:
        content = decoded.key("joined", *(part.content for part in rows))
        pieces = (piece for part in rows for piece in mapped.pieces(part.inputs))
        inputs = decoding.stored(content, pieces, sum(map(len, rows)), "joining parts")
    thumbnails = _joined([part.thumbnails for part in rows])
    labels = _joined([None if part.labels is None else np.asarray(part.labels) for part in rows])
    files = None if any(part.files is None for part in rows) else tuple(f for part in rows for f in part.files or ())
    groups = None if any(part.groups is None for part in rows) else [g for part in rows for g in part.groups or ()]
    named = [part.ids for part in rows if part.ids is not None]
    are_alike = len(named) == len(rows) and len({name for name, _ in named}) == 1
    ids = (named[0][0], [each for _, cells in named for each in cells]) if are_alike else None
    return Rows(inputs, labels, files, groups, thumbnails, content, ids)


def _require_alike(values: Mapping[str, Any], what: str) -> None:
    """Raise `DataError` for arrays or pictures of several parts that cannot be joined. A part may have none."""
    forms = {name: _form(value) for name, value in values.items() if value is not None}
    first, *others = forms or [""]
    for name in others:
        if forms[name] != forms[first]:
            raise DataError(
                f"The {what} of {first} and {name} are joined, and must be of one kind and shape. Got {forms[first]} "
                f"and {forms[name]}: give both the same."
            )


def _form(value: Any) -> str:
    """Describe arrays or pictures but for their number, for a message."""
    if isinstance(value, list) and value and isinstance(value[0], Picture):
        return "pictures"
    return f"(n, {', '.join(map(str, shape))})" if (shape := np.shape(value)[1:]) else "(n,)"


def _selected(values: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array or a list; None stays None."""
    if isinstance(values, list):
        return [values[row] for row in rows.tolist()]
    return None if values is None else values[rows]


def _joined(parts: Sequence[Any]) -> Any:
    """Return the arrays or lists of several parts as one; None if a part has none."""
    if any(part is None for part in parts):
        return None
    return [each for part in parts for each in part] if isinstance(parts[0], list) else np.concatenate(parts)


def part_to_predict(parts: Mapping[str, T]) -> T:
    """Return the test part, else validation, else train. `parts`: by the names train, validation and test."""
    return next(parts[name] for name in ("test", "validation", "train") if name in parts)


def in_parts(parts: dict[str, Rows], path: Path) -> tuple[Rows, Rows | None]:
    """Return the rows to train on and to test on, of parts that are called train, validation and test.

    mlplab holds out rows to validate with by itself, so rows for validation are trained on; where nothing is to be
    tested on, they are that.
    """
    if "train" not in parts:
        raise DataError(f"{shown(path)} has the parts {', '.join(parts)}: expected a part called train. Add one.")
    if "test" not in parts:
        return parts["train"], parts.get("validation")
    to_train_on = {f"{shown(path)} {part}": parts[part] for part in ("train", "validation") if part in parts}
    return joined(to_train_on), parts["test"]
