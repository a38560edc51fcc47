"""`load` and `load_data`: names, files, arrays, and refused arguments."""

import hashlib
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mlplab.datasets import CATALOG, Data, Provenance, load, load_data
from mlplab.errors import DataError, UsageError

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (6, 4, 4), dtype=np.uint8), np.array([0, 1, 2, 0, 1, 2])
TEST = RNG.integers(0, 256, (3, 4, 4), dtype=np.uint8), np.array([2, 1, 0])


@pytest.mark.parametrize("name", ["fashion-mnist", "mnist"])
def test_named_data_sets_are_what_the_catalog_says(name: str, request: pytest.FixtureRequest) -> None:
    data, entry = request.getfixturevalue(name.replace("-", "_")), CATALOG[name]
    assert (data.name, data.class_names) == (name, entry.class_names)
    parts = (data.train, entry.payloads[:2], 60_000), (data.test, entry.payloads[2:], 10_000)
    for part, (images, labels), rows in parts:
        assert part.images.shape == (rows, *entry.image_shape)
        assert part.images.dtype == np.uint8
        assert len(np.unique(part.labels)) == 10
        assert part.provenance.licence == entry.licence
        # The arrays are the files' bytes after the headers: hash them as IDX files again.
        header = bytes([0, 0, 8, 3]) + np.array([rows, 28, 28], ">u4").tobytes()
        payload = hashlib.sha256(header + part.images.tobytes()).hexdigest()
        assert payload == images.sha256 == part.provenance.sha256[images.file]
        header = bytes([0, 0, 8, 1]) + np.array([rows], ">u4").tobytes()
        payload = hashlib.sha256(header + part.labels.astype(np.uint8).tobytes()).hexdigest()
        assert payload == labels.sha256 == part.provenance.sha256[labels.file]


def test_load_data_has_the_form_of_keras_datasets(fashion_mnist: Data) -> None:
    train, test = load_data("fashion-mnist")
    for (images, labels), part in ((train, fashion_mnist.train), (test, fashion_mnist.test)):
        assert images.dtype == labels.dtype == np.uint8
        assert images.flags.writeable
        assert labels.flags.writeable
        np.testing.assert_array_equal(images, part.images)
        np.testing.assert_array_equal(labels, part.labels)


def test_digits_are_scikit_learns_split_by_class(digits: Data) -> None:
    original, entry = load_digits(), CATALOG["digits"]
    rows, seen = {"train": [], "test": []}, Counter()
    for row, label in enumerate(original.target):
        seen[label] += 1
        rows["train" if seen[label] % 5 else "test"].append(row)  # every fifth image of a class is a test image
    assert (len(digits.train), len(digits.test)) == (entry.train_rows, entry.test_rows)
    for part, (images, labels) in zip((digits.train, digits.test), load_data("digits"), strict=True):
        chosen = rows[part.provenance.split]
        assert (images.dtype, labels.dtype, part.labels.dtype) == (np.uint8, np.uint8, np.int32)
        for array, expected in ((images, original.images), (labels, original.target)):
            np.testing.assert_array_equal(array, expected[chosen])
            assert array.flags.writeable
        np.testing.assert_array_equal(part.images, images)
        np.testing.assert_array_equal(part.labels, labels)
        assert part.provenance == Provenance("digits", part.provenance.split, {}, "scikit-learn", entry.licence)
    assert digits.train.content_hash() == "3de2167872975e755b18c5acd598e96fc5c78e1edb92191abb99b2b6f659a1d8"
    assert digits.test.content_hash() == "7c4425c3567e66e5b8d74846c780729065fd61610d013fc3ba6bd149a197e91d"


@pytest.mark.parametrize("function", [load, load_data])
def test_the_message_for_an_unknown_name_has_the_nearest(function) -> None:
    with pytest.raises(UsageError, match=r"Unknown data set 'fashon-mnist'. Did you mean 'fashion-mnist'"):
        function("fashon-mnist")


def test_arrays_in_the_form_of_keras_datasets() -> None:
    data = load((TRAIN, TEST))
    np.testing.assert_array_equal(data.train.images, TRAIN[0])
    np.testing.assert_array_equal(data.test.labels, TEST[1])
    assert data.name == "arrays"
    assert data.class_names == ("0", "1", "2")
    assert data.train.provenance.sha256 == {}
    assert load([list(TRAIN), list(TEST)]).train.content_hash() == data.train.content_hash()
    assert load(data) is data


def test_scaled_images_stay_unchanged() -> None:
    data = load(((TRAIN[0] / 255.0, TRAIN[1]), (TEST[0] / 255.0, TEST[1])))
    np.testing.assert_array_equal(data.train.images, (TRAIN[0] / 255.0).astype(np.float32))


def test_class_names_of_a_named_data_set_are_refused() -> None:
    with pytest.raises(UsageError, match="leave it out"):
        load("digits", class_names=("a", "b"))


@pytest.mark.parametrize("source", [None, 3, np.zeros(4), (TRAIN, TEST, TEST), (TRAIN[0], TEST[0])])
def test_anything_else_is_refused(source: object) -> None:
    with pytest.raises(UsageError, match="Expected a data set's name"):
        load(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keys", "as_path"),
    [("x_train y_train x_test y_test", str), ("train_images train_labels test_images test_labels", Path)],
)
def test_npz_files(keys: str, as_path: type, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **dict(zip(keys.split(), (*TRAIN, *TEST), strict=True)), class_names=["x", "y", "z"])
    data = load(as_path(path))
    assert data.name == "mine"
    assert data.class_names == ("x", "y", "z")
    assert data.train.provenance.sha256 == {"mine.npz": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert data.test.provenance.source == str(path)
    np.testing.assert_array_equal(data.train.images, TRAIN[0])
    np.testing.assert_array_equal(data.test.labels, TEST[1])
    assert load(path, class_names=("p", "q", "r")).class_names == ("p", "q", "r")


def npz_bytes(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


GOOD = npz_bytes(x_train=TRAIN[0], y_train=TRAIN[1], x_test=TEST[0], y_test=TEST[1])
OBJECTS = npz_bytes(x_train=np.array([{}], object), y_train=TRAIN[1], x_test=TEST[0], y_test=TEST[1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[:-30], "not a readable NPZ file"),
        (GOOD[:200] + b"!" + GOOD[201:], "not a readable NPZ file"),
        (b"", "not a readable NPZ file"),
        (b"hello", "not a readable NPZ file"),
        (OBJECTS, "not a readable NPZ file of plain arrays"),
        (npz_bytes(a=TRAIN[0], b=TRAIN[1]), "must hold the arrays x_train, y_train, x_test, y_test. Got a, b"),
    ],
)
def test_other_files_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(path)


def test_a_single_array_is_not_an_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TRAIN[0])
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(tmp_path / "a.npz")


def test_missing_files_and_other_formats(tmp_path: Path) -> None:
    for missing in ("nothing.npz", "./nothing.xls", "my/photos"):
        with pytest.raises(DataError, match=rf"{missing[-9:]} cannot be read: No such file"):
            load(missing)
    with pytest.raises(UsageError, match=r"Unknown data set 'phtos'.* No file or folder has this name either\."):
        load("phtos")
    (tmp_path / "table.xls").touch()
    with pytest.raises(UsageError, match=r"table\.xls is neither the name of a data set nor a file that is read"):
        load(tmp_path / "table.xls")
