"""Labels, groups, parts and ids of the rows of a table: checked, and kept beside decoded inputs."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets.decoded import Kept
from mlplab.datasets.readers.columns import is_number
from mlplab.datasets.readers.rows import PARTS, Found, Rows, in_parts, part_to_predict, shown
from mlplab.errors import DataError, brief

_LONGEST_LABEL = 256
"""Characters of a label, at most."""


@dataclass(frozen=True, eq=False)
class OtherColumns:
    """What a table has beside the inputs, one for each row.

    Attributes:
        labels: (n,).
        groups, parts, ids: lists. None, as `labels`, if there is no such column.
        files, lines: of a CSV file, lists of the names of pictures, and the line of each, from 1.
    """

    labels: np.ndarray | None
    groups: list[Any] | None
    parts: list[str] | None
    ids: list[Any] | None
    files: list[str] | None = None
    lines: list[int] | None = None

    @classmethod
    def from_kept(cls, kept: Kept | None) -> "OtherColumns | None":
        """Return what `to_keep` put beside a decoded array; None if it put nothing there, or there is no array."""
        if kept is None or "lists" not in kept.columns:
            return None
        lists = json.loads(kept.columns["lists"].tobytes())
        labels = lists.pop("labels")
        return cls(kept.columns.get("labels") if labels is None else np.array(labels, object), **lists)

    def to_keep(self) -> dict[str, np.ndarray]:
        """Return arrays for `from_kept`: none where cells are of another kind than JSON has."""
        lists: dict[str, Any] = {"groups": self.groups, "parts": self.parts, "ids": self.ids, "labels": None}
        lists |= {"files": self.files, "lines": self.lines}
        arrays = {} if self.labels is None else {"labels": self.labels}
        if self.labels is not None and self.labels.dtype.kind == "O":  # some are missing
            arrays, lists["labels"] = {}, self.labels.tolist()
        try:
            return arrays | {"lists": np.frombuffer(json.dumps(lists).encode(), np.uint8)}
        except TypeError:
            return {}


def labels_of(texts: Sequence[str]) -> np.ndarray:
    """Return labels as whole numbers if all are, as other numbers if all are, else as texts without spaces around."""
    word_of = {text: text.strip() for text in dict.fromkeys(texts)}
    if all(re.fullmatch(r"-?(0|[1-9]\d{0,17})", word) for word in word_of.values()):
        whole = {text: int(word) for text, word in word_of.items()}
        return np.array([whole[text] for text in texts], np.int64)
    if all(map(is_number, word_of.values())):
        numbers = {text: float(word) for text, word in word_of.items()}
        return np.array([numbers[text] for text in texts])
    return np.array([word_of[text] for text in texts])


def check_label(text: str | bytes, path: Path, unit: str, number: int, *, is_needed: bool) -> None:
    """Raise `DataError` for a label that is missing where it is needed, or too long for one.

    `path`, `unit`, `number`: where it is, for messages: the file, "line" or "row", and which.
    """
    if is_needed and not text.strip():
        raise DataError(f"{shown(path)}, {unit} {number} has no label: add it, or remove the {unit}.")
    if len(text) > _LONGEST_LABEL:
        raise DataError(
            f"{shown(path)}, {unit} {number}: a label must have at most {_LONGEST_LABEL} characters. Got "
            f"{len(text):,}, {brief(repr(text), 40)}. Is another column the one with the labels?"
        )


def found_in_parts(
    rows: Rows, parts: Sequence[str] | None, sha256: dict[str, str], path: Path, *, to_predict: bool = False
) -> Found:
    """Return the rows of a table, in the parts that one of its columns names.

    `to_predict`: the rows of one part alone, see `part_to_predict`.

    Raises:
        DataError: for the name of a part that means nothing.
    """
    if parts is None:
        return Found(rows, sha256=sha256)
    names = [PARTS.get(part.strip().lower()) for part in parts]
    if None in names:
        wrong = parts[names.index(None)]
        raise DataError(
            f"A part is called train, validation or test. {shown(path)} has {brief(repr(wrong), 60)} in row "
            f"{names.index(None)}."
        )
    masks = {str(name): np.array([each == name for each in names]) for name in dict.fromkeys(names)}
    if to_predict:
        return Found(rows.select(part_to_predict(masks)), sha256=sha256)
    train, test = in_parts({name: rows.select(mask) for name, mask in masks.items()}, path)
    return Found(train, test, sha256)
