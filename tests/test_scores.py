"""Held against SciPy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score, log_loss, recall_score

from mlplab import scores


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval(counts):
    correct, n = counts
    expected = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    assert scores.wilson_interval(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)
    labels = rng.choice(5, 400, p=[0.5, 0.3, 0.1, 0.1, 0.0])
    return labels, rng.dirichlet(np.ones(5), 400).astype(np.float32)


def test_scores_are_scikit_learns(predictions):
    labels, probabilities = predictions
    predicted = probabilities.argmax(1)
    got = scores.accuracy(labels, probabilities)
    assert got["n"] == 400
    assert got["accuracy"] == accuracy_score(labels, predicted)
    assert got["loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(5)), rel=1e-5)
    matrix = scores.confusion(labels, predicted, 5)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, predicted, labels=range(5)))
    by_class = scores.per_class_accuracy(labels, predicted, 5)
    np.testing.assert_allclose(by_class[:4], recall_score(labels, predicted, average=None, labels=range(4)))
    assert np.isnan(by_class[4]), "no row has class 4"
    cells = np.zeros((5, 5), int)
    true, predicted_as, counts = scores.confusion_cells(labels, predicted, 5)
    cells[true, predicted_as] = counts
    np.testing.assert_array_equal(cells, matrix)
    assert (counts > 0).all()
    sparse = {"true": true.tolist(), "predicted": predicted_as.tolist(), "count": counts.tolist()}
    for confusion in (sparse, matrix.tolist()):
        counted = scores.ClassCounts.of_confusion(confusion, 5)
        for name, expected in vars(scores.ClassCounts.of(labels, predicted, 5)).items():
            np.testing.assert_array_equal(getattr(counted, name), expected)


@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 30))
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_balanced_accuracy_and_macro_f1_are_scikit_learns(seed, classes, n):
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, classes, n), rng.dirichlet(np.ones(classes), n)
    got, predicted = scores.accuracy(labels, probabilities), probabilities.argmax(1)
    assert got["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert got["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))


@pytest.mark.parametrize(("rows", "unbalanced"), [([15, 10], True), ([14, 10], False), ([15, 10, 0], True)])
def test_classes_are_unbalanced_from_one_and_a_half_times_on(rows, unbalanced):
    assert scores.are_unbalanced(rows) == unbalanced


def test_the_interval_of_accuracies_lies_among_accuracies():
    mean, _, interval = scores.mean_accuracy([0.4, 0.99])
    assert (mean, interval) == (pytest.approx(0.695), [0.0, 1.0])
    assert scores.mean_over_seeds([0.4, 0.99])[2][1] > 1
    assert scores.mean_accuracy([0.5, 0.51]) == scores.mean_over_seeds([0.5, 0.51])
    assert scores.mean_accuracy([0.5]) == (0.5, None, None)
