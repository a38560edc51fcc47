"""The IDX format of MNIST and its descendants (LeCun, Cortes, Burges: "The MNIST database", last section).

Two zero bytes, one byte for the element type, one for the number of axes; then the length of each axis as a big-endian
uint32; then the elements, big-endian, in C order, and nothing after them.
"""

import math

import numpy as np

from mlplab.errors import DataError

Buffer = bytes | bytearray | memoryview

_ELEMENT_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(
    content: Buffer, *, ndim: int | None = None, dtype: np.typing.DTypeLike | None = None, name: str = "IDX data"
) -> np.ndarray:
    """Return the array in the bytes of an IDX file.

    Args:
        content: the bytes. The array is a view of single-byte elements, writable if the buffer is.
        ndim: the expected number of axes (images 3, labels 1); None for any.
        dtype: the expected element type; None for any.
        name: the name of the data in messages.

    Returns:
        An array of the header's shape, in the byte order of the machine.

    Raises:
        DataError: if the header is no IDX header, announces more or fewer bytes than there are, or does not match
            `ndim` and `dtype`.
    """
    elements, shape = _header(content, name)
    if ndim is not None and len(shape) != ndim:
        raise DataError(
            f"{name} should have {ndim} axes, but its header announces {len(shape)} ({_times(shape)}). "
            "Are images (3 axes) and labels (1 axis) swapped?"
        )
    if dtype is not None and elements != np.dtype(dtype).newbyteorder(">"):
        raise DataError(f"{name} should hold {np.dtype(dtype)} elements, but holds {elements.name}.")
    offset = 4 + 4 * len(shape)
    expected, got = math.prod(shape) * elements.itemsize, len(content) - offset
    if got != expected:
        fault = "is truncated" if got < expected else "has trailing bytes"
        raise DataError(
            f"{name} {fault}: its header announces {_times(shape)} elements of {elements.itemsize} byte(s), "
            f"{expected} bytes in all, but {got} follow it. Get the file again."
        )
    array = np.frombuffer(content, dtype=elements, offset=offset).reshape(shape)
    return array.astype(elements.newbyteorder("="), copy=False)


def _header(content: Buffer, name: str) -> tuple[np.dtype, tuple[int, ...]]:
    """Return element type and shape."""
    magic = bytes(content[:4])
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _ELEMENT_TYPES or magic[3] == 0:
        raise DataError(
            f"{name} is not an IDX file: expected two zero bytes, a type code of 08 to 0e and a number of axes, "
            f"got {magic.hex(' ') or 'nothing'}."
        )
    lengths = bytes(content[4 : 4 + 4 * magic[3]])
    if len(lengths) < 4 * magic[3]:
        raise DataError(f"{name} is truncated: it ends within the header. Get the file again.")
    return np.dtype(_ELEMENT_TYPES[magic[2]]), tuple(np.frombuffer(lengths, ">u4").tolist())


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
