"""Images that were divided by 255 → the bytes that they were, and back, to the very same floats.

Dividing by 255 is what everybody does before training. As bytes a data set takes a quarter of the memory, and a step
that reads random rows of it waits for a quarter of the traffic.
"""

from typing import Any

import jax
import numpy as np

_AT_ONCE = 2**18
"""Values looked at together: they stay in a core's cache."""
_255 = np.float32(255)


def whole_numbers(x: Any) -> np.ndarray | None:
    """The uint8 array that gives x when it is divided by 255; None if there is none, or x is no float32 NumPy array."""
    if not (isinstance(x, np.ndarray) and x.dtype == np.float32 and x.size):
        return None
    found = np.empty(x.shape, np.uint8)
    rows = max(1, _AT_ONCE * len(x) // x.size)
    values = np.empty((rows, *x.shape[1:]), np.float32)
    for start in range(0, len(x), rows):
        part = x[start : start + rows]
        whole = np.multiply(part, _255, out=values[: len(part)])
        if not (whole.min() >= 0 and whole.max() < 255.5):
            return None
        found[start : start + rows] = np.rint(whole, out=whole)
        if not np.array_equal(np.divide(whole, _255, out=whole), part):
            return None
    return found


def over_255(x: jax.Array) -> jax.Array:
    """x / 255, float32, rounded as IEEE 754 says.

    XLA makes a product of a division by a constant, which for half of the bytes has another last bit. So 1/255 is split
    into 257/65536, whose products with bytes are exact, and the rest: the sum is rounded once.
    """
    x = x.astype(np.float32)
    return x * np.float32(257 / 65536) + x * np.float32(1 / (255 * 65536))
