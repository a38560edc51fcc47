"""The images of a data set as exercises use them: float32 between 0 and 1."""

import functools
from dataclasses import dataclass

import numpy as np

from mlplab.datasets import Data, load
from mlplab.errors import UsageError


@dataclass(frozen=True, eq=False)
class Images:
    """A data set with scaled pixels; `part` returns its arrays."""

    data: Data

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.data.class_names

    @property
    def classes(self) -> int:
        return len(self.data.class_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.data.train.inputs.shape[1:]

    @functools.cached_property
    def largest(self) -> float:
        """The largest pixel value of the training images."""
        return float(self.data.train.inputs.max())

    def part(self, name: str, rows: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Return images, float32 (n, h, w), and labels, int (n,), of rows of "train" or "test"."""
        part = getattr(self.data, name)
        return part.inputs[rows].astype("float32") / np.float32(self.largest), part.labels[rows]


def images_of(dataset: str) -> Images:
    """Return the images of a data set. `UsageError` for an unknown name, `FetchError` if no source has it."""
    if not isinstance(dataset, str):
        raise UsageError(f"`dataset` must be a data set's name, such as 'fashion-mnist'; got {type(dataset).__name__}.")
    return _images(dataset)


@functools.lru_cache(maxsize=2)
def _images(dataset: str) -> Images:
    return Images(load(dataset))
