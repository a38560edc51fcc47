"""A `Dataset` is in normal form and read-only, or its arrays are refused."""

import hashlib

import numpy as np
import pytest

from mlplab.datasets import Data, Dataset, Provenance
from mlplab.errors import DataError

ORIGIN = Provenance("things", "train")
NAMES = ("a", "b", "c")


def made(inputs: object, labels: object = (0, 1, 2), names: tuple[str, ...] = NAMES) -> Dataset:
    return Dataset(inputs, labels, names, ORIGIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("inputs", "dtype", "shape"),
    [
        (np.zeros((3, 4, 5), np.uint8), "uint8", (3, 4, 5)),
        (np.full((3, 4, 5), 255, np.int64), "uint8", (3, 4, 5)),
        (np.ones((3, 4, 5), bool), "uint8", (3, 4, 5)),
        (np.zeros((3, 4, 5, 3), np.uint8), "uint8", (3, 4, 5, 3)),
        (np.zeros((3, 4, 5)) + 0.5, "float32", (3, 4, 5)),
        (np.zeros((3, 7), np.uint8), "uint8", (3, 7)),
        ([[1, 2], [3, 4], [5, 6]], "float32", (3, 2)),
        (np.zeros((3, 7), np.float16), "float32", (3, 7)),
    ],
)
def test_inputs_are_converted_to_normal_form(inputs: object, dtype: str, shape: tuple[int, ...]) -> None:
    dataset = made(inputs)
    assert dataset.inputs.dtype == dtype
    assert dataset.inputs.shape == shape
    np.testing.assert_array_equal(dataset.inputs, np.asarray(inputs))
    assert dataset.has_images == (len(shape) > 2)
    assert len(dataset) == 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros(3), r"must be images .* Got shape \(3,\)"),
        (np.zeros((3, 1, 1, 1, 1)), "must be images"),
        (np.zeros((0, 4, 4)), "are empty"),
        (np.zeros((3, 0)), "are empty"),
        (np.array([["x"], ["y"], ["z"]]), "must be numbers. Got 'x' in row 0, column 0"),
        ([[1, 2], [3, "red"], [5, 6]], "must be numbers. Got "),
        (np.array([[1, 2], [3, "red"], [5, 6]], object), "must be numbers. Got 'red' in row 1, column 1"),
        (np.array([[1, 2], [3, {}], [5, 6]], object), "must be numbers. Got {} in row 1, column 1"),
        (np.zeros((3, 2), complex), "must be numbers"),
        ([[1, 2], [3], [4, 5]], "do not form an array"),
        (np.full((3, 2, 2), 256), "from 0 to 255. Those of things train go from 256 to 256"),
        (np.full((3, 2, 2), -1), "go from -1 to -1"),
        (np.array([[0.0], [np.nan], [0.0]]), "Got nan in row 1"),
        (np.array([[0.0], [0.0], [-np.inf]]), "Got -inf in row 2"),
        (np.array([[0.0], [1e300], [0.0]]), r"finite float32 numbers. Got 1e\+300 in row 1"),
        (np.zeros((3, 3, 32, 32), np.uint8), r"channels last.* pass np.moveaxis\(images, 1, -1\)"),
    ],
)
def test_other_inputs_are_refused(inputs: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        made(inputs)


@pytest.mark.parametrize(
    "labels",
    [[0, 2, 1], np.array([0, 2, 1], np.uint8), np.array([[0], [2], [1]]), [0.0, 2.0, 1.0], np.eye(3)[[0, 2, 1]]],
)
def test_labels_become_int32(labels: object) -> None:
    dataset = made(np.zeros((3, 2)), labels)
    assert dataset.labels.dtype == np.int32
    assert dataset.labels.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.eye(3) + np.eye(3)[::-1], "train it with mlplab.fit"),
        (
            np.array([0.0, 1.5, 2.0]),
            r"must be classes. Got the fraction 1.5 in row 1.*mlplab.fit and a loss such as mse",
        ),
        (np.array([0.0, np.nan, 2.0]), "Row 1 of things train has no label"),
        (np.array(["a", "b", "c"]), "positions of their classes, whole numbers from 0. Got .*'a'.*: mlplab.load takes"),
        (np.array([0, 1]), r"has 3 inputs, but its labels have shape \(2,\): expected \(3,\)"),
        (np.array([0, 1, 3]), "from 0 to 2, as there are 3 class names. Got 3 in row 2"),
        (np.array([0, -1, 2]), "Got -1 in row 1"),
        (np.array([0, 1, 2**32], np.int64), "Got 4294967296 in row 2"),
    ],
)
def test_other_labels_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        made(np.zeros((3, 2)), labels)


