"""Curves of a run and of a Keras History."""

import json
import shutil

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.errors import UsageError


def test_of_a_run(drawn_run, tmp_path):
    epochs = [
        {"epoch": n, "loss": 1 / n, "accuracy": 1 - 1 / n, "val_loss": 2 / n, "val_accuracy": 0.5} for n in (1, 2, 3)
    ]
    run = mlplab.Run(shutil.copytree(drawn_run.path, tmp_path / "run"))
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    table = mlplab.show_curves(run)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["val_loss"].tolist() == [2, 1, 2 / 3]
    loss, accuracy = table.figure.axes
    assert [loss.get_title(), accuracy.get_title()] == ["loss", "accuracy"]
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), table["val_loss"])


def test_of_a_history():
    history = keras.callbacks.History()
    history.epoch, history.history = [2, 3], {"loss": [0.5, 0.4]}
    table = mlplab.show_curves(history)
    assert table["epoch"].tolist() == [3, 4]
    assert table["loss"].tolist() == [0.5, 0.4]
    assert len(table.figure.axes) == 1


def test_other_objects_are_refused():
    with pytest.raises(UsageError, match="Give a run, or the History"):
        mlplab.show_curves([1, 2, 3])
