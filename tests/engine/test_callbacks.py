"""Callbacks that work by epochs do under mlplab what they do under Keras; those that need batches are refused."""

import csv
import re

import models
import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models

import mlplab
from mlplab import keras
from mlplab.errors import TrainingError, UsageError

callbacks = keras.callbacks
FEW_EPOCHS = 6


def overfitting():
    """A rate so high that the validation loss goes up and down."""
    return models.small(keras.optimizers.SGD(3.0))


def averaging():
    return models.small(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9))


BY_EPOCH = {
    "EarlyStopping": (overfitting, lambda: callbacks.EarlyStopping(patience=1, restore_best_weights=True)),
    "EarlyStopping at the end": (
        overfitting,
        lambda: callbacks.EarlyStopping(patience=50, restore_best_weights=True),
    ),
    "ReduceLROnPlateau": (overfitting, lambda: callbacks.ReduceLROnPlateau(patience=1, factor=0.1)),
    "LearningRateScheduler": (overfitting, lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)),
    "SwapEMAWeights": (averaging, lambda: callbacks.SwapEMAWeights()),
    "SwapEMAWeights on epochs": (averaging, lambda: callbacks.SwapEMAWeights(swap_on_epoch=True)),
    "a list": (overfitting, lambda: [callbacks.ReduceLROnPlateau(patience=1), callbacks.EarlyStopping(patience=2)]),
    "None": (overfitting, lambda: None),
}


@pytest.mark.parametrize("name", BY_EPOCH)
def test_history_and_weights_are_keras_under_the_same_callback(name, few, other):
    build, make = BY_EPOCH[name]
    results = []
    for fit in (keras.Model.fit, lambda *a, **k: mlplab.fit(*a, packed=False, **k)):
        model = build()
        shared = {"epochs": FEW_EPOCHS, "shuffle": False, "verbose": 0, "validation_data": other}
        results.append((model, fit(model, *few, callbacks=make(), **shared)))
    (theirs, expected), (ours, history) = results
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)
    if name in ("EarlyStopping", "a list"):
        assert len(history.epoch) < FEW_EPOCHS


def test_files_are_those_of_keras(tmp_path, few, other):
    for name, fit in (("theirs", keras.Model.fit), ("ours", mlplab.fit)):
        (tmp_path / name).mkdir()
        writers = [
            callbacks.CSVLogger(tmp_path / name / "log.csv"),
            callbacks.ModelCheckpoint(tmp_path / name / "{epoch}.weights.h5", save_weights_only=True),
            callbacks.ModelCheckpoint(tmp_path / name / "best.keras", monitor="val_loss", save_best_only=True),
        ]
        fit(overfitting(), *few, epochs=3, shuffle=False, verbose=0, callbacks=writers, validation_data=other)
    files = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == files
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("theirs", "ours")]
    tables = [list(csv.reader(log)) for log in logs]
    assert tables[0][0] == tables[1][0]
    np.testing.assert_allclose(*(np.array(table[1:], float) for table in tables), rtol=1e-5)
    weights = [keras.models.load_model(tmp_path / name / "best.keras").get_weights() for name in ("theirs", "ours")]
    for p, q in zip(*weights, strict=True):
        np.testing.assert_allclose(p, q, atol=1e-5)


def test_functions_are_called_in_the_order_of_keras(few, other):
    def recorder(calls):
        def record(name):
            return lambda *arguments: calls.append((name, *(a for a in arguments if isinstance(a, int))))

        hooks = ["train_begin", "train_end", "epoch_begin", "epoch_end", "test_begin", "test_end"]
        return callbacks.LambdaCallback(**{f"on_{hook}": record(hook) for hook in hooks})

    calls = [], []
    for recorded, fit in zip(calls, (keras.Model.fit, mlplab.fit), strict=True):
        fit(models.small(), *few, epochs=2, verbose=0, callbacks=[recorder(recorded)], validation_data=other)
    assert calls[0] == calls[1]


def exploding():
    return models.small(keras.optimizers.SGD(1e38))


def test_terminate_on_nan_stops_with_the_state_of_the_last_good_epoch(few, capsys):
    model = exploding()
    before = [v.numpy() for v in model.variables]
    history = mlplab.fit(model, *few, epochs=5, verbose=0, callbacks=callbacks.TerminateOnNaN())
    assert history.epoch == [0]
    assert "Invalid loss, terminating training" in capsys.readouterr().out
    for p, v in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(p, v.numpy())


def test_terminate_on_nan_raises_what_it_was_asked_to(few):
    with pytest.raises(RuntimeError, match="NaN or Inf loss"):
        mlplab.fit(exploding(), *few, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def test_a_loss_not_finite_raises_naming_the_epoch_and_keeps_the_last_good_state(few):
    kept = []

    def keep_and_explode(epoch, logs):
        kept[:] = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
        if epoch == 1:
            model.optimizer.learning_rate = 1e38
            kept[:] = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]

    model = models.small(keras.optimizers.SGD(0.1, momentum=0.5))
    with pytest.raises(TrainingError, match=r"epoch 3 .*as it was after epoch 2.*learning rate"):
        mlplab.fit(
            model, *few, epochs=5, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=keep_and_explode)]
        )
    # metrics were begun anew for the third epoch; all else is what it was
    metrics = {id(v) for v in model.metrics_variables}
    for p, v in zip(kept, [*model.variables, *model.optimizer.variables], strict=True):
        if id(v) not in metrics:
            np.testing.assert_array_equal(p, v.numpy())


class _OnBatch(callbacks.Callback):
    def on_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda path: callbacks.TensorBoard(path),
        lambda path: callbacks.BackupAndRestore(path),
        lambda path: callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        lambda path: callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: None),
        lambda path: callbacks.ModelCheckpoint(path / "x.keras", save_freq=10),
        lambda path: _OnBatch(),
    ],
    ids=["TensorBoard", "BackupAndRestore", "LambdaCallback", "LambdaCallback test", "ModelCheckpoint", "one's own"],
)
def test_callbacks_that_need_batches_are_refused_before_anything_is_trained(make, tmp_path, few):
    model = models.small()
    before = model.get_weights()[0]
    callback = make(tmp_path)
    with pytest.raises(UsageError, match=rf"{type(callback).__name__} .*every batch.*keras.Model.fit"):
        mlplab.fit(model, *few, verbose=0, callbacks=[callback])
    np.testing.assert_array_equal(before, model.get_weights()[0])


def test_what_is_no_callback_is_refused(few):
    with pytest.raises(UsageError, match=r"Callback objects; got function"):
        mlplab.fit(models.small(), *few, verbose=0, callbacks=[lambda: None])


def _form(text):
    """Printed lines without their numbers, and of a progress bar only how it ends."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m|\x08", "", text).splitlines() if line.strip()]
    lines = [line for line, after in zip(lines, [*lines[1:], ""], strict=False) if not ("━" in line and "━" in after)]
    return [re.sub(r"\d+(\.\d+(e-?\d+)?)?(m?s|us|μs)?", "0", line) for line in lines]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
@pytest.mark.parametrize("epochs", [1, 2])
def test_what_is_printed_has_the_form_of_what_keras_prints(verbose, epochs, few, other, capsys):
    printed = []
    for fit in (keras.Model.fit, mlplab.fit):
        fit(models.small(), *few, epochs=epochs, verbose=verbose, validation_data=other)
        printed.append(_form(capsys.readouterr().out))
    theirs, ours = printed
    assert ours == theirs
    if verbose == 2:
        assert len([line for line in ours if "loss" in line]) == epochs
