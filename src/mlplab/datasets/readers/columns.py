"""Tables: which column has the labels, groups, parts and names of files, and what shape rows of pixels have."""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlplab.datasets.arrays import whole_bytes
from mlplab.datasets.readers.rows import PARTS
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, UsageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Of files with images."""
_LABELS = ("label", "labels", "class", "target", "category", "species", "y", "fine_label")
_PARTS = ("split", "part", "subset", "set")
_IDS = ("id", "imageid", "image_id", "rowid", "row_id", "index", "", "unnamed: 0", "__index_level_0__")
"""Of columns that number or name the rows; the last three are what pandas makes of its own numbers of rows."""
_SMALLEST = 8
"""Pixels of the side of an image in a table that does not name its columns."""


@dataclass(frozen=True)
class Columns:
    """The positions of columns.

    Attributes:
        names: of all columns; "0", "1", … where the table has no header.
        label: has the labels; None where rows to predict have none.
        group, part, file, thumbnail: have the groups, the names of parts, the names of files with images, and of files
            with thumbnails; None if there is no such column.
        has_header: whether the names are the table's.
        id: numbers or names rows to predict, such as `file`; None if there is no such column.
        left_out: is not read: thumbnails of rows to predict, or numbers of rows to train on; None if there is none.
        needs_labels: whether each row has to have a label.
    """

    names: tuple[str, ...]
    label: int | None
    group: int | None = None
    part: int | None = None
    file: int | None = None
    has_header: bool = True
    thumbnail: int | None = None
    id: int | None = None
    left_out: int | None = None
    needs_labels: bool = True

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        first: Sequence[str],
        reading: Reading,
        what: str,
        *,
        header: bool,
        has_inputs: bool = False,
    ) -> "Columns":
        """Return the columns of a table by their names and by its first row.

        A column that numbers or names the rows, by its own name, is no input, of which a warning tells.

        Args:
            names: of the columns.
            first: the first row.
            reading: may name the columns of labels, groups and thumbnails.
            what: names the table in messages.
            header: whether the names are the table's.
            has_inputs: the inputs are one column of images or lists, not in `names`.

        Raises:
            UsageError: if it cannot be seen which column has the labels, or there is no column with a given name.
        """
        label, thumbnail = (_position(name, names, what) for name in (reading.label, reading.thumbnails))
        words, lower, (file, part, group) = _special(names, first, reading)
        ids = [i for i, name in enumerate(lower) if header and name in _IDS and i not in (label, group)]
        id = next(iter(ids), None)
        if id is not None and file is None and not has_inputs:
            warnings.warn(
                f"Column {names[id]!r} of {what} numbers its rows, and is left out. To train on it, rename it.",
                stacklevel=2,
            )
        rest = [i for i in range(len(names)) if i not in (file, part, group, thumbnail, id)]
        if label is None:
            label = next((lower.index(name) for name in _LABELS if name in lower and lower.index(name) in rest), None)
        if label is None:
            texts = [i for i in rest if not is_number(words[i])]
            candidates = texts or (rest if file is not None or has_inputs else [] if header else rest[:1])
            if len(candidates) != 1:
                advice = Advice("label=COLUMN", "--label COLUMN")
                raise UsageError(
                    f"Which column of {what} has the labels? Its columns are {_listed(names)}. Name it: {advice}.",
                    advice=[advice],
                )
            label = candidates[0]
        return cls(tuple(names), label, group, part, file, header, thumbnail, left_out=id)

    @classmethod
    def to_predict(
        cls,
        names: Sequence[str],
        first: Sequence[str],
        reading: Reading,
        width: int,
        *,
        header: bool,
        has_inputs: bool = False,
    ) -> "Columns":
        """Return the columns of a table whose rows are to be predicted: labels and ids may be there or not.

        The number of inputs decides: a table of just as many columns has inputs alone, whatever their names. Else a
        column of labels is left out, by its name, as the only texts, or without a header as the first; else one of ids,
        by its name; else both. A table that fits in no way has columns of both kinds left out. Images of a table
        without ids are named by their files.

        Args:
            names, first, reading, header, has_inputs: as in `of`.
            width: number of inputs of the network.
        """
        words, lower, (file, part, group) = _special(names, first, reading)
        thumbnail = names.index(reading.thumbnails) if reading.thumbnails in names else None
        rest = [i for i in range(len(names)) if i not in (file, part, group, thumbnail)]
        usual = (reading.label, *_LABELS)
        label = next((i for name in usual for i in rest if name in (names[i], lower[i])), None)
        id = next((i for name in _IDS for i in rest if lower[i] == name and i != label), None) if header else None
        texts = [i for i in rest if i not in (label, id) and not is_number(words[i])]
        if label is None and len(texts) == 1:
            label = texts[0]
        if file is None and not has_inputs:
            label = next(iter(rest), None) if label is None and not header else label
            if len(names) == width and thumbnail is None and reading.label not in names:
                return cls(tuple(names), None, has_header=header, needs_labels=False)
            left_out = ((None, None), (label, None), (None, id), (label, id))
            if reading.label in names:
                left_out = ((label, None), (label, id))
            label, id = next((pair for pair in left_out if len(set(rest) - {*pair}) == width), left_out[-1])
        id = file if id is None else id
        special = {"id": id, "left_out": thumbnail, "needs_labels": False}
        return cls(tuple(names), label, group, part, file, header, **special)

    @property
    def numbers(self) -> list[int]:
        """The positions of the columns that are inputs."""
        others = {self.label, self.group, self.part, self.file, self.thumbnail, self.id, self.left_out}
        return [position for position in range(len(self.names)) if position not in others]

    def shaped(self, numbers: np.ndarray, reading: Reading) -> np.ndarray:
        """Return numbers (n, columns) as images uint8 (n, h, w) or (n, h, w, 3) if they are pixels; else unchanged."""
        shape = self._shape(reading)
        pixels = None if shape is None else whole_bytes(numbers)
        return numbers if pixels is None or shape is None else pixels.reshape(-1, *shape)

    def _shape(self, reading: Reading) -> tuple[int, ...] | None:
        names = [self.names[position].strip().lower() for position in self.numbers]
        count = len(names)
        if reading.size is not None:
            height, width = reading.size
            if count in (height * width, 3 * height * width):
                return (height, width) if count == height * width else (height, width, 3)
        places = [re.fullmatch(r"(\d{1,5})x(\d{1,5})", name) for name in names]
        if places[0] is not None and places[-1] is not None:
            height, width = int(places[-1][1]), int(places[-1][2])
            return (height, width) if height * width == count else None
        side, side_rgb = (round((count / channels) ** 0.5) for channels in (1, 3))
        are_pixels = all(name.startswith(("pixel", "px")) for name in names)
        if side**2 == count and (are_pixels or (not self.has_header and side >= _SMALLEST)):
            return side, side
        return (side_rgb, side_rgb, 3) if are_pixels and 3 * side_rgb**2 == count else None


def _position(name: str | None, names: Sequence[str], what: str) -> int | None:
    """Return the position of a column that a person named; None if no name is given."""
    if name is not None and name not in names:
        raise UsageError(f"{what} has no column {name!r}. Got {_listed(names)}.")
    return None if name is None else names.index(name)


def _special(
    names: Sequence[str], first: Sequence[str], reading: Reading
) -> tuple[list[str], list[str], list[int | None]]:
    """Return the words of the first row, names in lower case, and the columns of files, parts and groups, or None."""
    words = [str(value).strip() for value in first]
    lower = [name.strip().lower() for name in names]
    is_image = [Path(word).suffix.lower() in SUFFIXES for word in words]
    file = next((i for i in range(len(names)) if is_image[i] and names[i] != reading.thumbnails), None)
    part = next((i for i, word in enumerate(words) if lower[i] in _PARTS and word.lower() in PARTS), None)
    group = names.index(reading.group) if reading.group in names else None
    return words, lower, [file, part, group]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return ", ".join(repr(name[:40]) for name in names[:8]) + more
