"""CSV files, IDX pairs and NPZ files of one's own: equal to the arrays that their ecosystem's tools wrote."""

import csv
import gzip
import io
import struct
import sys

import numpy as np
import pytest
from made_data import idx_bytes
from PIL import Image

from mlplab.datasets import load
from mlplab.errors import DataError, MissingPackageError, UsageError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8)
LABELS = np.tile([3, 5], 10)
FEATURES = RNG.normal(size=(20, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path_factory.mktemp("cache")))


def write_csv(path, header, rows, **dialect):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, **dialect)
        writer.writerows([header] if header else [])
        writer.writerows(rows)
    return path


def all_rows(data):
    """Return inputs and labels of both parts together, sorted by the first input, since a split mixes the rows."""
    inputs = np.concatenate([data.train.inputs, data.test.inputs])
    labels = np.array(data.classes.labels)[np.concatenate([data.train.labels, data.test.labels])]
    order = np.lexsort(inputs.reshape(len(inputs), -1).T)
    return inputs[order], labels[order]


def expected(inputs, labels):
    order = np.lexsort(inputs.reshape(len(inputs), -1).T)
    return inputs[order], np.asarray(labels)[order]


def check(data, inputs, labels):
    for got, wanted in zip(all_rows(data), expected(inputs, labels), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.shape == wanted.shape
    assert len(data.test) == 4


@pytest.mark.parametrize("header", [["label", *(f"pixel{i}" for i in range(64))], None], ids=["header", "none"])
def test_labels_and_pixels(header, tmp_path):
    rows = [[label, *image.ravel()] for label, image in zip(LABELS, IMAGES, strict=True)]
    data = load(write_csv(tmp_path / "train.csv", header, rows))
    check(data, IMAGES, LABELS)
    assert data.train.inputs.dtype == np.uint8
    assert data.class_names == ("3", "5")
    write_csv(tmp_path / "test.csv", header, rows[::-1])
    both = load(tmp_path)
    np.testing.assert_array_equal(both.train.images, IMAGES)
    np.testing.assert_array_equal(both.test.images, IMAGES[::-1])
    assert load(tmp_path / "train.csv", size="4x16").train.images.shape[1:] == (4, 16)
    assert load(tmp_path / "train.csv", size=4).train.images.shape[1:] == (4, 4)


def test_pixels_by_place(tmp_path):
    names = ["label", *(f"{i}x{j}" for i in range(1, 5) for j in range(1, 17))]
    rows = [[label, *image.ravel()] for label, image in zip(LABELS, IMAGES, strict=True)]
    check(load(write_csv(tmp_path / "a.csv", names, rows)), IMAGES.reshape(-1, 4, 16), LABELS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_features_with_texts_as_labels(delimiter, tmp_path):
    words = np.where(LABELS == 3, 'Größe, "a"', "b")
    rows = [[*map(repr, map(float, row)), word] for row, word in zip(FEATURES, words, strict=True)]
    for header in (["a", "b", "c", "d", "kind"], None):
        path = write_csv(tmp_path / "a.csv", header, rows, delimiter=delimiter)
        check(load(path), FEATURES, words)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        check(load(path), FEATURES, words)


@pytest.mark.parametrize("name", ["id", "ImageId", "", "Unnamed: 0"])
def test_a_column_that_numbers_the_rows_is_no_input(name, tmp_path):
    numbered = [[i, *map(float, row), label] for i, (row, label) in enumerate(zip(FEATURES, LABELS, strict=True))]
    path = write_csv(tmp_path / "a.csv", [name, *"abcd", "y"], numbered)
    with pytest.warns(UserWarning, match=f"^Column '{name}' of .*a.csv numbers its rows, and is left out. To train on"):
        check(load(path), FEATURES, LABELS)
    named = [[f"row {i}", *rest] for i, *rest in numbered]
    with pytest.warns(UserWarning, match="numbers its rows"):
        check(load(write_csv(tmp_path / "b.csv", [name, *"abcd", "y"], named)), FEATURES, LABELS)
    labelled = [[label, *row] for _, *row, label in numbered]
    check(load(write_csv(tmp_path / "c.csv", [name, *"abcd"], labelled), label=name), FEATURES, LABELS)


def test_decimal_commas_between_semicolons(tmp_path):
    rows = [
        [label, *(repr(float(x)).replace(".", ",") for x in row)] for label, row in zip(LABELS, FEATURES, strict=True)
    ]
    check(load(write_csv(tmp_path / "a.csv", ["y", *"abcd"], rows, delimiter=";")), FEATURES, LABELS)


def test_columns_are_told(tmp_path):
    rows = [
        [i // 2, "test" if i % 5 == 0 else "train", *map(float, row), label]
        for i, (row, label) in enumerate(zip(FEATURES, LABELS, strict=True))
    ]
    path = write_csv(tmp_path / "a.csv", ["patient", "split", *"abcd", "result"], rows)
    with pytest.raises(UsageError, match=r"Which column of .*a.csv has the labels.*'patient', 'split', 'a'"):
        load(path)
    with pytest.raises(UsageError, match="has no column 'results'"):
        load(path, label="results")
    assert load(path, label="result").train.inputs.shape == (16, 5)  # patient is a number, too
    with pytest.raises(DataError, match=r"A group must be in one part. .* has '0'"):
        load(path, label="result", group="patient")
    rows = [[patient, *rest] for patient, _, *rest in rows]
    path = write_csv(tmp_path / "b.csv", ["patient", *"abcd", "result"], rows)
    data = load(path, label="result", group="patient")
    patients = [{row[0] for row in rows if np.float32(row[1]) in part.inputs[:, 0]} for part in (data.train, data.test)]
    assert not patients[0] & patients[1]
    assert len(data.test) == 4


@pytest.mark.parametrize("folder", ["", "images"])
def test_names_of_files_and_labels(folder, tmp_path):
    (tmp_path / folder).mkdir(exist_ok=True)
    names = [f"{row:02d}.png" for row in range(20)]
    for name, image in zip(names, IMAGES, strict=True):
        Image.fromarray(image).save(tmp_path / folder / name)
    path = write_csv(tmp_path / "labels.csv", ["file", "width", "label"], zip(names, [8] * 20, LABELS, strict=True))
    for source in (path, tmp_path):
        data = load(source)
        check(data, IMAGES, LABELS)
        assert set(data.train.files + data.test.files) == {f"{folder}/{name}".lstrip("/") for name in names}
    before = data.train.provenance.sha256
    Image.fromarray(255 - IMAGES[0]).save(tmp_path / folder / names[0])
    assert load(path).train.provenance.sha256 != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no rows"),
        (b"label,a\n", "has no rows below its header"),
        (b"label,a\n1,2\n1\n", "line 3: expected 2 cells, as the first line has, got 1"),
        (b"label,a\n1,2\n\n1,x\n", r"line 4: column 'a' must hold numbers. Got 'x'"),
        (b"label,a\n1,2\n1,\n", "line 3: column 'a' must hold numbers. Got nothing"),
        (b'label,a\n1,"1,000"\n', "line 2: column 'a' must hold numbers. Got '1,000'"),
        (b"label,a\n1,2\n,3\n", "line 3 has no label"),
        (b"label,a\n1,2\n2,3\xff\n", "line 3 is not in UTF-8"),
        ("label,a\n1,2\n".encode("utf-16"), "line 1 is not in UTF-8"),
        (b'label,a\n1,2\n2,"3\n', "line 3 is no line of a table"),
        (b"label\n1\n", "has 1 columns; expected from 2"),
        (b"1," * 10_000_000, "line 1 has more than 16,777,216 bytes"),
        (b"," * 2**21, "has 2,097,153 columns"),
        (b"label,a\n0.5,2\n1,2\n", "must be classes. Got the fraction 0.5"),
        (b"label,a\n1,nan\n1,2\n2,3\n2,4\n", "must be finite float32 numbers"),
        (b"label,file\n1,../secret.png\n", "line 2: '../secret.png' is not within the folder"),
        (b"label,file\n1,/etc/a.png\n", "line 2: '/etc/a.png' is not within the folder"),
        (b"label,file\n1,a\0b.png\n", "not within the folder|no line of a table"),
        (b"label,file\n1,none.png\n", "line 2: there is no file 'none.png'"),
        (b"label,split,a\n1,train,1\n2,later,1\n", "is called train, validation or test. .*'later' in row 1"),
        (b"label,split,a\n1,test,1\n2,test,1\n", "expected a part called train"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_bad_tables_are_refused(content, message, tmp_path):
    (tmp_path / "secret.png").touch()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "in" / "bad.csv")


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_pairs(end, tmp_path):
    def write(name, array):
        content = idx_bytes(array.astype(np.uint8))
        (tmp_path / f"{name}-ubyte{end}").write_bytes(gzip.compress(content) if end else content)

    write("train-images-idx3", IMAGES)
    with pytest.raises(DataError, match="lacks its partner, …-labels-idx1-ubyte"):
        load(tmp_path)
    write("train-labels-idx1", LABELS)
    check(load(tmp_path), IMAGES, LABELS)
    write("t10k-images-idx3", IMAGES[:5])
    write("t10k-labels-idx1", LABELS[:5])
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train.images, IMAGES)
    np.testing.assert_array_equal(data.test.images, IMAGES[:5])
    path = tmp_path / f"t10k-images-idx3-ubyte{end}"
    for content, message in (
        (struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**10, 2**10), "announces 2,251,799,813,|takes 2,251,799.8 GB"),
        (idx_bytes(IMAGES[:4]) + idx_bytes(IMAGES[:4]), "has trailing bytes"),
        (idx_bytes(IMAGES[:4]), "has 4 images, and .* 5 labels"),
        (idx_bytes(IMAGES[:5])[:-1], "is truncated"),
    ):
        path.write_bytes(gzip.compress(content) if end else content)
        with pytest.raises(DataError, match=message):
            load(tmp_path)


def npz_at(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_npz_files_of_medmnist_and_with_other_names(tmp_path):
    parts = {"train": slice(10), "val": slice(10, 15), "test": slice(15, 20)}
    arrays = {f"{part}_images": IMAGES[rows] for part, rows in parts.items()}
    arrays |= {f"{part}_labels": LABELS[rows, None].astype(np.uint8) for part, rows in parts.items()}
    data = load(npz_at(tmp_path / "pneumoniamnist.npz", **arrays))
    np.testing.assert_array_equal(data.train.images, IMAGES[:15])
    np.testing.assert_array_equal(data.test.images, IMAGES[15:])
    check(load(npz_at(tmp_path / "xy.npz", x=IMAGES, y=LABELS)), IMAGES, LABELS)
    unlabelled = npz_at(tmp_path / "unlabelled.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:3])
    with pytest.warns(UserWarning, match="unlabelled.npz has x_test without labels y_test: x_test is not used"):
        assert len(load(unlabelled).train) == 16
    other = npz_at(tmp_path / "other.npz", embedding=FEATURES, kind=LABELS, patient=np.arange(20) // 2)
    with pytest.raises(DataError, match="say which array has the labels: label=NAME"):
        load(other)
    check(load(other, label="kind", group="patient"), FEATURES, LABELS)
    with pytest.raises(UsageError, match=r"has no array 'kinds'. Got embedding, kind, patient"):
        load(other, label="kinds")
    pickled = io.BytesIO()
    np.savez(pickled, x=np.array([{}], object), y=LABELS)
    (tmp_path / "pickled.npz").write_bytes(pickled.getvalue())
    with pytest.raises(DataError, match="holds Python objects, which are not loaded"):
        load(tmp_path / "pickled.npz")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").touch()
    with pytest.raises(MissingPackageError, match=r'pip install "mlplab\[data\]"'):
        load(tmp_path / "a.parquet")


def test_a_part_without_labels_is_to_be_predicted(tmp_path):
    rows = [list(map(float, row)) for row in FEATURES]
    write_csv(tmp_path / "test.csv", list("abcd"), rows)
    labelled = [[*row, label] for row, label in zip(rows, LABELS, strict=True)]
    write_csv(tmp_path / "train.csv", [*"abcd", "label"], labelled)
    with pytest.raises(UsageError, match=r"If it has no labels, train on .*train\.csv alone, and predict .*test\.csv"):
        load(tmp_path)
