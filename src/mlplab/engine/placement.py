"""Putting arrays on the device: in the dtypes of JAX, and as arrays that nobody changes."""

from typing import Any

import jax
import numpy as np

from mlplab.errors import require_unmasked
from mlplab.memory import ALIGNMENT, aligned_empty

Arrays = Any
"""A pytree of arrays."""


def on_device(arrays: Arrays) -> Arrays:
    """Put arrays on the device. NumPy arrays are copied, so that a later change in place is never seen there.

    Without a copy, JAX on a CPU would share the memory of arrays that happen to be aligned. Arrays that cannot change
    are shared: those of JAX, and those in read-only memory.
    """
    return jax.device_put(jax.tree.map(lambda array: array if _can_be_shared(array) else _copy(array), arrays))


def also_on(device: Any, arrays: Arrays) -> Arrays:
    """Return arrays that are on a device as arrays of another one. The cores of a processor share their memory."""
    if device.platform == "cpu":  # JAX itself would copy from one core to the other, but takes a NumPy array as it is
        arrays = jax.tree.map(np.asarray, arrays)
    return jax.device_put(arrays, device)


def jax_dtype(array: np.ndarray) -> np.dtype:
    """Return the dtype that JAX has for an array's numbers, in this machine's byte order."""
    return jax.dtypes.canonicalize_dtype(array.dtype.newbyteorder("="))


def converted(array: Any) -> np.ndarray:
    """Return an array in the dtype of JAX: itself, if it has that dtype. Floats that are too large become infinite."""
    array = np.asarray(array)
    with np.errstate(over="ignore"):  # `first_not_finite` finds them
        return array.astype(jax_dtype(array), copy=False)


def _can_be_shared(array: Any) -> bool:
    """Return whether JAX can have an array as it is, since nobody can change it."""
    if isinstance(array, jax.Array):
        return True
    memory = array
    while isinstance(memory, np.ndarray):
        memory = memory.base
    # An array that owns its memory can be made writable again, also where it is read-only now.
    is_constant = isinstance(memory, bytes) or (isinstance(memory, memoryview) and memory.readonly)
    return (
        is_constant and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0
    ) and array.dtype == jax_dtype(array)


def _copy(array: Any) -> np.ndarray:
    """Copy an array to memory that JAX on a CPU takes as it is, in its dtypes."""
    require_unmasked("An array of a source", array)
    array = np.asarray(array)
    copy = aligned_empty(array.shape, jax_dtype(array))
    with np.errstate(over="ignore"):  # as in `converted`
        copy[...] = array
    return copy
