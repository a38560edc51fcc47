"""Arrays that stay in a file."""

import os

import numpy as np
import pytest

from mlplab import mapped
from mlplab.errors import DataError, UsageError

ROWS = np.arange(600, dtype=np.uint8).reshape(100, 2, 3)


@pytest.fixture
def in_file(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


def test_a_view_of_a_map_is_a_map_and_a_copy_is_none(in_file):
    for view in (
        in_file,
        in_file[3:],
        np.asarray(in_file),
        in_file.reshape(-1, 6)[::2],
        np.asarray(in_file)[1:].view(),
    ):
        assert mapped.map_of(view) is not None
    for array in (ROWS, in_file[[1, 2]], in_file.copy(), np.array(in_file), in_file + 1, [1], None):
        assert mapped.map_of(array) is None


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_what_is_released_keeps_its_values(in_file, mode):
    array = np.memmap(in_file.filename, np.uint8, mode, in_file.offset, ROWS.shape)
    expected = ROWS.copy()
    if mode != "r":
        array[5] = expected[5] = 7
    mapped.release(array)
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("rows", [None, np.array([0, 3, 4, 99]), np.array([0, *range(99)])])
def test_pieces_are_the_rows_in_order(in_file, rows, monkeypatch):
    expected = ROWS if rows is None else ROWS[rows]
    (whole,) = mapped.pieces(ROWS, rows)
    np.testing.assert_array_equal(whole, expected)
    monkeypatch.setattr("mlplab.mapped._PIECE_BYTES", 20)
    parts = list(mapped.pieces(in_file, rows))
    assert len(parts) > 1
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_the_range_of_values(in_file, monkeypatch):
    monkeypatch.setattr("mlplab.mapped._PIECE_BYTES", 20)
    assert mapped.value_range(in_file) == (0, 255)
    assert mapped.value_range(np.float32([[1, -2.5]])) == (-2.5, 1)
    assert all(map(np.isnan, mapped.value_range(np.float32([[np.nan, 1]]))))


def test_a_file_that_changes_is_noticed(in_file):
    watch, path = mapped.FileWatch([ROWS, in_file[3:]]), in_file.filename
    watch.check()
    os.utime(path, ns=(0, 0))
    with pytest.raises(
        DataError, match=r"rows\.npy was changed while it was read: it has the same size, and another time of change\."
    ):
        watch.check()
    watch = mapped.FileWatch([in_file])
    with open(path, "r+b") as file:
        file.truncate(50)
    with pytest.raises(DataError, match=r"it had 728 bytes, and has 50 now\. Restore it"):
        watch.check()


def test_a_file_that_is_deleted_or_replaced_is_still_there(in_file):
    watch, path = mapped.FileWatch([in_file]), in_file.filename
    os.unlink(path)
    watch.check()
    with open(path, "wb") as file:
        file.write(b"another")
    watch.check()
    np.testing.assert_array_equal(in_file, ROWS)


def test_a_map_that_can_be_written_to_changes_its_own_file(in_file):
    array = np.memmap(in_file.filename, np.uint8, "r+", in_file.offset, ROWS.shape)
    watch = mapped.FileWatch([array])
    array[0] = 1
    array.flush()
    watch.check()


@pytest.mark.parametrize("given", ["many", "0", "-1", ""])
def test_bytes_of_a_chunk_that_are_no_number_are_refused(given, monkeypatch):
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", given)
    with pytest.raises(UsageError, match="MLPLAB_CHUNK_BYTES must be a number of bytes"):
        mapped.chunk_bytes()


def test_bytes_of_a_chunk(monkeypatch):
    monkeypatch.delenv("MLPLAB_CHUNK_BYTES", raising=False)
    assert 0 < mapped.chunk_bytes() <= 2**27
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "100")
    assert mapped.chunk_bytes() == 100
    assert mapped.is_large(801)
    assert not mapped.is_large(800)