@pytest.mark.parametrize("names", [(), ("a", "b", "a")])
def test_class_names_are_different(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="must be different"):
        made(np.zeros((3, 2)), [0, 0, 0], names)


def test_arrays_are_read_only_but_the_callers_stay_writable() -> None:
    images, labels = np.zeros((3, 2, 2), np.uint8), np.array([0, 1, 2], np.int32)
    dataset = made(images, labels)
    for array in (dataset.inputs, dataset.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    images[0], labels[0] = 1, 1
    assert np.shares_memory(images, dataset.images)


def test_images_and_features_are_distinguished() -> None:
    images, features = made(np.zeros((3, 2, 2), np.uint8)), made(np.zeros((3, 2)))
    assert images.images is images.inputs
    assert features.features is features.inputs
    with pytest.raises(DataError, match=r"use \.images"):
        _ = images.features
    with pytest.raises(DataError, match=r"use \.features"):
        _ = features.images


def test_select_takes_rows_in_order() -> None:
    dataset = made([[10, 0], [11, 0], [12, 0]])
    for indices in ([2, 0], np.array([2, 0], np.uint8)):
        chosen = dataset.select(indices)
        assert chosen.features[:, 0].tolist() == [12, 10]
        assert chosen.labels.tolist() == [2, 0]
        assert chosen.provenance == dataset.provenance
    assert dataset.select(np.array([True, False, True])).labels.tolist() == [0, 2]


@pytest.mark.parametrize("indices", [[3], [0.0], [[0]], [True], "all"])
def test_select_refuses_other_indices(indices: object) -> None:
    with pytest.raises(DataError, match="selected by integers below 3"):
        made(np.zeros((3, 2))).select(indices)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="empty"):
        made(np.zeros((3, 2))).select(np.zeros(3, bool))


def test_class_counts_and_repr() -> None:
    assert made(np.zeros((3, 2)), [1, 1, 0]).class_counts() == {"a": 1, "b": 2, "c": 0}
    assert repr(made(np.zeros((3, 2, 4), np.uint8))) == "Dataset(things train: 3 rows, images 2x4 uint8, 3 classes)"


def test_content_hash_is_sha256_over_types_shapes_and_bytes() -> None:
    images, labels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2), np.array([0, 1, 2], "<i4")
    expected = hashlib.sha256(b"|u1(3, 2, 2)" + images.tobytes() + b"<i4(3,)" + labels.tobytes()).hexdigest()
    assert made(images, labels).content_hash() == expected
    assert made(images.astype(int), labels.tolist()).content_hash() == expected
    assert made(images.reshape(3, 4, 1), labels).content_hash() != expected
    assert made(images, [0, 1, 1]).content_hash() != expected


def test_training_and_test_set_must_be_alike() -> None:
    train = made(np.zeros((3, 2, 2), np.uint8))
    assert Data("things", train, train).class_names == NAMES
    with pytest.raises(DataError, match=r"must be alike. Got uint8 of shape \(2, 2\) and float32 of shape \(2, 2\)"):
        Data("things", train, made(np.zeros((3, 2, 2))))
    with pytest.raises(DataError, match="the same classes"):
        Data("things", train, made(np.zeros((3, 2, 2), np.uint8), names=("a", "b", "d")))
