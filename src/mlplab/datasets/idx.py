"""The IDX format of MNIST and its descendants (LeCun, Cortes, Burges: "The MNIST database", last section).

Two zero bytes, one byte for the element type (08 is uint8, the only one that is read here), one for the number of axes;
then the length of each axis as a big-endian uint32; then the elements in C order, and nothing after them.
"""

import math
from io import BufferedIOBase

import numpy as np

from mlplab import npz
from mlplab.errors import DataError

_UINT8 = 0x08
_MOST_AXES = 8
_AT_ONCE = 2**20
"""Bytes that are read at a time."""


def read_header(file: BufferedIOBase) -> bytearray:
    """Return the header of an IDX file that is open at its start; at most 4 bytes of any other file."""
    header = bytearray(file.read(4))
    axes = header[3] if header[:3] == b"\0\0\x08" and len(header) == 4 else 0
    if axes <= _MOST_AXES:
        header += file.read(4 * axes)
    return header


def announced_shape(header: bytes | bytearray) -> tuple[int, ...]:
    """Return the shape that a header announces; (0,) for one that is not whole, and for that of another file."""
    is_whole = len(header) > 4 and len(header) == 4 + 4 * header[3]
    return tuple(np.frombuffer(header[4:], ">u4").tolist()) if is_whole else (0,)


def require_axes(shape: tuple[int, ...], ndim: int, name: str) -> None:
    """Raise `DataError` for an array `name` of another number of axes than `ndim`."""
    if len(shape) != ndim:
        raise DataError(
            f"{name} should have {ndim} axes, but its header announces {len(shape)} ({'x'.join(map(str, shape))}). "
            "Are images (3 axes) and labels (1 axis) swapped?"
        )


def read_content(file: BufferedIOBase, header: bytearray) -> bytearray:
    """Return the bytes of an IDX file, open behind its header: a single one more than that announces, if any.

    So a small gzip file cannot fill the memory, and a header that promises much allocates nothing.

    Raises:
        ValueError: if the header announces more bytes than this machine has memory.
    """
    announced, content = math.prod(announced_shape(header)), header
    npz.require_memory(announced)
    rest = announced + 1
    while rest and (part := file.read(min(rest, _AT_ONCE))):
        content += part
        rest -= len(part)
    return content


def read_idx(content: bytes | bytearray | memoryview, *, ndim: int, name: str) -> np.ndarray:
    """Return the uint8 array in the bytes of an IDX file: a view of them, writable if they are.

    Args:
        content: the bytes.
        ndim: the expected number of axes: images 3, labels 1.
        name: the name of the data in messages.

    Raises:
        DataError: if the header is no IDX header, or has another element type, number of axes, or number of bytes.
    """
    magic = bytes(content[:4])
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _UINT8 or not 1 <= magic[3] <= _MOST_AXES:
        raise DataError(
            f"{name} is not an IDX file of uint8 elements: expected two zero bytes, the type code 08 and a number of "
            f"axes up to {_MOST_AXES}, got {magic.hex(' ') or 'nothing'}."
        )
    offset = 4 + 4 * magic[3]
    if len(content) < offset:
        raise DataError(f"{name} is truncated: it ends within the header. Get the file again.")
    shape = tuple(np.frombuffer(content[4:offset], ">u4").tolist())
    require_axes(shape, ndim, name)
    expected, got = math.prod(shape), len(content) - offset
    if got != expected:
        fault = "is truncated" if got < expected else "has trailing bytes"
        times = "x".join(map(str, shape))
        raise DataError(
            f"{name} {fault}: its header announces {times} elements of 1 byte, {expected} bytes in all, but {got} "
            "follow it. Get the file again."
        )
    return np.frombuffer(content, np.uint8, offset=offset).reshape(shape)
