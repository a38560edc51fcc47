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
