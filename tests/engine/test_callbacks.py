"""Callbacks that work by epochs do what they do under Keras."""

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
FEW_EPOCHS = 4


def overfitting():
    """A rate so high that the validation loss goes up and down."""
    return models.small(keras.optimizers.SGD(3.0))


@pytest.fixture(scope="module")
def pair():
    """One model for Keras and one for mlplab; what Keras compiled serves several tests."""
    return overfitting(), overfitting()


@pytest.fixture
def both(pair):
    """The pair with its first weights and learning rate, and how each is trained."""
    for model in pair:
        model.set_weights(overfitting().get_weights())
        model.optimizer.learning_rate = 3.0
    return zip(pair, (keras.Model.fit, lambda *a, **k: mlplab.fit(*a, packed=False, **k)), strict=True)


def assert_equal_under(make, both, few, other):
    (theirs, expected), (ours, history) = [
        (model, fit(model, *few, epochs=FEW_EPOCHS, shuffle=False, verbose=0, validation_data=other, callbacks=make()))
        for model, fit in both
    ]
    assert_equal_models(theirs, ours)
    assert_equal_histories(expected, history)
    return history


BY_EPOCH = {
    "EarlyStopping": lambda: callbacks.EarlyStopping(patience=1, restore_best_weights=True),
    "EarlyStopping at the end": lambda: callbacks.EarlyStopping(patience=50, restore_best_weights=True),
    "LearningRateScheduler": lambda: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "a list": lambda: [callbacks.ReduceLROnPlateau(patience=1, factor=0.1), callbacks.EarlyStopping(patience=2)],
}


@pytest.mark.parametrize("name", BY_EPOCH)
def test_history_and_weights_are_keras_under_the_same_callback(name, both, few, other):
    history = assert_equal_under(BY_EPOCH[name], both, few, other)
    if name == "EarlyStopping":
        assert len(history.epoch) < FEW_EPOCHS


@pytest.mark.slow
@pytest.mark.parametrize("by_epoch", [False, True])
def test_averaged_weights_are_swapped_as_keras_swaps_them(by_epoch, few, other):
    averaging = [models.small(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)) for _ in range(2)]
    fits = zip(averaging, (keras.Model.fit, lambda *a, **k: mlplab.fit(*a, packed=False, **k)), strict=True)
    assert_equal_under(lambda: callbacks.SwapEMAWeights(swap_on_epoch=by_epoch), fits, few, other)


def test_files_are_those_of_keras(tmp_path, both, few, other):
    for name, (model, fit) in zip(("theirs", "ours"), both, strict=True):
        (tmp_path / name).mkdir()
        writers = [
            callbacks.CSVLogger(tmp_path / name / "log.csv"),
            callbacks.ModelCheckpoint(tmp_path / name / "{epoch}.weights.h5", save_weights_only=True),
            callbacks.ModelCheckpoint(tmp_path / name / "best.keras", monitor="val_loss", save_best_only=True),
        ]
        fit(model, *few, epochs=3, shuffle=False, verbose=0, callbacks=writers, validation_data=other)
    files = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == files
    logs = [(tmp_path / name / "log.csv").read_text().splitlines() for name in ("theirs", "ours")]
    tables = [list(csv.reader(log)) for log in logs]
    assert tables[0][0] == tables[1][0]
    np.testing.assert_allclose(*(np.array(table[1:], float) for table in tables), rtol=1e-5)
    weights = [keras.models.load_model(tmp_path / name / "best.keras").get_weights() for name in ("theirs", "ours")]
    for p, q in zip(*weights, strict=True):
        np.testing.assert_allclose(p, q, atol=1e-5)


def test_functions_are_called_in_the_order_of_keras(both, few, other):
    hooks = ["train_begin", "train_end", "epoch_begin", "epoch_end", "test_begin", "test_end"]

    def recorder(calls):
        def record(name):
            return lambda *arguments: calls.append((name, *(a for a in arguments if isinstance(a, int))))

        return callbacks.LambdaCallback(**{f"on_{hook}": record(hook) for hook in hooks})

    calls = [], []
    for recorded, (model, fit) in zip(calls, both, strict=True):
        fit(model, *few, epochs=2, verbose=0, callbacks=[recorder(recorded)], validation_data=other)
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


def test_terminate_on_nan_raises_its_own_error_with_raise_error(few):
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
    with pytest.raises(
        TrainingError, match=r"epoch 3 .*as it was after epoch 2.*learning rate.*clipnorm=1\.0 in the optimizer"
    ):
        mlplab.fit(
            model, *few, epochs=5, verbose=0, callbacks=[callbacks.LambdaCallback(on_epoch_end=keep_and_explode)]
        )
    # metrics are reset for the third epoch; all else is as after the second
    metrics = {id(v) for v in model.metrics_variables}
    for p, v in zip(kept, [*model.variables, *model.optimizer.variables], strict=True):
        if id(v) not in metrics:
            np.testing.assert_array_equal(p, v.numpy())


def test_a_function_instead_of_a_callback_is_refused(few):
    with pytest.raises(UsageError, match=r"Callback objects; got function"):
        mlplab.fit(models.small(), *few, verbose=0, callbacks=[lambda: None])


def _form(text):
    """Printed lines without their numbers, and of a progress bar only how it ends."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m|\x08", "", text).splitlines() if line.strip()]
    lines = [line for line, after in zip(lines, [*lines[1:], ""], strict=False) if not ("━" in line and "━" in after)]
    return [re.sub(r"\d+(\.\d+(e-?\d+)?)?(m?s|us|μs)?", "0", line) for line in lines]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_what_is_printed_has_the_form_of_what_keras_prints(verbose, both, few, other, capsys):
    printed = []
    for model, fit in both:
        fit(model, *few, epochs=2, verbose=verbose, validation_data=other)
        printed.append(_form(capsys.readouterr().out))
    theirs, ours = printed
    assert ours == theirs
    if verbose == 2:
        assert len([line for line in ours if "loss" in line]) == 2


@pytest.mark.slow
def test_a_change_made_by_a_callback_counts_from_the_next_epoch(few):
    """The step is compiled again where a callback changes a number that is a constant in it."""
    model, unchanged = models.dropout(), models.dropout()
    change = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model.layers[2], "rate", 0.0))
    mlplab.fit(model, *few, epochs=2, seed=1, verbose=0, callbacks=[change])
    mlplab.fit(unchanged, *few, epochs=1, seed=1, verbose=0)
    unchanged.layers[2].rate = 0.0
    mlplab.fit(unchanged, *few, epochs=1, seed=1, verbose=0)
    assert_equal_models(model, unchanged)


def test_terminate_on_nan_takes_data_that_are_not_finite(few):
    x, y = few[0].copy(), few[1]
    x[0] = np.nan
    model = models.small()
    history = mlplab.fit(model, x, y, epochs=3, verbose=0, callbacks=callbacks.TerminateOnNaN())
    assert history.epoch == [0]
    assert model.stop_training
