"""Scores against scikit-learn, intervals against SciPy and a bootstrap over rows."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics

import mlplab
from mlplab.inspection.classification import classification_report, score
from mlplab.inspection.examples import examples_of


def values(table, name):
    return {row["metric"]: row[name] for row in table}


def test_scores_are_scikit_learns(examples):
    labels, probabilities, predicted = examples.labels, examples.probabilities.astype(np.float64), examples.predicted
    probabilities /= probabilities.sum(1, keepdims=True)
    classes = np.arange(probabilities.shape[1])
    macro = metrics.precision_recall_fscore_support(labels, predicted, average="macro", zero_division=0)
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "balanced accuracy": metrics.balanced_accuracy_score(labels, predicted),
        "log-loss": metrics.log_loss(labels, probabilities, labels=classes),
        "Brier score": metrics.brier_score_loss(labels, probabilities, labels=classes, scale_by_half=False),
        "macro precision": macro[0],
        "macro recall": macro[1],
        "macro F1": macro[2],
    }
    for k in (2, 3, 5):
        if k < len(classes):
            top = metrics.top_k_accuracy_score(labels, examples.probabilities, k=k, labels=classes)
            expected[f"top-{k} accuracy"] = top
    table = score(examples)
    assert values(table, "value") == pytest.approx(expected, abs=2e-6)
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()


@pytest.mark.parametrize("classes", [7, 1000])
def test_of_equally_probable_classes_the_later_is_the_more_probable_as_in_scikit_learn(classes):
    rng = np.random.default_rng(0)
    probabilities = rng.integers(1, 4, (40, classes)).astype(np.float64)  # hundreds of a thousand are equal
    labels = rng.integers(0, classes, 40)
    labels[:10] = classes - 1
    probabilities[10:20, classes - 1] = 9
    probabilities /= probabilities.sum(1, keepdims=True)
    top = values(score(probabilities, labels, class_names=list(map(str, range(classes)))), "value")
    for k in (2, 3, 5):
        expected = metrics.top_k_accuracy_score(labels, probabilities, k=k, labels=np.arange(classes))
        assert top[f"top-{k} accuracy"] == expected
    assert top["top-2 accuracy"] > 0


def test_scores_of_classes_are_scikit_learns(examples):
    classes = range(len(examples.class_names))
    expected = metrics.precision_recall_fscore_support(
        examples.labels, examples.predicted, labels=classes, zero_division=np.nan
    )
    table = classification_report(examples)
    for name, values in zip(("precision", "recall", "f1", "n"), expected, strict=True):
        np.testing.assert_allclose(table[name], values, err_msg=name)
    wilson = binomtest(round(table["recall"][0] * table["n"][0]), table["n"][0]).proportion_ci(0.95, "wilson")
    assert (table["recall_low"][0], table["recall_high"][0]) == pytest.approx((wilson.low, wilson.high), abs=1e-6)


def test_intervals_of_f1_are_those_of_resampled_rows(examples):
    """Drawing from the cells of the confusion matrix is the same as drawing rows."""
    rng = np.random.default_rng(7)
    n, classes = len(examples), range(len(examples.class_names))
    draws = []
    for _ in range(250):
        rows = rng.integers(n, size=n)
        pair = examples.labels[rows], examples.predicted[rows]
        draws.append(metrics.f1_score(*pair, labels=classes, average=None, zero_division=np.nan))
    low, high = np.nanpercentile(draws, (2.5, 97.5), axis=0)
    table = classification_report(examples)
    width = high - low
    assert (np.abs(table["f1_low"] - low) < 0.3 * width + 1e-9).all()
    assert (np.abs(table["f1_high"] - high) < 0.3 * width + 1e-9).all()


def test_classes_without_rows_or_predictions_are_told_apart():
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.4, 0.6, 0.0]])
    table = classification_report(examples_of(probabilities, [0, 0, 0]))
    assert table["n"].tolist() == [3, 0, 0]
    assert np.isnan(table["recall"]).tolist() == [False, True, True]
    assert np.isnan(table["precision"]).tolist() == [False, False, True]
    assert table.rows()[2]["f1"] is None
    assert values(score(examples_of(probabilities, [0, 0, 0])), "value")["macro F1"] == pytest.approx(0.4)


@pytest.mark.parametrize("classes", [1, 2, 300])
def test_any_number_of_classes(classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=300)
    examples = examples_of(rng.dirichlet(np.ones(classes), 300), labels, class_names=tuple(map(str, range(classes))))
    table = classification_report(examples)
    assert len(table) == classes
    assert len(score(examples)) >= 6
    assert table.figure is not None


def test_a_run_and_its_arrays_have_the_same_scores(drawn_run):
    test = drawn_run.predictions("test")
    assert mlplab.score(drawn_run).rows() == mlplab.score(test.probabilities, test.label).rows()
    names = drawn_run.class_names
    report = mlplab.classification_report(test.probabilities, test.label, class_names=names)
    assert report["class"].tolist() == list(names)
