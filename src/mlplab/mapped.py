"""Arrays that stay in a file: mapped into memory, read piece by piece, their pages given back."""

import contextlib
import mmap
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from mlplab.errors import DataError, UsageError
from mlplab.memory import memory_bytes

CHUNK_BYTES = 2**27
"""Bytes of a chunk on machines with 4 GB or more."""

CHUNKS_IN_MEMORY = 8
"""An array in a file that takes more than this many chunks stays there."""

_PIECE_BYTES = 2**25
"""Bytes that are read of a file at a time."""


def chunk_bytes() -> int:
    """Return the bytes of the chunks in which a large array is read: 128 MB, or 1/32 of the memory if that is less.

    The environment variable `MLPLAB_CHUNK_BYTES` sets another number. Raises `UsageError` if it is no number.
    """
    given = os.environ.get("MLPLAB_CHUNK_BYTES")
    if given is None:
        return min(CHUNK_BYTES, (memory_bytes() or 2**62) // 32)
    if not given.isdecimal() or int(given) == 0:
        raise UsageError(f"MLPLAB_CHUNK_BYTES must be a number of bytes, such as {CHUNK_BYTES}; got {given!r}.")
    return int(given)


def is_large(size: int) -> bool:
    """Return whether an array of this many bytes stays in its file, and is trained on in chunks."""
    return size > CHUNKS_IN_MEMORY * chunk_bytes()


def map_of(array: Any) -> np.memmap | None:
    """Return the `np.memmap` whose memory an array shares; None for an array in memory."""
    found = None
    while isinstance(array, np.ndarray):
        found = array if isinstance(array, np.memmap) else found
        array = array.base
    return found if isinstance(array, mmap.mmap) else None


def release(array: np.ndarray) -> None:
    """Drop a mapped array's pages from memory (MADV_DONTNEED). They are read again when they are needed.

    Nothing happens to other arrays, to one whose changes stay in memory (mode "c"), and on Windows.
    """
    found = map_of(array)
    if found is None or found.mode == "c" or not hasattr(mmap, "MADV_DONTNEED"):
        return
    base: Any = found
    while not isinstance(base, mmap.mmap):
        base = base.base
    base.madvise(mmap.MADV_DONTNEED)


def pieces(array: np.ndarray, rows: np.ndarray | None = None) -> Iterator[np.ndarray]:
    """Yield the rows of an array (n, …), in order: an array in memory as a whole, a mapped one piece by piece.

    `rows`: the numbers of the rows to yield, ascending; None: all.
    """
    count = len(array) if rows is None else len(rows)
    if map_of(array) is None or not count:
        yield array if rows is None else array[rows]
        return
    at_once = max(1, _PIECE_BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, count, at_once):
        stop = min(start + at_once, count)
        yield array[start:stop] if rows is None else array[rows[start:stop]]
        release(array)


def value_range(array: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value of an array; NaN if there is one."""
    low, high = np.inf, -np.inf
    for piece in pieces(array):
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())
        if array.dtype == np.uint8 and low == 0 and high == 255:
            break
    return float(low), float(high)


class FileWatch:
    """Notices that the file of a mapped array changes, which would change its rows, or end the process.

    A file that was deleted, or replaced by another, is still there for those who have mapped it.
    """

    def __init__(self, arrays: Any):
        found = (map_of(array) for array in arrays)
        paths = {str(each.filename): each.mode for each in found if each is not None and each.filename}
        # A map that can be written to changes its own file.
        self._known = {path: (self._state(path), mode == "r") for path, mode in paths.items()}

    def check(self) -> None:
        """Raise `DataError` if a file was changed since this object was made."""
        for path, (before, is_fixed) in self._known.items():
            now = self._state(path)
            if before is None or now is None or now[:2] != before[:2]:
                continue
            if now[2] < before[2] or (is_fixed and now != before):
                difference = f"it had {before[2]:,} bytes, and has {now[2]:,} now"
                if now[2] == before[2]:
                    difference = "it has the same size, and another time of change"
                raise DataError(
                    f"{path} was changed while it was read: {difference}. Restore it and begin again, or wait "
                    "until it is written."
                )

    @staticmethod
    def _state(path: str) -> tuple[int, int, int, int] | None:
        with contextlib.suppress(OSError):
            found = os.stat(path)
            return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        return None
