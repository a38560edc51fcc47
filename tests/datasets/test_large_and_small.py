"""Large data stays in a file, and gets the answer that the same data gets in memory."""

import gzip
import struct

import numpy as np
import pytest

from mlplab import mapped
from mlplab.datasets import load
from mlplab.errors import DataError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (400, 4, 4), dtype=np.uint8)
TABLE = 100 * RNG.normal(size=(400, 16))
LABELS = np.tile([2**24, 2**24 + 1], 200)
"""Different as int64, equal as float32."""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def large(monkeypatch):
    """Let the same data count as large from now on."""
    return lambda: monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "200")


def write(path, train, test, **more):
    np.savez(path, x_train=train, y_train=LABELS[: len(train)], x_test=test, y_test=LABELS[: len(test)], **more)
    return path


WITH_FRACTIONS = np.where(np.arange(400)[:, None, None] == 399, IMAGES + 0.5, IMAGES)


@pytest.mark.parametrize(
    ("train", "test", "dtype"),
    [
        (IMAGES.astype("f4"), IMAGES.astype("f8"), "uint8"),
        (IMAGES.astype("i8"), IMAGES.astype("u2"), "uint8"),
        (IMAGES.astype("f4"), IMAGES[:3], "uint8"),
        (IMAGES > 100, IMAGES > 100, "uint8"),
        (IMAGES.astype("f8"), WITH_FRACTIONS, "float32"),
        (IMAGES.astype(">f4"), WITH_FRACTIONS[-3:], "float32"),
        (IMAGES.reshape(400, 16), TABLE, "float32"),
        (IMAGES.reshape(400, 16).astype("i8"), IMAGES.reshape(400, 16).astype("i8") * 2, "float32"),
        (TABLE, TABLE.astype("f2"), "float32"),
    ],
    ids=[
        "floats",
        "ints",
        "small test",
        "bits",
        "late fraction",
        "small fractions",
        "bytes, floats",
        "too large",
        "f2",
    ],
)
def test_inputs_are_those_in_memory_and_stay_in_a_file(train, test, dtype, tmp_path, large):
    path = write(tmp_path / "a.npz", train, test)
    small = load(path, quiet=True)
    large()
    for _ in range(2):
        data = load(path, quiet=True)
        assert mapped.map_of(data.train.inputs) is not None
        for part, expected in ((data.train, small.train), (data.test, small.test)):
            assert part.inputs.dtype == expected.inputs.dtype == dtype
            np.testing.assert_array_equal(part.inputs, expected.inputs)


@pytest.mark.parametrize("named", [False, True])
def test_labels_and_groups_keep_every_digit(named, tmp_path, large):
    groups = 2**24 + np.arange(400) // 2
    names = {"kind": LABELS, "inputs": IMAGES} if named else {"y": LABELS, "x": IMAGES}
    np.savez(tmp_path / "a.npz", patient=groups, **names)
    reading = {"group": "patient", "quiet": True} | ({"label": "kind"} if named else {})
    small = load(tmp_path / "a.npz", **reading)
    large()
    data = load(tmp_path / "a.npz", **reading)
    assert data.labels == small.labels == (2**24, 2**24 + 1)
    np.testing.assert_array_equal(data.test.labels, small.test.labels)
    assert data.test.groups == small.test.groups
    assert len(set(data.train.groups + data.test.groups)) == 200


def test_thumbnails_of_any_numbers_are_taken(tmp_path, large):
    parts = {f"thumbnails_{part}": IMAGES.astype("u2") * 257 for part in ("train", "test")}
    path = write(tmp_path / "a.npz", TABLE, TABLE, **parts)
    large()
    np.testing.assert_array_equal(load(path).test.thumbnails.pictures, parts["thumbnails_test"])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.astype("u2") * 257, "must be 8-bit, from 0 to 255. Those of .* go from 0 to 65535: pass"),
        (IMAGES.astype("i4") - 255, "must be 8-bit, from 0 to 255. Those of .* go from -255 to 0: pass"),
        (np.where(np.arange(400)[:, None, None] == 399, 1e300, IMAGES), "must be finite float32 numbers. .* row 399"),
    ],
)
def test_what_is_refused_in_memory_is_refused_in_a_file(images, message, tmp_path, large):
    path = write(tmp_path / "a.npz", images, IMAGES)
    with pytest.raises(DataError, match=message):
        load(path)
    large()
    with pytest.raises(DataError, match=message):
        load(path)


def test_images_in_lists_of_numbers_are_refused_alike(tmp_path, large):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images = pyarrow.array((IMAGES.astype("i4") * 2).tolist(), pyarrow.list_(pyarrow.list_(pyarrow.int32())))
    parquet.write_table(pyarrow.table({"x": images, "label": LABELS}), tmp_path / "a.parquet")
    message = "must be 8-bit, from 0 to 255. Those of .* go from 0 to 510"
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.parquet")
    large()
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.parquet")


@pytest.mark.parametrize("end", ["", ".gz"])
def test_an_idx_file_with_other_axes_is_refused_alike(end, tmp_path, large):
    flat = IMAGES.reshape(-1)
    for name, array in (("images-idx3", flat), ("labels-idx1", LABELS.astype(np.uint8))):
        content = struct.pack(">4BI", 0, 0, 8, 1, len(array)) + array.tobytes()
        (tmp_path / f"train-{name}-ubyte{end}").write_bytes(gzip.compress(content) if end else content)
    message = r"train-images-idx3-ubyte\S* should have 3 axes, but its header announces 1 \(6400\)"
    with pytest.raises(DataError, match=message):
        load(tmp_path)
    large()
    with pytest.raises(DataError, match=message):
        load(tmp_path)
