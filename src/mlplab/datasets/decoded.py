"""The arrays that were decoded into the cache folder: found by the content that they were decoded from.

Those that were not used for longest are deleted where all together are too large; a process that has one mapped keeps
it.
"""

import contextlib
import hashlib
import os
import shutil
import time
import zlib
from pathlib import Path

import numpy as np

from mlplab import mapped, npz
from mlplab.datasets.cache import cache_folder

MOST_BYTES = 40 * 10**9
"""Bytes of all files together, unless the newest alone has more."""

_ABANDONED = 24 * 3600
"""Seconds after which the scratch folder of a process that was killed is deleted."""


def folder() -> Path:
    return cache_folder() / "decoded"


def key(*parts: object) -> str:
    """Return a name for what is decoded from content that these parts identify."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def find(name: str) -> np.ndarray | None:
    """Return the array that was decoded under a name; None if there is none, or it is damaged.

    A large one is mapped, read-only, and only the size of its file is checked.
    """
    path, columns = folder() / f"{name}.npy", find_columns(name)
    if columns is None:
        return None
    try:
        with path.open("rb") as file:
            header = npz.checked_header(file, path.name, os.fstat(file.fileno()).st_size)
        os.utime(path)
        array = np.memmap(path, header.dtype, "r", header.offset, header.shape)
    except (OSError, ValueError):
        return None
    if mapped.is_large(array.nbytes):
        return array
    array = np.array(array)
    return array if zlib.crc32(array.data) == columns["crc"] else None


def find_columns(name: str) -> dict[str, np.ndarray] | None:
    """Return the small arrays beside the array of a name, see `Writer.finish`; None if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return npz.read(folder() / f"{name}.npz")
    return None


def trim(keep: str, most: int = MOST_BYTES) -> None:
    """Delete the arrays that were not used for longest, until all together have at most this many bytes.

    `keep`: the name of an array that stays in any case.
    """
    for path in folder().glob(".new-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                shutil.rmtree(path)
    found = []
    for path in folder().glob("*.npy"):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most:
            return
        if path.stem != keep:
            with contextlib.suppress(OSError):  # Windows keeps a file that a process has mapped
                path.unlink()
                path.with_suffix(".npz").unlink(missing_ok=True)
                total -= size
