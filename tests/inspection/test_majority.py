"""The majority-class baseline, held against scikit-learn."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics
from sklearn.dummy import DummyClassifier

from mlplab.inspection.examples import examples_of
from mlplab.inspection.majority import Baseline, advice, baseline_of, baseline_of_result, imbalance, warning_of
from mlplab.runs import Settings


def test_the_baseline_is_the_accuracy_of_always_naming_the_most_frequent_class(examples):
    baseline, counts = baseline_of(examples), np.bincount(examples.labels)
    nothing = np.zeros((len(examples), 1))
    assert baseline.share == DummyClassifier().fit(nothing, examples.labels).score(nothing, examples.labels)
    assert baseline.majority == examples.class_names[counts.argmax()]
    assert baseline.accuracy == metrics.accuracy_score(examples.labels, examples.predicted)
    balanced = metrics.balanced_accuracy_score(examples.labels, examples.predicted)
    assert baseline.balanced_accuracy == pytest.approx(balanced)
    assert baseline.macro_f1 == pytest.approx(metrics.f1_score(examples.labels, examples.predicted, average="macro"))
    assert bool(imbalance(baseline)) == baseline.unbalanced == (counts.max() >= 1.5 * counts.min())


def test_a_result_has_the_baseline_of_its_predictions(unbalanced_run):
    assert baseline_of_result(unbalanced_run.result) == baseline_of(examples_of(unbalanced_run, inputs=False))


def test_rows_of_one_class_have_no_baseline():
    baseline = baseline_of(examples_of(np.eye(3)[[0, 0, 1]], [0, 0, 0]))
    assert baseline is None
    assert (imbalance(baseline), warning_of(baseline), advice(baseline, Settings())) == ("", "", "")


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        ([0] * 10, "That is not clearly better than always naming the most frequent class, 0 (0.6000). It names 0 for"),
        ([1] * 10, "That is not clearly better"),  # of so few rows
        ([2] * 10, "That is worse than always naming the most frequent class, 0 (0.6000). It names 2 for every row."),
        ([0] * 6 + [1] * 4, ""),
    ],
)
def test_a_network_no_better_than_the_baseline_is_warned_of(predicted, said):
    baseline = baseline_of(examples_of(np.eye(3)[predicted], [0] * 6 + [1] * 4, class_names=["0", "1", "2"]))
    assert warning_of(baseline).startswith(said)
    assert baseline.is_beaten == (said == "")


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
    scores = {"accuracy": 0.9, "low": 0.8, "high": 0.95, "balanced_accuracy": 0.7, "macro_f1": 0.7}
    baseline = Baseline("a", 0.5, unbalanced=True, **scores, only="")
    text = advice(dataclasses.replace(baseline, **changes), Settings(**settings))
    assert text.startswith(said)
    assert bool(text) == bool(said)
