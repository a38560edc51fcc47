"""Logs of any kind are kept as JSON holds them, and read by name."""

import json

import numpy as np
import pytest

from mlplab import files, keras
from mlplab.runs import logs


@pytest.mark.parametrize(
    ("logged", "kept"),
    [
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([0.5, 1]), [0.5, 1.0]),
        (keras.ops.array([[1, 2]]), [[1, 2]]),
        (keras.Variable(0.25), 0.25),
        ("a note", "a note"),
        (None, None),
        ({"a": (np.float64(1.5), [np.int8(2)])}, {"a": [1.5, [2]]}),
        (1 + 2j, "(1+2j)"),
        (np.array(["a"], object), "['a']"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_logged_value_is_kept(logged, kept, tmp_path):
    epoch = logs.of_epoch(2, {"mine": logged})
    assert epoch == {"epoch": 2, "mine": kept}
    files.append_line(tmp_path / "metrics.jsonl", epoch)
    assert files.read_lines(tmp_path / "metrics.jsonl") == [epoch]
    assert json.dumps(epoch["mine"]) == json.dumps(kept)


def test_a_metric_that_some_epochs_lack_is_not_a_number_there():
    epochs = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "f1": 0.5}]
    history = logs.by_name(epochs)
    assert history["loss"] == [2.0, 1.0]
    np.testing.assert_array_equal(history["f1"], [np.nan, 0.5])


def test_medians_are_of_the_members_that_logged_a_number():
    members = [
        [{"epoch": 1, "loss": 1.0, "f1": [0.0, 1.0], "note": "a"}, {"epoch": 2, "loss": 4.0, "auc": 0.5}],
        [{"epoch": 1, "loss": 3.0, "f1": [1.0, 2.0], "note": "b"}],
    ]
    assert logs.medians(members) == [
        {"epoch": 1, "loss": 2.0, "f1": [0.5, 1.5]},
        {"epoch": 2, "loss": 4.0, "auc": 0.5},
    ]
    assert logs.medians([]) == []


def test_a_history_of_keras_has_no_epochs_for_lists_that_are_shorter():
    history = keras.callbacks.History()
    history.epoch, history.history = [0, 1], {"loss": [2.0, np.float32(1)], "val_loss": [3.0]}
    assert logs.of_history(history) == [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
