import dataclasses

import numpy as np
import pytest

from mlplab.datasets import Dataset, Provenance
from mlplab.errors import DataError, UsageError
from mlplab.runs import Preprocessing, Settings
from mlplab.training import splits


@pytest.fixture
def unbalanced() -> Dataset:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    images = np.random.default_rng(0).integers(0, 256, (1000, 4, 4), dtype=np.uint8)
    return Dataset(images, np.random.default_rng(1).permutation(labels), ("a", "b", "c"), Provenance("u", "train"))


def counts(data, rows):
    return np.bincount(data.labels[rows], minlength=3).tolist()


def test_parts_are_disjoint_complete_and_stratified(unbalanced):
    parts = splits.split(unbalanced, Settings(validation=0.2, seed=3))
    assert counts(unbalanced, parts["validation"]) == [120, 60, 20]
    assert sorted([*parts["train"], *parts["validation"]]) == list(range(1000))


@pytest.mark.parametrize(("groups", "fraction", "held_out"), [(50, 0.2, 200), (4, 0.1, 250)])
def test_a_group_is_in_one_part(groups, fraction, held_out, unbalanced):
    numbers = np.arange(1000) % groups
    data = dataclasses.replace(unbalanced, groups=tuple(map(str, numbers)))
    parts = splits.split(data, Settings(validation=fraction))
    assert not set(numbers[parts["train"]]) & set(numbers[parts["validation"]])
    assert len(parts["validation"]) == held_out
    assert sorted([*parts["train"], *parts["validation"]]) == list(range(1000))
    assert data.select(parts["train"]).groups == tuple(str(number) for number in numbers[parts["train"]])


def test_a_single_group_cannot_be_divided(unbalanced):
    with pytest.raises(DataError, match="1 groups, and none can be left out"):
        splits.split(dataclasses.replace(unbalanced, groups=("a",) * 1000), Settings())


def test_no_validation_trains_on_all_rows(unbalanced):
    parts = splits.split(unbalanced, Settings(validation=0))
    np.testing.assert_array_equal(parts["train"], np.arange(1000))
    assert len(parts["validation"]) == 0


def test_the_seed_decides(unbalanced):
    first, again, other = (splits.split(unbalanced, Settings(seed=s))["validation"].tolist() for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_labelled_rows_are_as_many_of_each_class_and_none_is_held_out(unbalanced):
    parts = splits.split(unbalanced, Settings(validation=0.1, labelled=92))
    assert counts(unbalanced, parts["train"]) == [31, 31, 30]
    assert not set(parts["train"]) & set(parts["validation"])
    with pytest.raises(UsageError, match=r"takes 100 rows of each class, and 'c' has 90"):
        splits.split(unbalanced, Settings(validation=0.1, labelled=300))


def test_of_classes_with_few_rows_each_some_have_one_held_out():
    labels = np.repeat(np.arange(50), [4] * 49 + [1])
    names = tuple(map(str, range(50)))
    data = Dataset(np.zeros((197, 3), np.float32), labels, names, Provenance("few", "train"))
    parts = splits.split(data, Settings(validation=0.1))
    of_class = np.bincount(labels[parts["validation"]], minlength=50)
    assert (of_class.sum(), of_class.max(), of_class[49]) == (20, 1, 0)
    assert sorted([*parts["train"], *parts["validation"]]) == list(range(197))


def test_an_empty_part_is_refused(unbalanced):
    with pytest.raises(UsageError, match="leaves 1000 to train on and 0"):
        splits.split(unbalanced, Settings(validation=0.0001))


@pytest.mark.parametrize(("largest", "scale"), [(1, 1.0), (16, 16.0), (17, 255.0), (255, 255.0)])
def test_whole_numbers_are_divided_by_their_full_scale(largest, scale):
    images = np.array([[[0, largest]]], np.uint8)
    assert splits.fit_preprocessing(images, np.array([0]), standardize=False) == Preprocessing(scale)


def test_floats_are_left_as_they_are_unless_asked():
    x = np.random.default_rng(0).normal(3, 2, (500, 4)).astype(np.float32)
    x[:, 2] = 7
    assert splits.fit_preprocessing(x, np.arange(500), standardize=False) == Preprocessing()
    z = splits.fit_preprocessing(x, np.arange(400), standardize=True)(x[:400])
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(z.std(0), [1, 1, 0, 1], atol=1e-5)


def test_images_are_standardised_by_one_mean_and_deviation(unbalanced):
    rows = np.arange(0, 1000, 2)
    z = splits.fit_preprocessing(unbalanced.images, rows, standardize=True)(unbalanced.images[rows])
    assert z.mean() == pytest.approx(0, abs=1e-5)
    assert z.std() == pytest.approx(1, abs=1e-5)
