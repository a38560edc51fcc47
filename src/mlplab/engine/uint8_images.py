"""Images that were divided by 255 → the bytes that they were, and back, to the same floats.

Most people divide by 255 before training. As bytes a data set takes a quarter of the memory, and a step that reads
random rows of it moves a quarter of the bytes.
"""

from typing import Any

import jax
import numpy as np

from mlplab.engine.placement import converted, jax_dtype
from mlplab.memory import aligned_empty

_AT_ONCE = 2**18
"""Values that are checked at a time: as many as stay in a core's cache."""
_255 = np.float32(255)


def whole_numbers(x: Any) -> np.ndarray | None:
    """Return the uint8 array that gives x, in float32, when divided by 255. It is in memory that JAX takes as it is.

    None if there is none, or if x is no NumPy array of floats that are float32 for JAX.
    """
    if not (isinstance(x, np.ndarray) and x.dtype.kind == "f" and jax_dtype(x) == np.float32 and x.size):
        return None
    images = aligned_empty(x.shape, np.dtype(np.uint8))
    rows = max(1, _AT_ONCE * len(x) // x.size)
    values = np.empty((rows, *x.shape[1:]), np.float32)
    for start in range(0, len(x), rows):
        part = converted(x[start : start + rows])
        with np.errstate(over="ignore"):
            whole = np.multiply(part, _255, out=values[: len(part)])
        if not (whole.min() >= 0 and whole.max() < 255.5):
            return None
        images[start : start + rows] = np.rint(whole, out=whole)
        if not np.array_equal(np.divide(whole, _255, out=whole), part):
            return None
    return images


def over_255(x: jax.Array) -> jax.Array:
    """Return x / 255 in float32, rounded as IEEE 754 requires.

    XLA turns a division by a constant into a product, which for half of the bytes has another last bit. So 1/255 is
    split into 257/65536, whose products with bytes are exact, and the rest: the sum is rounded once.
    """
    x = x.astype(np.float32)
    return x * np.float32(257 / 65536) + x * np.float32(1 / (255 * 65536))
