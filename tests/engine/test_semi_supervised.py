"""A source of labelled and unlabelled rows: which rows each step gets."""

import jax
import numpy as np
import pytest

from mlplab.engine import SemiSupervisedSource
from mlplab.errors import DataError, UsageError

X = np.arange(26, dtype="float32")[:, None]
Y = np.arange(26) % 2


def orders(source, position=0):
    (segment,) = source.segments(position)
    return segment.indices


def test_an_epoch_is_one_pass_over_the_rows_and_labelled_ones_begin_again():
    source = SemiSupervisedSource(X, Y, labelled=[3, 5, 8, 9], batch_size=4)
    assert source.steps == 6
    rows = orders(source)
    assert {name: order.shape for name, order in rows.items()} == {"labelled": (6, 4), "unlabelled": (6, 4)}
    assert len(set(rows["unlabelled"].ravel().tolist())) == 24
    assert [sorted(step) for step in rows["labelled"].tolist()] == [[3, 5, 8, 9]] * 6
    assert len({tuple(step) for step in rows["labelled"].tolist()}) > 1


def test_with_all_labels_both_are_passes_in_orders_of_their_own():
    rows = orders(SemiSupervisedSource(X[:24], Y[:24], batch_size=4))
    for order in rows.values():
        assert sorted(order.ravel().tolist()) == list(range(24))
    assert rows["labelled"].tolist() != rows["unlabelled"].tolist()


@pytest.mark.parametrize(("labelled", "at_most"), [(3, 2), (7, 1), (9, 1)])
def test_a_labelled_batch_has_a_row_twice_only_where_there_are_fewer_rows(labelled, at_most):
    rows = orders(SemiSupervisedSource(X, Y, labelled=np.arange(labelled), batch_size=4))["labelled"]
    assert rows.shape == (6, 4)
    assert max(np.bincount(step, minlength=labelled).max() for step in rows) == at_most


def test_seed_and_position_decide_the_orders():
    def rows(seed, position):
        return jax.tree.map(np.ndarray.tolist, orders(SemiSupervisedSource(X, Y, batch_size=4, seed=seed), position))

    assert rows(1, 6) == rows(1, 6)
    assert rows(1, 6) != rows(1, 12)
    assert rows(1, 6) != rows(2, 6)


def test_a_batch_has_scaled_rows_and_their_labels():
    source = SemiSupervisedSource(X.astype("uint8"), Y, labelled=[3, 5], batch_size=2, preprocess=half)
    index = {"labelled": np.array([1, 5]), "unlabelled": np.array([25, 0])}
    x, y = source.batch(source.batch.rows(source.arrays, index), None)
    assert {name: np.asarray(rows).tolist() for name, rows in x.items()} == {
        "labelled": [[0.5], [2.5]],
        "unlabelled": [[12.5], [0.0]],
    }
    assert np.asarray(y).tolist() == [1, 1]
    assert source.batch == SemiSupervisedSource(X, Y, preprocess=half, batch_size=5).batch


def half(x):
    return x / np.float32(2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="the same number of rows; got 26 and 25"):
        SemiSupervisedSource(X, Y[:25])
    with pytest.raises(UsageError, match="at most 20, the number of unlabelled rows; got 21"):
        SemiSupervisedSource(X, Y, unlabelled=np.arange(20), batch_size=21)
    for labelled in ([], [26], [-1], [0.5], [[1, 2]]):
        with pytest.raises(UsageError, match="labelled must be the numbers of the labelled rows, each from 0 to 25"):
            SemiSupervisedSource(X, Y, labelled=labelled, batch_size=4)
    with pytest.raises(UsageError, match=r"numbers of the unlabelled rows, .* Leave it out for all"):
        SemiSupervisedSource(X, Y, unlabelled=[26], batch_size=4)


def test_a_label_of_minus_1_is_of_rows_without_a_label():
    y = np.where(np.arange(26) < 4, Y, -1)
    with pytest.raises(DataError, match=r"got -1. Name the labelled rows: labelled=np.flatnonzero\(y >= 0\)"):
        SemiSupervisedSource(X, y, batch_size=4)
    rows = orders(SemiSupervisedSource(X, y, labelled=np.flatnonzero(y >= 0), batch_size=4))
    assert sorted(set(rows["labelled"].ravel().tolist())) == [0, 1, 2, 3]
