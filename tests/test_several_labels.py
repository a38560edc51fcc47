"""Several labels a row are refused by name wherever labels are taken; one label a row may be one-hot."""

import numpy as np
import pytest

import mlplab
from mlplab.errors import DataError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
PROBABILITIES = RNG.dirichlet(np.ones(3), 60)
CLASSES = RNG.integers(3, size=60)
ONE_HOT = np.eye(3)[CLASSES]
MULTI_HOT = np.maximum(ONE_HOT, np.eye(3)[RNG.integers(3, size=60)])
NONE = ONE_HOT * (np.arange(60) != 7)[:, None]
SOFT = 0.9 * ONE_HOT + 0.1 / 3

INSPECTIONS = {
    "score": mlplab.score,
    "classification_report": mlplab.classification_report,
    "show_confusion": mlplab.show_confusion,
    "most_confused": mlplab.most_confused,
    "show_calibration": mlplab.show_calibration,
    "show_failures": mlplab.show_failures,
    "find_label_errors": mlplab.find_label_errors,
    "compare": lambda p, y: mlplab.compare({"a": p, "b": p[:, ::-1]}, y),
}
TRAININGS = {
    "load": mlplab.load,
    "train": mlplab.train,
    "save_run": lambda data: mlplab.save_run(compiled(), data),
    "tune": lambda data: mlplab.tune(data, trials=2),
    "find_learning_rate": mlplab.find_learning_rate,
    "learning_curve": mlplab.learning_curve,
    "baselines": mlplab.baselines,
}


def compiled():
    model = mlplab.mlp((5,), 3, [])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """Change to an empty folder, and check that what is refused writes nothing."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", INSPECTIONS.values(), ids=INSPECTIONS)
@pytest.mark.parametrize("dtype", [bool, int, np.float32])
def test_several_labels_a_row_are_refused_by_name(function, dtype):
    row = int((MULTI_HOT.sum(1) != 1).argmax())
    with pytest.raises(
        DataError, match=f"one class a row. Got 2 of 3 in row {row}. Several labels a row: .*mlplab.fit"
    ):
        function(PROBABILITIES, MULTI_HOT.astype(dtype))
    with pytest.raises(DataError, match="Got 0 of 3 in row 7"):
        function(PROBABILITIES, NONE.astype(dtype))


@pytest.mark.parametrize("labels", [SOFT, 2 * ONE_HOT, ONE_HOT.astype(str)], ids=["soft", "of 2s", "text"])
def test_rows_of_other_numbers_are_refused(labels):
    for function in INSPECTIONS.values():
        with pytest.raises(DataError, match=r"each of a single 1 and zeros\. Got .* train it with mlplab\.fit"):
            function(PROBABILITIES, labels)


def test_one_hot_rows_are_class_numbers():
    assert mlplab.score(PROBABILITIES, ONE_HOT).rows() == mlplab.score(PROBABILITIES, CLASSES).rows()


@pytest.mark.parametrize("function", TRAININGS.values(), ids=TRAININGS)
def test_data_with_several_labels_a_row_is_refused_by_name(function):
    with pytest.raises(DataError, match=r"Got 2 of 3 in row .* Several labels a row: train it with mlplab\.fit"):
        function(((X, MULTI_HOT), (X, MULTI_HOT)))
