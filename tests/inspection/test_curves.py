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


def test_of_a_history_with_metrics_of_some_epochs():
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = mlplab.fit(model, x, y, epochs=4, initial_epoch=1, validation_data=(x, y), validation_freq=2, verbose=0)
    table = mlplab.show_curves(history)
    assert table["epoch"].tolist() == [2, 3, 4]
    np.testing.assert_array_equal(np.isnan(table["val_loss"]), [False, True, False])
    np.testing.assert_array_equal(
        table.figure.axes[0].lines[1].get_xydata(), [*zip([2, 4], history.history["val_loss"], strict=True)]
    )


def test_of_a_population_whose_members_logged_different_metrics(drawn_run, tmp_path):
    run = mlplab.Run(shutil.copytree(drawn_run.path, tmp_path / "run"))
    lines = [{"epoch": 1, "loss": 2.0, "f1": [0.5, 0.5], "note": "a"}, {"epoch": 2, "loss": 1.0, "auc": 0.5}]
    (run.path / "metrics.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in lines))
    table = mlplab.show_curves(run)
    assert list(table.columns) == ["epoch", "loss", "auc"]
    np.testing.assert_array_equal(table["auc"], [np.nan, 0.5])
    assert table.figure is not None


def test_other_objects_are_refused():
    with pytest.raises(UsageError, match="Give a run, or the History"):
        mlplab.show_curves([1, 2, 3])
