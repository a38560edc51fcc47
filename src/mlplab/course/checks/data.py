"""The images of a data set as exercises use them: float32 between 0 and 1."""

import functools

import numpy as np

from mlplab.datasets import Data, load
from mlplab.errors import UsageError


def data_of(dataset: str) -> Data:
    """Return a data set. `UsageError` for an unknown name, `FetchError` if no source has it."""
    if not isinstance(dataset, str):
        raise UsageError(f"`dataset` must be a data set's name, such as 'fashion-mnist'; got {type(dataset).__name__}.")
    return _load(dataset)


_load = functools.lru_cache(maxsize=2)(load)


def largest_pixel(dataset: str) -> float:
    """Return the largest pixel value of the training images."""
    return float(data_of(dataset).train.inputs.max())


def images_and_labels(dataset: str, part: str, rows: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    """Return images, float32 (n, h, w) with values of 0…1, and labels, int32 (n,), of rows of "train" or "test"."""
    arrays = getattr(data_of(dataset), part)
    return arrays.inputs[rows].astype("float32") / np.float32(largest_pixel(dataset)), arrays.labels[rows]
