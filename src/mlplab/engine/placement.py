"""Putting arrays on the device: in the dtypes of JAX, and as copies that nobody changes."""

import math
from typing import Any

import jax
import numpy as np

from mlplab.errors import require_unmasked

Arrays = Any
"""A pytree of arrays."""


def on_device(arrays: Arrays) -> Arrays:
    """Put arrays on the device. NumPy arrays are copied, so that a later change in place is never seen there.

    Without a copy, JAX on a CPU would share the memory of arrays that happen to be aligned. JAX arrays cannot change.
    """
    return jax.device_put(jax.tree.map(lambda array: array if isinstance(array, jax.Array) else _copy(array), arrays))


def jax_dtype(array: np.ndarray) -> np.dtype:
    """Return the dtype that JAX has for an array's numbers, in this machine's byte order."""
    return jax.dtypes.canonicalize_dtype(array.dtype.newbyteorder("="))


def converted(array: Any) -> np.ndarray:
    """Return an array in the dtype of JAX: itself, if it has that dtype. Floats that are too large become infinite."""
    array = np.asarray(array)
    with np.errstate(over="ignore"):  # `first_not_finite` finds them
        return array.astype(jax_dtype(array), copy=False)


def _copy(array: Any) -> np.ndarray:
    """Copy an array to memory that JAX on a CPU takes as it is: in its dtypes, from a multiple of 64 bytes on."""
    require_unmasked("An array of a source", array)
    array = np.asarray(array)
    copy = aligned_empty(array.shape, jax_dtype(array))
    with np.errstate(over="ignore"):  # as in `converted`
        copy[...] = array
    return copy


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array without values, in memory that JAX on a CPU takes as it is: from a multiple of 64 bytes on."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)
