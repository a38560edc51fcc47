"""The inputs of a training and a test set → arrays of one kind."""

import numpy as np

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.datasets.arrays import are_whole_bytes, as_array
from mlplab.datasets.readers.rows import Rows


def inputs_alike(train: Rows, test: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test inputs as arrays of one kind. Messages name the data set.

    Whole numbers from 0 to 255 in both become uint8, whatever their dtype and shape: 8-bit images are often kept as
    floats, as flat rows or as a table. Features of any other numbers become float32. Other images stay unchanged.
    Mapped inputs stay in a file: of the cache folder, if they change.
    """
    parts = [
        (as_array(part.inputs, f"The inputs of {name} {split}"), part.content)
        for part, split in ((train, "train"), (test, "test"))
    ]
    if all(are_whole_bytes(array) for array, _ in parts):
        x, y = (_as(np.uint8, *part) for part in parts)
    else:
        x, y = (
            _as(np.float32, array, content) if array.ndim == 2 and array.dtype.kind in "iub" else array
            for array, content in parts
        )
    return x, y


def _as(dtype: type[np.generic], array: np.ndarray, content: str | None) -> np.ndarray:
    """Return an array of another dtype. `content`: identifies one that is mapped."""
    if array.dtype == dtype or mapped.map_of(array) is None:
        return array.astype(dtype, copy=False)
    name = decoded.key("alike", np.dtype(dtype).name, content)
    pieces = (piece.astype(dtype) for piece in mapped.pieces(array))
    expected = array.size * np.dtype(dtype).itemsize
    return decoding.stored(name, pieces, len(array), "converting", expected=expected)
