"""Thumbnails: what a person sees of rows whose inputs are features."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlplab.datasets.images.pictures import decode
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

SIDE = 64
"""Height and width of decoded thumbnails, which are shown whole, with margins."""


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """A picture for each row of features. Nothing is trained on it.

    Indexing by row numbers (k,) gives images (k, h, w) or (k, h, w, c). Undecoded pictures are decoded then, to uint8
    (k, 64, 64, 3), so that those which nobody looks at cost no time. One that is damaged is grey, with a warning.

    Attributes:
        pictures: numbers (n, h, w) or (n, h, w, c), or pictures that are not decoded yet.

    Raises:
        DataError: for an array of another shape or kind.

    Example:
        thumbnails = Thumbnails(np.zeros((10, 8, 8), np.uint8))
        thumbnails[np.array([3, 1])].shape  # (2, 8, 8)
    """

    pictures: np.ndarray | Sequence[Picture]

    def __post_init__(self) -> None:
        if isinstance(self.pictures, np.ndarray):
            shape = self.pictures.shape
            if len(shape) not in (3, 4) or 0 in shape[1:] or self.pictures.dtype.kind not in "iubf":
                raise DataError(
                    "Thumbnails must be numbers of shape (n, h, w) or (n, h, w, c). Got "
                    f"{self.pictures.dtype} of shape {shape}."
                )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        chosen = self.select(rows).pictures
        return chosen if isinstance(chosen, np.ndarray) else _decoded(chosen)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.pictures.shape[1:] if isinstance(self.pictures, np.ndarray) else (SIDE, SIDE, 3)

    def select(self, rows: np.ndarray) -> "Thumbnails":
        """Return the thumbnails of some rows: numbers, or a mask (n,)."""
        if isinstance(self.pictures, np.ndarray):
            return Thumbnails(self.pictures[rows])
        return Thumbnails([self.pictures[row] for row in np.arange(len(self))[rows].tolist()])


def _decoded(pictures: Sequence[Picture]) -> np.ndarray:
    reading = Reading(size=(SIDE, SIDE), colour="rgb")
    if not pictures:
        return np.zeros((0, SIDE, SIDE, 3), np.uint8)
    try:
        return decode(pictures, reading)
    except DataError:  # one of them
        images = np.full((len(pictures), SIDE, SIDE, 3), 128, np.uint8)
    damaged = []
    for row, picture in enumerate(pictures):
        try:
            images[row] = decode([picture], reading)[0]
        except DataError as error:
            damaged.append(str(error))
    warnings.warn(f"Thumbnails that are not shown: {len(damaged):,}. The first: {damaged[0]}", stacklevel=3)
    return images
