"""With thousands of classes, tables and pages take the cells of the confusion matrix that are not empty."""

import numpy as np

import mlplab
from mlplab.inspection.confusion import matrix_of_most_confused
from mlplab.inspection.examples import examples_of

CLASSES = 1500
LABELS = np.arange(CLASSES)
PREDICTED = np.where(LABELS % 3 == 0, (LABELS + 1) % CLASSES, LABELS)


def test_confusions_of_many_classes():
    predictions = np.eye(CLASSES, dtype=np.float32)[PREDICTED]
    confused = mlplab.most_confused(predictions, LABELS)
    assert len(confused["count"]) == CLASSES // 3
    assert (confused["share"] == 1).all()
    table = mlplab.show_confusion(predictions, LABELS)
    assert len(table["count"]) == CLASSES
    assert table["count"].sum() == CLASSES
    assert len(table.figure.axes[0].get_xticks()) == 25
    shown = matrix_of_most_confused(examples_of(predictions, LABELS))
    assert shown["classes"].tolist() == [label for label in range(40) if label % 3 < 2][:25]
    rows = shown["classes"] % 3 == 0
    assert (shown["counts"].diagonal() == ~rows).all()
    assert shown["counts"].sum() == 25 - (shown["classes"][-1] % 3 == 0)


def test_intervals_contain_the_scores_also_where_each_class_has_one_row():
    """A resample lacks the rows of every third class, so that its means have a bias."""
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(500), 500)
    probabilities[np.arange(500), np.arange(500)] += rng.random(500) < 0.6
    table = mlplab.score(probabilities / probabilities.sum(1, keepdims=True), np.arange(500))
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    (accuracy, balanced), rows = (table["value"][:2], table.rows())
    assert accuracy == balanced
    width = [row["high"] - row["low"] for row in rows[:2]]
    assert 0.7 * width[0] < width[1] < 1.3 * width[0]  # the same score, so about the same interval
