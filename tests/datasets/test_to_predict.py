"""Rows to predict: read from files of any kind, in a stated order, told from labels and ids by their number."""

import gzip
import os

import numpy as np
import pytest
from made_data import idx_bytes
from PIL import Image

from mlplab import mapped
from mlplab.datasets import decoded
from mlplab.datasets.classes import Classes
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.readers import reader_of
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8), dtype=np.uint8)
LABELS = np.array([3, 5, 3, 3, 5, 5])
IDS = [f"a{row}" for row in range(6)]
PIXELS = [f"pixel{i}" for i in range(64)]


def read(path, reading=None, shape=(8, 8)):
    return read_rows_to_predict(path, reading or Reading(), shape)


def table(header, *columns, delimiter=","):
    """Return a table as text, whose columns are of one number or of several."""
    rows = [[str(cell) for column in columns for cell in np.atleast_1d(column[row]).ravel()] for row in range(6)]
    return "".join(delimiter.join(row) + "\n" for row in ([header] if header else []) + rows)


FLAT = IMAGES.reshape(6, 64)
TABLES = {
    "pixels": (PIXELS, FLAT),
    "no header": (None, FLAT),
    "labels": (["label", *PIXELS], LABELS, FLAT),
    "labels, no header": (None, LABELS, FLAT),
    "ids": (["ImageId", *PIXELS], IDS, FLAT),
    "rows of pandas": (["", *PIXELS], np.arange(6), FLAT),
    "both": (["id", *PIXELS, "kind"], IDS, FLAT, np.array(["c", "d", "c", "c", "d", "d"])),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_number_of_inputs_tells_labels_and_ids(name, tmp_path):
    header, *columns = TABLES[name]
    path = tmp_path / "test.csv"
    path.write_text(table(header, *columns))
    rows = read(path)
    np.testing.assert_array_equal(np.reshape(rows.inputs, (6, 64)), FLAT)
    labels = {"labels": LABELS, "labels, no header": LABELS, "both": ["c", "d", "c", "c", "d", "d"]}.get(name)
    ids = {"ids": ("ImageId", IDS), "both": ("id", IDS), "rows of pandas": ("", list("012345"))}.get(name)
    assert (rows.labels is None) == (labels is None)
    assert labels is None or list(rows.labels) == list(labels)
    assert rows.ids == ids


def test_names_of_columns_do_not_matter_where_their_number_fits(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,2\n3,4\n")
    rows = read(path, shape=(2,))
    np.testing.assert_array_equal(rows.inputs, [[1, 2], [3, 4]])
    assert rows.labels is None
    assert list(read(path, shape=(1,)).labels) == [2, 4]
    assert list(read(path, Reading(label="x"), (1,)).labels) == [1, 3]
    np.testing.assert_array_equal(read(path, Reading(label="x"), (1,)).inputs, [[2], [4]])


def test_labels_may_be_empty_and_one_part_is_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,split,a,b\n1,train,1,2\n,test,3,4\n7,test,5,6\n")
    rows = read(path, shape=(2,))
    np.testing.assert_array_equal(rows.inputs, [[3, 4], [5, 6]])
    assert Classes(("one", "seven"), (1, 7)).find(rows.labels).tolist() == [-1, 1]


def test_labels_are_found_however_they_are_written():
    classes = Classes(("cat", "dog"), (0, 5))
    assert classes.find([5, "0", "dog", 5.0, " cat ", "5.0"]).tolist() == [1, 0, 1, 1, 0, 1]
    assert classes.find([None, "bird", 1, float("nan"), ""]).tolist() == [-1] * 5


@pytest.mark.parametrize("has_labels", [False, True])
def test_arrays_and_idx_files(has_labels, tmp_path):
    label = LABELS.astype(np.uint8)
    np.savez(tmp_path / "a.npz", x_train=IMAGES[::-1], x_test=IMAGES, **({"y_test": label} if has_labels else {}))
    np.savez(tmp_path / "b.npz", x=IMAGES, **({"y": label} if has_labels else {}))
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    if has_labels:
        (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(label))
    for name in ("a.npz", "b.npz", "t10k-images-idx3-ubyte", "."):
        rows = read(tmp_path / name)
        np.testing.assert_array_equal(rows.inputs, IMAGES)
        assert (rows.labels is not None) == has_labels
        assert not has_labels or list(rows.labels) == list(LABELS)
    np.save(tmp_path / "one.npy", IMAGES[0])
    np.testing.assert_array_equal(read(tmp_path / "one.npy").inputs, IMAGES[:1])
    np.testing.assert_array_equal(read(tmp_path / "images.gz").inputs, IMAGES)
    np.savez(tmp_path / "single.npz", anything=IMAGES)
    np.testing.assert_array_equal(read(tmp_path / "single.npz").inputs, IMAGES)
    named = Reading(label="y" if has_labels else "z")
    np.testing.assert_array_equal(read(tmp_path / "b.npz", named).inputs, IMAGES)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"id": IDS, "image": [image.tolist() for image in IMAGES], "label": [None, 1, 2, 3, 4, 5]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "test-0.parquet")
    parquet.write_table(pyarrow.table({"image": columns["image"][:2]}), tmp_path / "train-0.parquet")
    for path in (tmp_path / "test-0.parquet", tmp_path):
        rows = read(path)
        np.testing.assert_array_equal(rows.inputs, IMAGES)
        assert rows.ids == ("id", IDS)
        assert list(rows.labels) == columns["label"]
    assert read(tmp_path / "train-0.parquet").labels is None


def test_images_of_a_folder_are_in_natural_order(tmp_path):
    for name in ("b/10.png", "b/2.png", "a/x1.JPG", "a/x01.png", "c.png", "readme.txt", ".hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(IMAGES[0]).save(tmp_path / name, "PNG") if name[-4] == "." else None
    rows = read(tmp_path)
    assert sorted(rows.files[:2]) == ["a/x01.png", "a/x1.JPG"]
    assert rows.files[2:] == ("b/2.png", "b/10.png", "c.png")
    assert rows.labels == ["a", "a", "b", "b", None]
    assert read(tmp_path / "b").labels is None
    (tmp_path / "c.png").unlink()
    (tmp_path / "a").rename(tmp_path / "train")
    (tmp_path / "b").rename(tmp_path / "test")
    assert read(tmp_path).files == ("test/2.png", "test/10.png")


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.csv is not there\. Expected images"):
        read(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"has no images\. Expected images, a folder"):
        read(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match=r"has no images, but 1 other file, such as a\.txt"):
        read(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(DataError, match=r"several tables: a\.csv, b\.csv\. Give one"):
        read(tmp_path)
    for name in "cdefg":
        (tmp_path / f"{name}.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"a\.csv, b\.csv, c\.csv, d\.csv, e\.csv and 2 more\. Give one"):
        read(tmp_path)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"a\.npy is no readable NPY file"):
        read(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", a=IMAGES, b=IMAGES)
    with pytest.raises(DataError, match=r"must hold an array x_test, x, images or data, or a single array. Got a, b"):
        read(tmp_path / "a.npz")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="is no regular file, but a device or a pipe"):
            read(tmp_path / "pipe")


def written(kind, folder, rows):
    """Write rows with labels, of which the second is missing where a table can say so; return the file."""
    path, label = folder / f"data.{kind}", LABELS.astype(np.uint8)
    if kind == "npz":
        np.savez(path, x_test=IMAGES, y_test=label, x_train=IMAGES[::-1], y_train=label)
    elif kind == "idx":
        path = folder / "t10k-images-idx3-ubyte"
        path.write_bytes(idx_bytes(IMAGES))
        (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(label))
    elif kind == "csv":
        path.write_text(table(["id", "label", *PIXELS], IDS, rows, FLAT))
    else:
        pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
        images = [image.tolist() for image in IMAGES]
        parquet.write_table(pyarrow.table({"id": IDS, "label": rows, "image": images}), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz", "idx"])
def test_large_files_stay_in_files_with_the_same_rows(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    labels = [3, {"csv": ""}.get(kind), 3, 3, 5, 5] if kind in ("csv", "parquet") else LABELS.tolist()
    path = written(kind, tmp_path, labels)
    small = read(path)
    assert mapped.map_of(small.inputs) is None
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "30")
    for _ in range(2):  # decoded, and found again
        rows = read(path)
        assert mapped.map_of(rows.inputs) is not None
        prepared = Preparation.of((8, 8), Reading(), None, None, as_is=False).rows(rows.inputs, "a", rows.content)
        assert mapped.map_of(prepared) is not None
        np.testing.assert_array_equal(prepared, IMAGES)
        assert list(rows.labels) == list(small.labels)
        assert rows.ids == small.ids
    assert len(list(decoded.folder().glob("*.npy"))) == (kind in ("csv", "parquet"))


@pytest.mark.parametrize("first", ["training", "predicting"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_kept_of_a_table_is_for_one_way_of_reading(kind, first, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", "30")
    path, numbers = tmp_path / f"a.{kind}", np.arange(36).reshape(6, 6) % 7
    if kind == "csv":
        path.write_text(table(["id", "a", "b", "c", "d", "label"], *numbers.T))
    else:
        pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
        parquet.write_table(pyarrow.table(dict(zip(["id", "a", "b", "c", "d", "label"], numbers.T, strict=True))), path)
    steps = ["training", "predicting"] if first == "training" else ["predicting", "training"]
    for step in steps * 2:
        if step == "training":
            with pytest.warns(UserWarning, match="numbers its rows, and is left out"):
                rows = reader_of(path)(path, Reading()).train
        else:
            rows = read(path, shape=(4,))
        np.testing.assert_array_equal(rows.inputs, numbers[:, 1:5])
        np.testing.assert_array_equal(np.asarray(rows.labels).astype(int), numbers[:, 5])
        assert (rows.ids is None) == (step == "training")
    np.testing.assert_array_equal(read(path, shape=(6,)).inputs, numbers)


def test_thumbnails_are_no_inputs_and_may_be_missing(tmp_path, rng):
    pyarrow, parquet = (pytest.importorskip(name) for name in ("pyarrow", "pyarrow.parquet"))
    rows, reading = rng.integers(0, 9, (6, 2)), Reading(thumbnails="photo")
    path = tmp_path / "a.csv"
    path.write_text(table(["photo", "a", "b"], [f"none/{row}.png" for row in range(6)], rows))
    np.testing.assert_array_equal(read(path, reading, (2,)).inputs, rows)
    path.write_text(table(["a", "b"], rows))
    np.testing.assert_array_equal(read(path, reading, (2,)).inputs, rows)
    path = tmp_path / "a.parquet"
    lists = {"vector": rows.tolist(), "photo": [b"no image"] * 6}
    for columns in (lists, {"vector": lists["vector"]}, {"a": rows[:, 0], "b": rows[:, 1], "photo": lists["photo"]}):
        parquet.write_table(pyarrow.table(columns), path)
        found = read(path, reading, (2,))
        np.testing.assert_array_equal(found.inputs, rows)
        assert found.thumbnails is None
    path = tmp_path / "a.npz"
    np.savez(path, vectors=rows, y=LABELS, photo=IMAGES, class_names=["c", "d"])
    np.testing.assert_array_equal(read(path, Reading(label="y", thumbnails="photo"), (2,)).inputs, rows)
    np.savez(path, vectors=rows, photo=IMAGES)
    np.testing.assert_array_equal(read(path, reading, (2,)).inputs, rows)


def test_idx_files_of_a_folder_do_not_lie_elsewhere(tmp_path):
    (tmp_path / "secret").write_bytes(idx_bytes(LABELS.astype(np.uint8)))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "a" / "t10k-labels-idx1-ubyte").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="is a link that leads out of the folder"):
        read(tmp_path / "a" / "t10k-images-idx3-ubyte")
    (tmp_path / "a" / "t10k-labels-idx1-ubyte").unlink()
    (tmp_path / "images").write_bytes((tmp_path / "a" / "t10k-images-idx3-ubyte").read_bytes())
    (tmp_path / "a" / "t10k-images-idx3-ubyte").unlink()
    (tmp_path / "a" / "t10k-images-idx3-ubyte").symlink_to(tmp_path / "images")
    with pytest.raises(DataError, match="is a link that leads out of the folder"):
        read(tmp_path / "a")


def test_digits_of_any_script_in_names_of_images(tmp_path):
    for name in ("٣abc.png", "a²3.png", "a²10.png", "9" * 30 + ".png"):
        Image.fromarray(IMAGES[0]).save(tmp_path / name)
    assert read(tmp_path).files == ("9" * 30 + ".png", "a²3.png", "a²10.png", "٣abc.png")


def test_a_table_of_one_column_that_is_no_input_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1\n2\n")
    with pytest.raises(DataError, match=r"a\.csv has no column of numbers"):
        read(tmp_path / "a.csv", Reading(group="0"), (2,))


def test_rows_get_the_size_and_the_colours_of_the_runs_images():
    """Flat rows, and whole numbers of any dtype, are images where the run's were changed as they were read."""
    preparation = Preparation.of((8, 8), Reading(size=(8, 8), invert=True), None, None, as_is=False)
    for rows in (FLAT, FLAT.astype(float), IMAGES, np.stack([IMAGES] * 3, -1)):
        np.testing.assert_array_equal(preparation.rows(rows, "a", None), 255 - IMAGES)
    with pytest.raises(DataError, match=r"^a must have images of whole numbers .*float64 of shape \(6, 64\).* as_is"):
        preparation.rows(FLAT / 255, "a", None)
    unchanged = Preparation.of((8, 8), Reading(size=(8, 8), invert=True), None, None, as_is=True)
    np.testing.assert_array_equal(unchanged.rows(FLAT / 255, "a", None), np.float32(IMAGES / 255))


@pytest.mark.parametrize("header", ["picture,label\n", ""])
def test_images_of_a_table_without_ids_are_named_by_it(header, tmp_path):
    (tmp_path / "test_images").mkdir()
    for row in range(2):
        Image.fromarray(IMAGES[row]).save(tmp_path / "test_images" / f"{row}.png")
    (tmp_path / "a.csv").write_text(f"{header}1.png,cat\n0.png,dog\n")
    rows = read(tmp_path / "a.csv")
    assert rows.ids == ("picture" if header else "file", ["1.png", "0.png"])
    assert rows.files == ("test_images/1.png", "test_images/0.png")
    assert list(rows.labels) == ["cat", "dog"]
