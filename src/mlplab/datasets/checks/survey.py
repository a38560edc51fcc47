"""What the checks look at: all rows of a data set, numbered through, with what is measured of each in one pass."""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets.dataset import Data

_CHUNK = 2**22
"""Values of inputs that are converted at a time: 16 MB as float32."""

_BLANK = 0.02
"""An image is blank if its values spread over less than this part of what they do in a usual image."""

SAMPLE = 500
"""Images, evenly spaced over the data set, from which properties of the whole set are estimated; fewer large ones."""

_LEAST_SAMPLE = 20


class Survey:
    """The rows of a data set as the checks see them. Row r is training row r, or test row r - len(data.train).

    Attributes:
        data: the data set.
        labels: (n,), of all rows.
        low, high: (n,), the least and the largest value of each row.
        kind: "images" or "rows", for texts.
    """

    def __init__(self, data: Data):
        self.data = data
        self.parts = (data.train, data.test)
        self.labels = np.concatenate([part.labels for part in self.parts])
        self._inputs = [part.inputs.reshape(len(part), -1) for part in self.parts]
        pieces = [piece for inputs in self._inputs for piece in _ends(inputs)]
        self.low, self.high = (np.concatenate(ends) for ends in zip(*pieces, strict=True))
        self.kind = "images" if data.train.has_images else "rows"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_images(self) -> bool:
        return self.data.train.has_images

    @property
    def width(self) -> int:
        """Number of values in a row."""
        return self._inputs[0].shape[1]

    @property
    def is_test(self) -> np.ndarray:
        """bool (n,)."""
        return np.arange(len(self)) >= len(self.data.train)

    def rows(self, at: Iterable[int] | np.ndarray) -> np.ndarray:
        """Return the flat inputs of some rows, (k, width), in this order."""
        at, first_test = np.asarray(at, np.int64), len(self.data.train)
        rows = np.empty((len(at), self.width), self._inputs[0].dtype)
        test = at >= first_test
        rows[~test], rows[test] = self._inputs[0][at[~test]], self._inputs[1][at[test] - first_test]
        return rows

    def chunks(self, width: int | None = None) -> Iterator[np.ndarray]:
        """Yield the flat inputs chunk by chunk, in order, without a copy. `width`: of what becomes of a row."""
        size = max(1, _CHUNK // (width or self.width))
        for inputs in self._inputs:
            for start in range(0, len(inputs), size):
                yield inputs[start : start + size]
                mapped.release(inputs)

    @functools.cached_property
    def sample(self) -> np.ndarray:
        """Some rows, evenly spaced: float32 (at most SAMPLE, ...), of the inputs' shape."""
        size = min(len(self), SAMPLE, max(_LEAST_SAMPLE, _CHUNK // self.width))
        at = np.unique(np.linspace(0, len(self) - 1, size).astype(int))
        return self.rows(at).astype(np.float32).reshape(len(at), *self.data.train.inputs.shape[1:])

    @functools.cached_property
    def is_blank(self) -> np.ndarray:
        """bool (n,): images without anything on them. Those that are on another scale are not blank."""
        if not self.has_images or self.width == 1:
            return np.zeros(len(self), bool)
        spread = self.high.astype(np.float64) - self.low
        return (spread == 0) | ((spread < _BLANK * self._usual(spread)) & ~self.is_off_scale)

    @functools.cached_property
    def largest(self) -> np.ndarray:
        """float64 (n,): the largest absolute value of each row."""
        return np.maximum(-self.low.astype(np.float64), self.high)

    @functools.cached_property
    def is_off_scale(self) -> np.ndarray:
        """bool (n,): images from 0 to 1 among others up to 12 and more, or images up to 12 and more among such."""
        if not self.has_images:
            return np.zeros(len(self), bool)
        usual = self._usual(self.largest)
        ones = (self.largest <= 1) & (self.high > self.low)
        return (ones & (usual >= 12)) | ((self.largest >= 12) & (usual <= 1))

    def _usual(self, values: np.ndarray) -> np.ndarray:
        """Return for each row the median of the values (n,) in its split."""
        medians = np.array([np.median(values[~self.is_test]), np.median(values[self.is_test])])
        return medians[self.is_test.astype(int)]

    @functools.cached_property
    def usual_range(self) -> tuple[float, float]:
        """The medians of the least and of the largest value of a row."""
        return float(np.median(self.low)), float(np.median(self.high))

    def by_split(self, rows: Any) -> dict[str, tuple[int, ...]]:
        """Return row numbers of each split that has some, ascending. `rows`: a mask (n,), or row numbers."""
        rows = np.asarray(rows)
        at = np.flatnonzero(rows) if rows.dtype == bool else np.unique(rows)
        first_test = len(self.data.train)
        splits = {"train": at[at < first_test], "test": at[at >= first_test] - first_test}
        return {split: tuple(numbers.tolist()) for split, numbers in splits.items() if len(numbers)}

    def place(self, row: int) -> tuple[str, int]:
        """Return the split and the row number in it."""
        first_test = len(self.data.train)
        return ("train", int(row)) if row < first_test else ("test", int(row) - first_test)

    def count(self, number: int, split: str = "") -> str:
        """Return "1 test image", "1,200 images", …."""
        kind = self.kind if number != 1 else self.kind[:-1]
        return f"{number:,} {split} {kind}" if split else f"{number:,} {kind}"

    def counts(self, rows: dict[str, tuple[int, ...]]) -> str:
        """Return "3 training and 2 test images" for rows by split."""
        names = [f"{len(numbers):,} {_SPLITS[split]}" for split, numbers in rows.items()]
        single = sum(map(len, rows.values())) == 1
        return f"{' and '.join(names)} {self.kind[:-1] if single else self.kind}"


def _ends(inputs: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the least and the largest values of some rows (n, d) after the other."""
    return ((piece.min(1), piece.max(1)) for piece in mapped.pieces(inputs))


def severity(rows: int, of: int) -> str:
    """Return "error" for rows that move a score by a point or more, else "warning"."""
    return "error" if rows >= 0.01 * of else "warning"


_SPLITS = {"train": "training", "test": "test"}
