"""Labels of any kind are mapped to the classes that occur, whose names are kept."""

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import LabelEncoder

from mlplab.datasets import Data, load
from mlplab.datasets.classes import Classes, class_number
from mlplab.errors import DataError, UsageError

X = np.arange(24, dtype=np.float32).reshape(6, 4) / 24
Y = np.array([2, 0, 1, 1, 0, 2])


def loaded(train: object, test: object, class_names: tuple[str, ...] | None = None) -> Data:
    return load(((X, train), (X, test)), class_names=class_names)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (Y + 1, ("1", "2", "3")),
        (np.array([0, 5, 900])[Y], ("0", "5", "900")),
        (np.array([-1, 0, 1])[Y], ("-1", "0", "1")),
        (np.array(["dog", "cat", "ant"])[Y], ("ant", "cat", "dog")),
        (np.array([b"dog", b"cat", b"ant"])[Y], ("ant", "cat", "dog")),
        (np.array(["dog", "cat", "ant"], object)[Y], ("ant", "cat", "dog")),
        (Y.astype(float), ("0", "1", "2")),
        ((Y + 1).astype(float)[:, None], ("1", "2", "3")),
        (Y > 0, ("False", "True")),
        (np.eye(3)[Y], ("0", "1", "2")),
        ((Y + 10**9).tolist(), ("1000000000", "1000000001", "1000000002")),
        (pandas.Series(np.array(["dog", "cat", "ant"])[Y]), ("ant", "cat", "dog")),
        (pandas.Series(np.array(["dog", "cat", "ant"])[Y], dtype="category"), ("ant", "cat", "dog")),
        (pandas.Series(Y + 1, dtype="Int64"), ("1", "2", "3")),
        (pandas.DataFrame({"class": np.array(["dog", "cat", "ant"])[Y]}), ("ant", "cat", "dog")),
    ],
    ids=str,
)
def test_the_classes_are_those_that_occur(labels: object, names: tuple[str, ...]) -> None:
    data = loaded(labels, labels)
    assert data.class_names == names
    values = np.asarray(labels)
    values = values.argmax(1) if values.shape == (6, 3) else values.reshape(-1)
    np.testing.assert_array_equal(data.train.labels, LabelEncoder().fit_transform(values))
    assert data.train.labels.dtype == np.int32
    assert [class_number(name, names) for name in names] == list(range(len(names)))


@pytest.mark.parametrize("wanted", [1.5, [1], None, np.nan])
def test_a_class_is_named_by_its_name_or_a_whole_number(wanted: Any) -> None:
    assert class_number(np.int64(1), ("a", "b")) == class_number(1.0, ("a", "b")) == 1
    with pytest.raises(UsageError, match="Unknown class"):
        class_number(wanted, ("a", "b"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(["a", "b", None, "a", "b", "a"], object), "Row 2 of arrays train has no label"),
        (np.array(["a", np.nan, "b", "a", "b", "a"], object), "Row 1 of arrays train has no label"),
        (pandas.Series([1, 2, None, 1, 2, 1], dtype="Int64"), "Row 2 of arrays train has no label"),
        (pandas.Series(["a", None, "a", "b", "a", "b"], dtype="category"), "Row 1 of arrays train has no label"),
        (np.linspace(0, 1, 6), r"Got the fraction 0\.2 in row 1: to predict numbers, train with mlplab\.fit"),
        (np.ones((6, 3)), "Several labels a row: train it with mlplab.fit"),
        (np.zeros((6, 2, 2), int), r"of shape \(n,\), one a row. Got int64 of shape \(6, 2, 2\)"),
        (np.array(["2026-01-01"] * 6, "datetime64[D]"), "whole numbers, booleans or texts"),
    ],
)
def test_what_is_no_class_is_refused(labels: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        loaded(labels, labels)


def test_test_labels_that_no_training_row_has_are_named() -> None:
    with pytest.warns(UserWarning, match=r"No training row of arrays has the test labels 'Dog', so a network cannot"):
        data = loaded(np.array(["dog", "cat", "ant"])[Y], np.array(["Dog", "cat", "ant"])[Y])
    assert data.class_names == ("Dog", "ant", "cat", "dog")
    with pytest.warns(UserWarning, match=r"test labels 6, 7, 8"):
        assert loaded(Y, Y + 6).class_names == tuple("012678")
    with pytest.warns(UserWarning, match=r"test labels 3,"):
        assert loaded(Y, Y + 1, ("a", "b", "c", "d")).test.class_counts() == {"a": 0, "b": 2, "c": 2, "d": 2}


@pytest.mark.parametrize(
    ("labels", "names", "numbers"),
    [
        (Y, ("a", "b", "c"), Y),
        (Y, ("a", "b", "c", "d"), Y),
        (Y + 1, ("a", "b", "c"), Y),
        (np.array([0, 5, 900])[Y], ("a", "b", "c"), Y),
        (np.array([0, 5, 900])[Y], ("900", "0", "5", "7"), (Y + 1) % 3),
        (np.array(["x", "y", "z"])[Y], ("z", "y", "x"), 2 - Y),
    ],
)
def test_given_names_are_of_positions_or_of_labels_or_of_as_many(labels, names, numbers) -> None:
    data = loaded(labels, labels, names)
    assert data.class_names == names
    np.testing.assert_array_equal(data.train.labels, numbers)


@pytest.mark.parametrize(("labels", "unknown"), [(Y + 2, "2, 3, 4"), (np.array(["x", "y", "Z"])[Y], "'Z'")])
def test_labels_that_do_not_fit_the_names_are_refused(labels: np.ndarray, unknown: str) -> None:
    message = rf"must be names of its 4 classes, or their positions from 0 to 3. Got {unknown}: correct these labels"
    with pytest.raises(DataError, match=message):
        loaded(labels, labels, ("x", "y", "z", "w"))


def test_data_gets_the_classes_of_a_model_with_an_output_for_each_number() -> None:
    gap = loaded(np.array([1, 3, 4])[Y], np.array([1, 3, 4])[Y])
    assert gap.with_outputs(3) is gap
    assert gap.with_outputs(4) is gap, "label 4 has no output"
    assert gap.with_outputs(5).class_names == tuple("01234")
    np.testing.assert_array_equal(gap.with_outputs(5).train.labels, np.array([1, 3, 4])[Y])
    assert gap.with_outputs(6) is gap, "no label 5 says that there is such a class"
    named = loaded(np.array(["x", "y", "z"])[Y], np.array(["x", "y", "z"])[Y])
    assert named.with_outputs(5) is named
    again = gap.with_outputs(5).with_classes(gap.classes)
    np.testing.assert_array_equal(again.train.labels, gap.train.labels)
    with pytest.raises(DataError, match=r"arrays train has the label 1, which is none of 3, 4"):
        gap.with_classes(Classes(("3", "4"), (3, 4)))


def test_texts_and_numbers_together_are_refused():
    """As tables have them of which one file has a word among its numbers."""
    x, words, numbers = np.zeros((2, 3)), ["0", "1"], [0, 1]
    for train, test, seen in (
        (words, numbers, "'0' for training and 0 for"),
        (numbers, words, "0 for training and '0'"),
    ):
        with pytest.raises(DataError, match=rf"one kind, texts or numbers\. Got {seen} .*labels\.astype\(str\)"):
            load(((x, train), (x, test)))
