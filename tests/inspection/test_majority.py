"""The most frequent class as the bar, held against scikit-learn."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier

from mlplab.inspection.examples import examples_of
from mlplab.inspection.majority import Bar, advice, bar_of, bar_of_result, doubt, imbalance
from mlplab.runs import Settings


def test_the_bar_is_the_accuracy_of_always_naming_the_most_frequent_class(examples):
    bar, counts = bar_of(examples), np.bincount(examples.labels)
    nothing = np.zeros((len(examples), 1))
    assert bar.share == DummyClassifier().fit(nothing, examples.labels).score(nothing, examples.labels)
    assert bar.majority == examples.class_names[counts.argmax()]
    assert bar.accuracy == metrics.accuracy_score(examples.labels, examples.predicted)
    assert bar.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(examples.labels, examples.predicted))
    assert bar.macro_f1 == pytest.approx(metrics.f1_score(examples.labels, examples.predicted, average="macro"))
    assert bool(imbalance(bar)) == bar.unbalanced == (counts.max() >= 1.5 * counts.min())


def test_a_result_has_the_bar_of_its_predictions(unbalanced_run):
    assert bar_of_result(unbalanced_run.result) == bar_of(examples_of(unbalanced_run, inputs=False))


def test_rows_of_one_class_have_no_bar():
    bar = bar_of(examples_of(np.eye(3)[[0, 0, 1]], [0, 0, 0]))
    assert bar is None
    assert (imbalance(bar), doubt(bar), advice(bar, Settings())) == ("", "", "")


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        ([0] * 10, "That is not clearly better than always naming the most frequent class, 0 (0.6000). It names 0 for"),
        ([1] * 10, "That is not clearly better"),  # of so few rows
        ([2] * 10, "That is worse than always naming the most frequent class, 0 (0.6000). It names 2 for every row."),
        ([0] * 6 + [1] * 4, ""),
    ],
)
def test_a_network_at_or_under_the_bar_is_told_so(predicted, said):
    bar = bar_of(examples_of(np.eye(3)[predicted], [0] * 6 + [1] * 4, class_names=["0", "1", "2"]))
    assert doubt(bar).startswith(said)
    assert bar.is_passed == (said == "")


@pytest.mark.parametrize(
    ("changes", "settings", "said"),
    [
        ({}, {}, "Rare classes do worse than frequent ones: mlplab train with --class-weight balanced"),
        ({}, {"class_weight": "balanced"}, ""),
        ({}, {"mixup": 0.2}, ""),  # which goes without weights
        ({"balanced_accuracy": 0.89}, {}, ""),
        ({"unbalanced": False}, {}, ""),
        ({"low": 0.4}, {}, "Try mlplab train with --class-weight balanced, a smaller learning rate"),
        ({"low": 0.4, "unbalanced": False}, {}, "Try a smaller learning rate"),
        ({"low": 0.4}, {"class_weight": "balanced"}, "Try a smaller learning rate"),
    ],
)
def test_weights_are_advised_where_they_may_help(changes, settings, said):
    bar = Bar("a", 0.5, unbalanced=True, accuracy=0.9, low=0.8, high=0.95, balanced_accuracy=0.7, macro_f1=0.7, only="")
    text = advice(dataclasses.replace(bar, **changes), Settings(**settings))
    assert text.startswith(said)
    assert bool(text) == bool(said)
