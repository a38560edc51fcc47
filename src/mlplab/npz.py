"""NPZ and NPY files, whoever wrote them: no array is read before its size is known to be true and to fit in memory."""

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable, Collection
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from mlplab import mapped
from mlplab.memory import memory_bytes

_SUFFIX = ".npy"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy compresses. Of other methods, zipfile decompresses a few kilobytes into gigabytes at once."""
_MOST_MEMBERS = 10_000
_UNREAL = 10**21
"""More bytes than a message spells out."""
_LOCAL_HEADER = struct.Struct("<4s22xHH")
"""Of a file in a ZIP archive: its mark, and the lengths of the two fields that follow (APPNOTE.TXT, 4.3.7)."""


class Header(NamedTuple):
    """What the header of an array in NPY format says, and the bytes that it has itself."""

    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool
    offset: int

    @property
    def size(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


Decode = Callable[[str, IO[bytes], Header], np.ndarray]
"""Makes an array of a large member of an archive, which is open behind its header."""


def read(
    file: str | os.PathLike[str] | IO[bytes],
    names: Collection[str] | None = None,
    decode: Decode | None = None,
    in_memory: Collection[str] = (),
) -> dict[str, np.ndarray]:
    """Read the arrays of an NPZ file.

    Args:
        file: a path, or an open file.
        names: the arrays to read. Others come out empty: they may be large, or objects. None: all.
        decode: called for arrays (n, …) of rows of numbers that are too large for memory; those that lie in the file of
            a path as they are needed, uint8 or float32, are mapped instead. None: all are read into memory.
        in_memory: arrays that are read into memory in any case: labels, which `decode` might change.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is no NPZ file of plain arrays, is damaged, or has larger arrays than this machine has memory.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            wanted = [name for name in members if names is None or name in names]
            headers = {}
            for name in wanted:
                with archive.open(members[name]) as member:
                    headers[name] = checked_header(member, members[name].filename, members[name].file_size)
            large = {name for name, header in headers.items() if decode and _stays_out(header)} - {*in_memory}
            require_memory(sum(header.size for name, header in headers.items() if name not in large))
            arrays = dict.fromkeys(members, np.empty(0))
            for name in wanted:
                with archive.open(members[name]) as member:
                    if name not in large or decode is None:
                        arrays[name] = npy.read_array(member, allow_pickle=False)
                    elif members[name].compress_type == zipfile.ZIP_STORED and _is_plain(file, headers[name].dtype):
                        arrays[name] = _map(file, members[name], headers[name])
                    else:
                        member.read(headers[name].offset)
                        arrays[name] = decode(name, member, headers[name])
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


def _stays_out(header: Header) -> bool:
    are_rows = len(header.shape) > 1 and header.dtype.kind in "iubf" and not header.is_fortran
    return are_rows and mapped.is_large(header.size)


def _is_plain(file: object, dtype: np.dtype) -> bool:
    return isinstance(file, str | os.PathLike) and dtype in (np.dtype(np.uint8), np.dtype(np.float32))


def _map(path: str | os.PathLike[str] | IO[bytes], info: zipfile.ZipInfo, header: Header) -> np.ndarray:
    """Map an array that is stored in an archive without compression."""
    assert isinstance(path, str | os.PathLike)
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        mark, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        start = info.header_offset + _LOCAL_HEADER.size + name + extra
        file.seek(0, io.SEEK_END)
        if mark != b"PK\3\4" or start + info.file_size > file.tell():
            raise ValueError(f"{info.filename} lies beyond the end of the file")
    return np.memmap(path, header.dtype, "r", start + header.offset, header.shape)


def read_array(file: IO[bytes], name: str) -> np.ndarray:
    """Read the array of an open .npy file; errors name it. Raises `ValueError` for what `read` raises it for."""
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        require_memory(checked_header(file, name, size).size)
        file.seek(0)
        return npy.read_array(file, allow_pickle=False)
    except (OSError, ValueError):
        raise
    except Exception as error:  # of foreign bytes NumPy raises errors of many classes
        raise ValueError(str(error) or type(error).__name__) from error


def checked_header(member: IO[bytes], name: str, size: int) -> Header:
    """Return the header of an array in NPY format. Raises `ValueError` unless it claims as many bytes as there are.

    `member`: open at its start; it has `size` bytes.
    """
    version = npy.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{name} has version {version} of the NPY format, of structured arrays")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, is_fortran, dtype = read_header(member)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, which are not loaded: texts are kept by .astype(str)")
    if not dtype.itemsize:
        raise ValueError(f"{name} has elements of no bytes, {dtype} of shape {shape}")
    header = Header(shape, dtype, is_fortran, member.tell())
    if header.size != size - header.offset:
        raise ValueError(
            f"{name} claims {header.size:,} bytes, {dtype} of shape {shape}, and has {size - header.offset:,}"
        )
    return header


def require_memory(size: int) -> None:
    """Raise `ValueError` for arrays of more bytes than this machine has."""
    available = memory_bytes()
    if available is not None and size > available:
        takes = f"{size / 1e9:,.1f} GB" if size < _UNREAL else f"more than {_UNREAL // 10**18:,} billion GB"
        raise ValueError(f"its arrays take {takes}, and this machine has {available / 1e9:,.1f} GB")
