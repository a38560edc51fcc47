"""The confusion matrix and the most confused classes, held against scikit-learn."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

import mlplab
from mlplab.errors import UsageError
from mlplab.inspection.confusion import confusion, most_confused
from mlplab.inspection.examples import examples_of


@pytest.mark.parametrize("normalize", [None, "true", "pred"])
def test_the_matrix_is_scikit_learns(examples, normalize):
    table = confusion(examples, normalize)
    classes = len(examples.class_names)
    counts = confusion_matrix(examples.labels, examples.predicted, labels=range(classes))
    shares = confusion_matrix(examples.labels, examples.predicted, labels=range(classes), normalize=normalize or "all")
    assert (table["count"].reshape(classes, classes) == counts).all()
    np.testing.assert_allclose(np.nan_to_num(table["share"]).reshape(classes, classes), shares)
    frequent = int(counts.sum(0).argmax())
    rows = counts.sum() if normalize is None else counts.sum(1 if normalize == "true" else 0)[frequent]
    interval = binomtest(int(counts[frequent, frequent]), int(rows)).proportion_ci(0.95, method="wilson")
    got = (table[name].reshape(classes, classes)[frequent, frequent] for name in ("share_low", "share_high"))
    assert tuple(got) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert table["true"].reshape(classes, classes)[:, 0].tolist() == list(examples.class_names)


def test_the_most_confused_come_first(examples):
    table = most_confused(examples)
    rows = table.rows()
    assert [row["count"] for row in rows] == sorted(table["count"], reverse=True)
    assert table["count"].sum() == (~examples.correct).sum()
    for row in rows[:5]:
        true, predicted = (examples.class_names.index(row[name]) for name in ("true", "predicted"))
        assert row["count"] == ((examples.labels == true) & (examples.predicted == predicted)).sum()
        assert row["share"] == pytest.approx(row["count"] / (examples.labels == true).sum())
        assert row["share_low"] < row["share"] < row["share_high"]
    assert (most_confused(examples, min_count=3)["count"] >= 3).all()
    with pytest.raises(UsageError, match="min_count must be a whole number of at least 0; got '3'"):
        most_confused(examples, min_count="3")


def test_without_confused_rows_the_table_is_empty():
    table = most_confused(examples_of(np.eye(3), [0, 1, 2]))
    assert len(table) == 0
    assert repr(table).startswith("Most confused classes")


def test_an_unknown_normalization_is_refused():
    with pytest.raises(UsageError, match=r"Unknown normalization 'rows'.*Known: pred, true"):
        mlplab.show_confusion(np.eye(2), [0, 1], normalize="rows")


@pytest.mark.parametrize("normalize", [None, "true", "pred"])
def test_of_many_classes_the_figure_has_the_most_confused(normalize, tmp_path):
    labels = np.arange(300) % 150
    predicted = np.where(labels < 30, 29 - labels, labels)  # 30 classes are confused in pairs
    table = confusion(examples_of(np.eye(150)[predicted], labels), normalize)
    assert table["count"].sum() == 300
    assert len(table) == 150
    axes = table.figure.axes[0]
    assert axes.get_title().replace("\n", " ") == "The 25 of 150 classes that are confused most"
    assert {text.get_text() for text in axes.texts} <= ({"2"} if normalize is None else {"100.0"})


@pytest.mark.parametrize("classes", [1, 40])
def test_figures_of_any_number_of_classes(classes, tmp_path):
    """Cells have numbers up to 25 classes, and colours alone beyond."""
    rng = np.random.default_rng(0)
    labels = rng.integers(classes, size=200)
    table = confusion(examples_of(rng.dirichlet(np.ones(classes), 200), labels))
    assert table.save(tmp_path / "matrix.png").stat().st_size > 1000
    assert len(table.figure.axes[0].texts) == (1 if classes == 1 else 0)
