"""NPZ and NPY files of strangers: damaged, lying or huge ones are refused before they are read."""

import io

import numpy as np
import pytest
from npz_files import archive, header

from mlplab import npz

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "n": np.array(3), "text": np.array(["a", "ü"])}


def test_it_reads_what_numpy_writes():
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, **ARRAYS)
        read = npz.read(file)
        assert read.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype
        assert npz.read(file, names=["n"])["x"].size == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a zip file"),
        (archive(x=ARRAYS["x"])[:100], "not a zip file"),
        (archive(x=b"nonsense"), "magic"),
        (archive(x=header((10**12,))), "claims 1,000,000,000,000 bytes"),
        (archive(x=header((2**40, 2**40, 2**40))), "claims"),
        (archive(x=header((2,), "|O") + b"\0" * 16), "Python objects"),
        (archive(x=np.array([(1, 2.0)], [("Ω", int), ("b", float)])), "structured"),
    ],
    ids=["empty", "cut", "nonsense", "claims too much", "claims far too much", "objects", "structured"],  # no bytes
)
def test_what_is_no_npz_file_or_lies_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        npz.read(io.BytesIO(content))


def test_an_array_alone_is_read_with_the_same_care():
    file = io.BytesIO()
    np.save(file, ARRAYS["x"])
    np.testing.assert_array_equal(npz.read_array(file, "x.npy"), ARRAYS["x"])
    for content in (file.getvalue()[:-1], header((10**12,))):
        with pytest.raises(ValueError, match=r"x\.npy claims .* bytes"):
            npz.read_array(io.BytesIO(content), "x.npy")
    with pytest.raises(ValueError, match="Python objects"):
        npz.read_array(io.BytesIO(header((2,), "|O") + b"\0" * 16), "x.npy")


def test_a_flipped_bit_is_noticed():
    content = bytearray(archive(x=np.random.default_rng(0).random(1000)))
    content[len(content) // 2] ^= 1
    with pytest.raises(ValueError, match=r"CRC|invalid|incorrect"):
        npz.read(io.BytesIO(content))


def test_arrays_larger_than_memory_are_refused_unread(monkeypatch):
    monkeypatch.setattr(npz, "memory_bytes", lambda: 10**6)
    bomb = archive(x=header((10**7,)) + bytes(10**7))
    assert len(bomb) < 20_000
    with pytest.raises(ValueError, match=r"take 0\.0 GB, and this machine has 0\.0 GB"):
        npz.read(io.BytesIO(bomb))
    assert npz.read(io.BytesIO(bomb), names=[])["x"].size == 0
