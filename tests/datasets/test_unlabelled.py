"""Images without labels: of every kind of file, in the form of the data set's, and what is refused."""

import gzip

import numpy as np
import pytest
from npz_files import archive, header
from test_idx import encode

import mlplab
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.errors import DataError

IMAGES = np.random.default_rng(0).integers(0, 17, (30, 8, 8), dtype=np.uint8)
FRACTIONS = (IMAGES / 16).astype("float32")


def npy(array):
    return header(array.shape, array.dtype.str) + array.tobytes()


@pytest.mark.parametrize(
    "content",
    [
        archive(x=IMAGES),
        archive(x_train=IMAGES, y_train=np.zeros(30, int), x_test=IMAGES[:1]),
        archive(train_images=IMAGES),
        archive(anything=IMAGES),
        npy(IMAGES.astype(np.float64)),
        encode(IMAGES),
        gzip.compress(encode(IMAGES), mtime=0),
    ],
    ids=["x", "a data set", "of Keras", "one array", "npy of floats", "IDX", "gzipped"],
)
def test_a_file_of_any_kind_is_told_by_its_content(content, digits, tmp_path, monkeypatch):
    (tmp_path / "images").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    images = read_unlabelled("images", digits.train)
    np.testing.assert_array_equal(images.inputs, IMAGES)
    assert images.inputs.dtype == np.uint8
    assert not images.inputs.flags.writeable
    assert (len(images), images.source) == (30, str(tmp_path / "images"))


def test_an_array_gets_the_dtype_of_the_data_set(digits):
    assert read_unlabelled(IMAGES.astype(int).tolist(), digits.train).inputs.dtype == np.uint8
    floats = mlplab.load(((FRACTIONS, np.arange(30) % 2), (FRACTIONS, np.arange(30) % 2))).train
    images = read_unlabelled(FRACTIONS.astype(np.float64), floats)
    np.testing.assert_array_equal(images.inputs, FRACTIONS)
    assert (images.inputs.dtype, images.source) == (np.float32, None)
    assert read_unlabelled(IMAGES > 8, floats).inputs.dtype == np.float32
    for scaled in (IMAGES, 255 * FRACTIONS, FRACTIONS - 0.5, FRACTIONS / 100):
        with pytest.raises(DataError, match="numbers in the range of those of arrays, from 0 to 1"):
            read_unlabelled(scaled, floats)
    rows = mlplab.load(((FRACTIONS[:, 0], np.arange(30) % 2), (FRACTIONS[:, 0], np.arange(30) % 2))).train
    with pytest.raises(DataError, match=r"rows of the size of those of arrays, 8\. Got 8×8"):
        read_unlabelled(FRACTIONS, rows)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 28, 28), np.uint8), "images of the size of those of digits, 8×8. Got 28×28"),
        (np.zeros((3, 8, 8, 3), np.uint8), "8×8. Got 8×8×3. Give them that size and number of channels"),
        (IMAGES.reshape(30, 64), "8×8. Got 64"),
        (FRACTIONS, "whole numbers from 0 to 255, as digits does. Got float32 from 0 to 1. Give them as they were"),
        (IMAGES * 15, "in the range of those of digits, from 0 to 16. Got numbers from 0 to 240"),
        (IMAGES[:0], "unlabelled are empty"),
        (np.full((3, 8, 8), np.nan), "finite"),
        (np.full((3, 8, 8), "a"), "must be numbers"),
        (7, "Got shape"),
    ],
    ids=["size", "channels", "flat", "fractions", "range", "none", "nan", "texts", "a number"],
)
def test_images_unlike_those_of_the_data_set_are_refused(images, message, digits):
    with pytest.raises(DataError, match=message):
        read_unlabelled(images, digits.train)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "images cannot be read: No such file"),
        (b"", "images is empty. Expected a file of images without labels: .npz"),
        (b"index,label\n", "images begins with b'index,'. Expected"),
        (archive(a=IMAGES, b=IMAGES), "has the arrays a, b. Expected .* an array x or x_train"),
        (archive(x=IMAGES)[:200], "cannot be read: File is not a zip file. Expected"),
        (archive(x=header((2,), "|O") + b"\0" * 16), "Python objects"),
        (npy(IMAGES)[:-1], "claims 1,920 bytes"),
        (encode(IMAGES)[:-1], "is truncated"),
        (encode(IMAGES[0, 0]), "should have 3 axes, but its header announces 1"),
        (encode(IMAGES)[:10], "truncated"),
        (gzip.compress(encode(IMAGES), mtime=0)[:-20], "cannot be read: Compressed file ended"),
        (gzip.compress(b"\0\0\x08\x03" + b"\x7f" * 12, mtime=0), "its arrays take"),
        (gzip.compress(encode(IMAGES[:1]) + bytes(10**6), mtime=0), "has trailing bytes"),
        (encode(IMAGES[:0]), "are empty"),
    ],
)
def test_files_without_images_are_refused(content, message, digits, tmp_path):
    if content is not None:
        (tmp_path / "images").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_unlabelled(tmp_path / "images", digits.train)


def test_a_folder_is_no_file(digits, tmp_path):
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_unlabelled(tmp_path, digits.train)
