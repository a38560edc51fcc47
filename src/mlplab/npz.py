"""NPZ and NPY files, whoever wrote them: no array is read before its size is known to be true and to fit in memory."""

import io
import math
import os
import zipfile
from collections.abc import Collection
from typing import IO

import numpy as np
from numpy.lib import format as npy

from mlplab.memory import memory_bytes

_SUFFIX = ".npy"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy compresses. Of other methods, zipfile decompresses a few kilobytes into gigabytes at once."""
_MOST_MEMBERS = 10_000
_UNREAL = 10**21
"""More bytes than a message spells out."""


def read(file: str | os.PathLike[str] | IO[bytes], names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of an NPZ file.

    Args:
        file: a path, or an open file.
        names: the arrays to read. Others come out empty: they may be large, or objects. None: all.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is no NPZ file of plain arrays, is damaged, or has larger arrays than this machine has memory.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            wanted = [name for name in members if names is None or name in names]
            sizes = []
            for name in wanted:
                with archive.open(members[name]) as member:
                    sizes.append(_checked_size(member, members[name].filename, members[name].file_size))
            require_memory(sum(sizes))
            arrays = dict.fromkeys(members, np.empty(0))
            for name in wanted:
                with archive.open(members[name]) as member:
                    arrays[name] = npy.read_array(member, allow_pickle=False)
            return arrays
    except (OSError, ValueError):
        raise
    except Exception as error:  # foreign bytes: zipfile, zlib and NumPy raise nine kinds
        raise ValueError(str(error) or type(error).__name__) from error


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays of an open file by their names. Raises `ValueError` for what NumPy does not write."""
    infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(infos):,} arrays, more than {_MOST_MEMBERS:,}")
    if other := [info for info in infos if info.compress_type not in _METHODS]:
        raise ValueError(f"{other[0].filename} is compressed by another method than NumPy's")
    if infos and (before := min(info.header_offset for info in infos)):
        raise ValueError(f"it has {before:,} bytes before its arrays, as if two files were joined")
    return {info.filename.removesuffix(_SUFFIX): info for info in infos}


def read_array(file: IO[bytes], name: str) -> np.ndarray:
    """Read the array of an open .npy file; errors name it. Raises `ValueError` for what `read` raises it for."""
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        require_memory(_checked_size(file, name, size))
        file.seek(0)
        return npy.read_array(file, allow_pickle=False)
    except (OSError, ValueError):
        raise
    except Exception as error:  # of foreign bytes NumPy raises errors of many classes
        raise ValueError(str(error) or type(error).__name__) from error


def _checked_size(member: IO[bytes], name: str, size: int) -> int:
    """Return the bytes of an array in NPY format. Raises `ValueError` unless its header claims as many as there are.

    `member`: open at its start; it has `size` bytes.
    """
    version = npy.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} has version {version} of the NPY format, of structured arrays")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded: texts are kept by .astype(str)")
    if not dtype.itemsize:
        raise ValueError(f"{name} has elements of no bytes, {dtype} of shape {shape}")
    claimed, held = dtype.itemsize * math.prod(shape), size - member.tell()
    if claimed != held:
        raise ValueError(f"{name} claims {claimed:,} bytes, {dtype} of shape {shape}, and has {held:,}")
    return held


def require_memory(size: int) -> None:
    """Raise `ValueError` for arrays of more bytes than this machine has."""
    available = memory_bytes()
    if available is not None and size > available:
        takes = f"{size / 1e9:,.1f} GB" if size < _UNREAL else f"more than {_UNREAL // 10**18:,} billion GB"
        raise ValueError(f"its arrays take {takes}, and this machine has {available / 1e9:,.1f} GB")
