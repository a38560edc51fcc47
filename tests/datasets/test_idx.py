"""The IDX reader returns the arrays that were written, and refuses anything else."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlplab.datasets.idx import read_idx
from mlplab.errors import DataError

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
FORMATS = {"uint8": "B", "int8": "b", "int16": "h", "int32": "i", "float32": "f", "float64": "d"}

any_array = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
)


def encode(array: np.ndarray) -> bytes:
    """Encode by the description of the format, with struct alone."""
    name = array.dtype.name
    header = struct.pack(f">4B{array.ndim}I", 0, 0, CODES[name], array.ndim, *array.shape)
    return header + struct.pack(f">{array.size}{FORMATS[name]}", *array.ravel().tolist())


@given(any_array)
def test_reads_arrays_back(array: np.ndarray) -> None:
    got = read_idx(encode(array), ndim=array.ndim, dtype=array.dtype)
    assert got.dtype == array.dtype
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, array)


@given(any_array, st.data())
def test_refuses_any_other_length(array: np.ndarray, data: st.DataObject) -> None:
    content = encode(array)
    with pytest.raises(DataError, match=r"truncated|not an IDX file"):
        read_idx(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(DataError, match="trailing bytes"):
        read_idx(content + data.draw(st.binary(min_size=1, max_size=9)))


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_data_error(content: bytes) -> None:
    try:
        array = read_idx(content)
    except DataError:
        return
    np.testing.assert_array_equal(read_idx(encode(array)), array)


def test_bytes_are_viewed_not_copied() -> None:
    buffer = bytearray(encode(np.zeros((2, 2), np.uint8)))
    read_idx(buffer)[1, 1] = 7
    assert buffer[-1] == 7


def test_other_axes_and_elements_than_expected_are_refused() -> None:
    with pytest.raises(DataError, match=r"my labels should have 3 axes, but its header announces 1 \(5\)"):
        read_idx(encode(np.zeros(5, np.uint8)), ndim=3, name="my labels")
    with pytest.raises(DataError, match="should hold uint8 elements, but holds int32"):
        read_idx(encode(np.zeros(5, np.int32)), dtype=np.uint8)


@pytest.mark.parametrize(
    "magic", [b"\1\0\x08\1", b"\0\1\x08\1", b"\0\0\x07\1", b"\0\0\x0a\1", b"\0\0\x08\0", b"\x89PNG", b""]
)
def test_another_magic_number(magic: bytes) -> None:
    with pytest.raises(DataError, match="is not an IDX file"):
        read_idx(magic + bytes(8)) if magic else read_idx(magic)


def test_a_header_that_announces_terabytes_allocates_nothing() -> None:
    with pytest.raises(DataError, match="truncated"):
        read_idx(struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3))
