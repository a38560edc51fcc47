"""Simple methods, compared with direct calls of scikit-learn."""

import re

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import mlplab
from mlplab.experiments.baselines import baselines_of, compare_with_baselines
from mlplab.inspection.examples import examples_of


@pytest.fixture(autouse=True)
def cache_of_this_test(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "baselines"


def test_the_results_are_those_of_scikit_learn(digits):
    x, x_test = (part.images.reshape(len(part), -1) / np.float32(16) for part in (digits.train, digits.test))
    y, y_test = digits.train.labels, digits.test.labels
    table = {row["method"]: row for row in mlplab.baselines("digits")}
    assert table["majority class"]["accuracy"] == (y_test == np.bincount(y).argmax()).mean()
    logistic = LogisticRegression(C=0.1, tol=1e-3).fit(x, y)
    assert table["logistic regression"]["accuracy"] == logistic.score(x_test, y_test)
    assert table["nearest neighbours"]["accuracy"] == KNeighborsClassifier(5).fit(x, y).score(x_test, y_test)
    given = logistic.predict_proba(x_test)[np.arange(len(y_test)), y_test]
    assert table["logistic regression"]["log_loss"] == pytest.approx(-np.log(given).mean(), rel=1e-6)
    assert {row["training_rows"] for row in table.values()} == {len(y)}


def test_beside_a_network(digits_run, digits):
    table = mlplab.baselines(digits_run)
    row = next(row for row in table if row["method"] == "nearest neighbours")
    test = digits_run.predictions("test")
    network = test.probabilities.argmax(1) == test.label
    simple = next(b for b in baselines_of(digits) if b.method == "nearest neighbours").predicted == test.label
    assert row["difference"] == pytest.approx(network.mean() - simple.mean())
    counts = int((network & ~simple).sum()), int((simple & ~network).sum())
    assert row["p_value"] == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert row["difference_low"] <= row["difference"] <= row["difference_high"]
    # On digits, nearest neighbours are better than a network of 16 units after three epochs.
    assert "worse than the best simple method, nearest neighbours" in table.title
    assert "does not earn its cost" in table.title
    assert re.search(r"interval −\d+\.\d to −\d", table.title)


def test_the_results_are_computed_once_for_a_data_set(digits, cache_of_this_test, caplog):
    caplog.set_level("INFO", "mlplab")
    first = baselines_of(digits)
    assert "once for a data set" in caplog.text
    caplog.clear()
    again = baselines_of(digits)
    assert not caplog.text
    for one, other in zip(first, again, strict=True):
        assert (one.method, one.seconds, one.training_rows) == (other.method, other.seconds, other.training_rows)
        assert (one.predicted == other.predicted).all()
    kept = next(cache_of_this_test.glob("*.npz"))
    kept.write_bytes(b"damaged")
    assert [one.method for one in baselines_of(digits)] == [one.method for one in first]
    assert "is damaged. It is written again." in caplog.text


def test_other_labels_are_another_data_set(digits, cache_of_this_test):
    baselines_of(digits)
    labels = digits.train.labels[::-1].copy()
    other = mlplab.load(((digits.train.images, labels), (digits.test.images, digits.test.labels)))
    assert not (baselines_of(other)[2].predicted == baselines_of(digits)[2].predicted).all()
    assert len(list(cache_of_this_test.glob("*.npz"))) == 2


@pytest.mark.slow
def test_a_run_of_few_labels_is_compared_with_methods_trained_on_the_same(digits, tmp_path):
    run = mlplab.train("digits", hidden=[8], epochs=1, labelled=60, verbose=0, out=tmp_path / "run")
    rows = np.load(run.path / "split.npz")["train"]
    table = {row["method"]: row for row in mlplab.baselines(run)}
    x, x_test = (part.images.reshape(len(part), -1) / np.float32(16) for part in (digits.train, digits.test))
    near = KNeighborsClassifier(5).fit(x[rows], digits.train.labels[rows])
    assert table["nearest neighbours"]["accuracy"] == near.score(x_test, digits.test.labels)
    assert table["nearest neighbours"]["training_rows"] == 60


def test_features_a_single_class_and_many_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (600, 12)).astype(np.float32)
    for labels in (np.zeros(600, int), np.arange(600) % 2, np.arange(600) % 100):
        data = mlplab.load(((x[:400], labels[:400]), (x[400:], labels[:200])))
        table = mlplab.baselines(data)
        assert len(table) == (2 if labels.max() == 0 else 3)
        assert np.isfinite(table["accuracy"]).all()


def test_a_folder_that_cannot_be_written_is_no_error(digits, cache_of_this_test, caplog):
    caplog.set_level("INFO", "mlplab")
    cache_of_this_test.parent.mkdir(parents=True, exist_ok=True)
    cache_of_this_test.write_text("a file in the way")
    assert len(baselines_of(digits)) == 3
    assert "will be computed again next time" in caplog.text


def test_a_feature_that_is_constant_in_training_does_not_dominate():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    x = np.stack([labels + rng.normal(0, 0.1, 200), np.full(200, 0.1)], 1).astype(np.float32)
    x_test = x.copy()
    x_test[::2, 1] = 0.2
    table = {row["method"]: row for row in mlplab.baselines(((x, labels), (x_test, labels)))}
    assert table["nearest neighbours"]["accuracy"] == 1


def test_a_network_that_is_right_on_the_same_rows_has_no_interval():
    x, labels = np.arange(80).reshape(20, 4).astype(np.float32), np.zeros(20, int)
    network = examples_of(np.ones((20, 1)), labels, class_names=["only"])
    table = compare_with_baselines(network, mlplab.load(((x, labels), (x, labels))))
    assert table.title.startswith("Right on the same of 20 test rows as the best simple method, majority class")
