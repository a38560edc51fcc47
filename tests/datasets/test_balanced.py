import numpy as np
import pytest

from mlplab.datasets import balanced_rows
from mlplab.errors import UsageError


def test_as_many_rows_of_each_class_are_chosen(mnist):
    labels = mnist.train.labels
    rows = balanced_rows(labels, 100, seed=0)
    assert np.bincount(labels[rows]).tolist() == [10] * 10
    assert len(set(rows.tolist())) == 100
    assert rows.tolist() == sorted(rows.tolist())


def test_the_seed_decides_and_a_rest_goes_to_the_first_classes():
    labels = np.array(["b", "a", "c"] * 20)
    first, again, other = (balanced_rows(labels, 8, seed=seed).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(labels[first].tolist()) == ["a"] * 3 + ["b"] * 3 + ["c"] * 2


def test_a_class_with_too_few_rows_is_named():
    with pytest.raises(UsageError, match=r"labelled=9 takes 3 rows of each class, and 7 has 2 to train on"):
        balanced_rows([5, 5, 5, 6, 6, 6, 7, 7], 9)
