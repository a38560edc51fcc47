"""The IDX reader returns the arrays that were written, and refuses anything else."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlplab.datasets.idx import read_idx
from mlplab.errors import DataError

any_array = arrays.arrays("uint8", arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))


def encode(array: np.ndarray) -> bytes:
    """Encode by the description of the format, with struct alone."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 0x08, array.ndim, *array.shape)
    return header + struct.pack(f">{array.size}B", *array.ravel().tolist())


@given(any_array)
def test_reads_arrays_back(array: np.ndarray) -> None:
    got = read_idx(encode(array), ndim=array.ndim, name="x")
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, array)


@given(any_array, st.data())
def test_refuses_any_other_length(array: np.ndarray, data: st.DataObject) -> None:
    content = encode(array)
    with pytest.raises(DataError, match=r"truncated|not an IDX file"):
        read_idx(content[: data.draw(st.integers(0, len(content) - 1))], ndim=array.ndim, name="x")
    with pytest.raises(DataError, match="trailing bytes"):
        read_idx(content + data.draw(st.binary(min_size=1, max_size=9)), ndim=array.ndim, name="x")


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_a_data_error(content: bytes) -> None:
    ndim = content[3] if len(content) > 3 else 1
    try:
        array = read_idx(content, ndim=ndim, name="x")
    except DataError:
        return
    np.testing.assert_array_equal(read_idx(encode(array), ndim=ndim, name="x"), array)


def test_bytes_are_viewed_not_copied() -> None:
    buffer = bytearray(encode(np.zeros((2, 2), np.uint8)))
    read_idx(buffer, ndim=2, name="x")[1, 1] = 7
    assert buffer[-1] == 7


def test_other_axes_than_expected_are_refused() -> None:
    with pytest.raises(DataError, match=r"my labels should have 3 axes, but its header announces 1 \(5\)"):
        read_idx(encode(np.zeros(5, np.uint8)), ndim=3, name="my labels")


@pytest.mark.parametrize(
    "magic", [b"\1\0\x08\1", b"\0\1\x08\1", b"\0\0\x07\1", b"\0\0\x0c\1", b"\0\0\x08\0", b"\x89PNG", b""]
)
def test_another_magic_number(magic: bytes) -> None:
    with pytest.raises(DataError, match="is not an IDX file"):
        read_idx(magic + bytes(8) if magic else magic, ndim=1, name="x")


def test_a_header_that_announces_terabytes_allocates_nothing() -> None:
    with pytest.raises(DataError, match="truncated"):
        read_idx(struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3), ndim=3, name="x")
