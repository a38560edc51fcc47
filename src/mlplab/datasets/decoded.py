"""The arrays that were decoded into the cache folder: found by the content that they were decoded from.

Each has two files: NAME.npy, which a training may have mapped for days and which nothing touches once it is written;
and NAME.npz with small arrays, whose time says when both were last used. Those that were not used for longest are
deleted where all together are too large; a process that has one mapped keeps it.
"""

import contextlib
import contextvars
import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mlplab import mapped, npz
from mlplab.datasets.cache import cache_folder

MOST_BYTES = 40 * 10**9
"""Bytes of all files together, unless those of one load have more."""

_ABANDONED = 24 * 3600
"""Seconds after which the scratch folder of a process that was killed is deleted."""

_of_load: contextvars.ContextVar[set[str] | None] = contextvars.ContextVar("of_load", default=None)


class Kept(NamedTuple):
    """What was decoded under a name.

    Attributes:
        array: (n, …), uint8 or float32; a large one is mapped, read-only.
        columns: the small arrays beside it, see `Writer.finish`.
    """

    array: np.ndarray
    columns: dict[str, np.ndarray]


def folder() -> Path:
    return cache_folder() / "decoded"


def key(*parts: object) -> str:
    """Return a name for what is decoded from content that these parts identify."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


@contextlib.contextmanager
def kept_together() -> Iterator[None]:
    """Delete no array that is found or written in this block, so that the same load finds all of them again."""
    token = _of_load.set(set())
    try:
        yield
    finally:
        _of_load.reset(token)


def find(name: str) -> Kept | None:
    """Return what was decoded under a name; None if there is nothing, or it is damaged.

    Of a large array, only the size of its file is checked.
    """
    path = folder() / f"{name}.npy"
    beside = path.with_suffix(".npz")
    try:
        columns = npz.read(beside)
        with path.open("rb") as file:
            header = npz.checked_header(file, path.name, os.fstat(file.fileno()).st_size)
        array: np.ndarray = np.memmap(path, header.dtype, "r", header.offset, header.shape)
    except (OSError, ValueError):
        return None
    if not mapped.is_large(array.nbytes):
        array = np.array(array)
        if zlib.crc32(array.data) != columns["crc"]:
            return None
    with contextlib.suppress(OSError):  # the cache of another user
        os.utime(beside)
    if (names := _of_load.get()) is not None:
        names.add(name)
    return Kept(array, columns)


def trim(keep: str) -> None:
    """Delete the arrays that were not used for longest, until all together have at most `MOST_BYTES`.

    `keep`: the name of an array that stays in any case, as do those of this load, see `kept_together`.
    """
    for path in folder().glob(".new-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED:
                shutil.rmtree(path)
    used: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for path in folder().glob("*.np[yz]"):  # one alone is what a killed process left
        with contextlib.suppress(OSError):
            state = path.stat()
            used[path.stem] = max(state.st_mtime, used.get(path.stem, 0))
            sizes[path.stem] = sizes.get(path.stem, 0) + state.st_size
    total = sum(sizes.values())
    for name in sorted(used.keys() - {keep} - (_of_load.get() or set()), key=used.__getitem__):
        if total <= MOST_BYTES:
            return
        with contextlib.suppress(OSError):  # Windows keeps a file that a process has mapped
            for suffix in (".npy", ".npz"):
                (folder() / f"{name}{suffix}").unlink(missing_ok=True)
            total -= sizes[name]
