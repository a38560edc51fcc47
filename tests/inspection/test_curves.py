"""Curves of a run and of a History."""

import numpy as np
import pytest

import mlplab
from mlplab.errors import UsageError


def test_of_a_run(digits_run):
    table = mlplab.show_curves(digits_run)
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table["val_loss"].tolist() == digits_run.history["val_loss"]
    loss, accuracy = table.figure.axes
    assert [loss.get_title(), accuracy.get_title()] == ["loss", "accuracy"]
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), digits_run.history["val_loss"])


def test_of_a_history(digits):
    model = mlplab.mlp((8, 8), 10, [4], seed=0)
    model.compile(loss="sparse_categorical_crossentropy", optimizer="sgd")
    history = mlplab.fit(model, digits.train.images / 16.0, digits.train.labels, epochs=4, initial_epoch=2, verbose=0)
    table = mlplab.show_curves(history)
    assert table["epoch"].tolist() == [3, 4]
    assert table["loss"].tolist() == history.history["loss"]
    assert len(table.figure.axes) == 1


def test_what_is_no_history_is_refused(digits_run):
    with pytest.raises(UsageError, match="Give a run, or the History"):
        mlplab.show_curves([1, 2, 3])
