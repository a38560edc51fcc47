"""The cache of decoded arrays: bounded, shared by processes and users, and whole after a kill."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mlplab import mapped
from mlplab.datasets import decoded, decoding, load
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading

ROWS = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8)
LABELS = np.arange(120) % 3


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache, and chunks so small that arrays of 3 KB stay in a file."""
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "300")


@pytest.fixture
def packed(tmp_path):
    np.savez_compressed(tmp_path / "packed.npz", x=ROWS, y=LABELS)
    return tmp_path / "packed.npz"


def files():
    """The files of the cache, and what changes when one is written again."""
    return {path.name: path.stat().st_ino for path in decoded.folder().iterdir()}


def test_another_process_that_loads_the_same_ends_no_training(packed):
    load(packed, quiet=True)
    data = load(packed, quiet=True)
    watch = mapped.FileWatch([data.train.inputs, data.test.inputs])
    command = "import sys; from mlplab.datasets import load; load(sys.argv[1], quiet=True)"
    subprocess.run([sys.executable, "-c", command, packed], check=True)
    watch.check()


def test_those_not_used_for_longest_are_deleted(monkeypatch):
    arrays = {}
    for age, name in enumerate("abcd"):
        arrays[name] = decoding.stored(name, [ROWS + age], len(ROWS), "")
        for suffix in (".npy", ".npz"):
            os.utime(decoded.folder() / f"{name}{suffix}", (1000 + age, 1000 + age))
    decoded.find("a")  # used just now
    size = sum((decoded.folder() / f"a{suffix}").stat().st_size for suffix in (".npy", ".npz"))
    monkeypatch.setattr(decoded, "MOST_BYTES", 3 * size)
    decoded.trim(keep="b")
    assert {path.name[0] for path in decoded.folder().iterdir()} == {"a", "b", "d"}
    monkeypatch.setattr(decoded, "MOST_BYTES", 0)
    decoded.trim(keep="b")
    assert {path.name for path in decoded.folder().iterdir()} == {"b.npy", "b.npz"}
    np.testing.assert_array_equal(arrays["c"], ROWS + 2)  # still mapped
    abandoned = decoded.folder() / ".new-killed"
    abandoned.mkdir()
    os.utime(abandoned, (0, 0))
    decoded.trim(keep="b")
    assert not abandoned.exists()


@pytest.mark.parametrize("missing", [".npy", ".npz"])
def test_a_file_that_a_killed_process_left_alone_counts_and_is_deleted(missing, monkeypatch):
    for name in "ab":
        decoding.stored(name, [ROWS], len(ROWS), "")
    (decoded.folder() / f"a{missing}").unlink()
    whole = sum(path.stat().st_size for path in decoded.folder().glob("b.*"))
    monkeypatch.setattr(decoded, "MOST_BYTES", whole)
    decoded.trim(keep="b")
    assert {path.name for path in decoded.folder().iterdir()} == {"b.npy", "b.npz"}


def test_arrays_of_one_load_stay_together_however_large(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "MOST_BYTES", ROWS.nbytes)  # not room for the whole and both parts of it
    load(packed, quiet=True)
    before = files()
    assert len(before) == 6
    load(packed, quiet=True)
    assert files() == before
    np.savez_compressed(tmp_path / "other.npz", x=ROWS[::-1], y=LABELS)
    load(tmp_path / "other.npz", quiet=True)
    assert not before.keys() & files().keys()


def test_arrays_of_rows_to_predict_stay_together(tmp_path, monkeypatch):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "many").mkdir()
    for part in range(2):
        rows = ROWS[60 * part : 60 * (part + 1)].reshape(60, -1).tolist()
        parquet.write_table(pyarrow.table({"x": rows}), tmp_path / "many" / f"test-{part}.parquet")
    monkeypatch.setattr(decoded, "MOST_BYTES", ROWS.nbytes)
    read_rows_to_predict(tmp_path / "many", Reading(), (64,))
    before = files()
    assert len(before) == 6  # each file, and both joined
    rows = read_rows_to_predict(tmp_path / "many", Reading(), (64,))
    assert files() == before
    np.testing.assert_array_equal(rows.inputs, ROWS.reshape(120, -1))


def test_the_cache_of_another_user_is_read(packed, monkeypatch):
    load(packed, quiet=True)
    before = files()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    load(packed, quiet=True)
    assert files() == before
