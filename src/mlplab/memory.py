"""The memory that this process may use, and arrays in it as JAX takes them."""

import contextlib
import math
import os
from pathlib import Path

import numpy as np

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux states the limit of a container, in both versions of control groups."""


def memory_bytes() -> int | None:
    """Return the bytes of the machine, or the limit of its container; None where the system does not say (Windows)."""
    try:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):
        return None
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max" stands for no limit
            limits.append(int(Path(path).read_text()))
    return min(limits)


ALIGNMENT = 64
"""JAX on a CPU takes arrays as they are whose address in memory is a multiple of this; it copies others."""


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array without values, in memory that JAX on a CPU takes as it is."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)
