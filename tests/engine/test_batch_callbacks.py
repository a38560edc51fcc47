"""Callbacks that see every batch are called as by Keras, with the same logs; others leave whole epochs in one call."""

import logging
import threading

import jax
import models
import numpy as np
import pytest
from against import assert_equal_histories, assert_equal_models

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource
from mlplab.engine.callbacks import sees_batches
from mlplab.engine.ordered_source import OrderedSource
from mlplab.engine.predict import _parts

pytestmark = pytest.mark.slow

callbacks = keras.callbacks


def plain_fit(model, *data, **arguments):
    return mlplab.fit(model, *data, packed=False, **arguments)


FITS = (keras.Model.fit, plain_fit)


class Recorder(callbacks.Callback):
    """Writes down every call, with its number and logs."""

    def __init__(self):
        super().__init__()
        self.calls, self.logs = [], []


def _record(name):
    def method(self, *arguments, logs=None):
        number = [a for a in arguments if isinstance(a, int)]
        logs = next((a for a in arguments if isinstance(a, dict)), logs) or {}
        self.calls.append((name, *number, sorted(logs)))
        self.logs += [np.asarray(logs[key]) for key in sorted(logs)]

    return method


for _mode in ("train", "test", "predict"):
    for _when in ("begin", "end", "batch_begin", "batch_end"):
        setattr(Recorder, f"on_{_mode}_{_when}", _record(f"{_mode}_{_when}"))
for _when in ("begin", "end"):
    setattr(Recorder, f"on_epoch_{_when}", _record(f"epoch_{_when}"))


def assert_equal_records(theirs, ours):
    assert ours.calls == theirs.calls
    for p, q in zip(theirs.logs, ours.logs, strict=True):
        np.testing.assert_allclose(q, p, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("build", [models.small, pytest.param(models.custom_train_step, marks=pytest.mark.slow)])
def test_calls_and_logs_of_fit_are_those_of_keras(build, uneven, other):
    records, trained = [], []
    for fit in FITS:
        records.append(Recorder())
        model = build()
        common = {"epochs": 2, "shuffle": False, "verbose": 0, "validation_data": other, "validation_freq": [2]}
        trained.append(fit(model, *uneven, callbacks=[records[-1]], **common))
    assert_equal_records(*records)
    assert_equal_models(*[history.model for history in trained])
    for name, values in trained[0].history.items():
        np.testing.assert_allclose(trained[1].history[name], values, rtol=2.4e-7, err_msg=name)


def test_calls_of_evaluate_and_predict_are_those_of_keras(uneven):
    model, (theirs, ours) = models.small(), (Recorder(), Recorder())
    x, y = uneven
    model.evaluate(x, y, verbose=0, callbacks=[theirs])
    model.predict(x, verbose=0, callbacks=[theirs])
    mlplab.evaluate(model, x, y, verbose=0, callbacks=[ours])
    predicted = mlplab.predict(model, x, verbose=0, callbacks=[ours])
    assert_equal_records(theirs, ours)
    np.testing.assert_array_equal(predicted, mlplab.predict(model, x, verbose=0))


class Rates(callbacks.Callback):
    """A learning rate for each batch, read and set in the model."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.model.optimizer.learning_rate = 0.1 / (1 + batch)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.iterations))
        if batch == 3:
            self.model.layers[-1].bias.assign(np.arange(10.0))


def test_a_callback_sees_the_model_after_each_step_and_may_change_it(few):
    trained, seen = [], []
    for fit in FITS:
        rates = Rates()
        trained.append(fit(models.small("sgd"), *few, epochs=2, shuffle=False, verbose=0, callbacks=[rates]).model)
        seen.append(rates.seen)
    assert_equal_models(*trained)
    assert seen[0] == seen[1] == list(range(1, 13))


class StopAt(callbacks.Callback):
    """Sets `stop_training` in one of the methods."""

    def __init__(self, method, at=None):
        super().__init__()
        setattr(self, method, lambda number=None, logs=None: self._stop(number, at))

    def _stop(self, number, at):
        if number == at:
            self.model.stop_training = True


STOPS = {
    "on_train_begin": lambda: StopAt("on_train_begin"),
    "on_epoch_begin": lambda: StopAt("on_epoch_begin", 1),
    "on_train_batch_begin": lambda: StopAt("on_train_batch_begin", 2),
    "on_train_batch_end": lambda: StopAt("on_train_batch_end", 3),
    "on_test_begin": lambda: StopAt("on_test_begin"),
    "on_epoch_end": lambda: StopAt("on_epoch_end", 1),
}


@pytest.mark.parametrize("method", STOPS)
def test_training_that_is_stopped_has_the_logs_and_weights_of_keras(method, few, other):
    common = {"epochs": 4, "shuffle": False, "verbose": 0, "validation_data": other}
    histories = [fit(models.small(), *few, callbacks=[STOPS[method]()], **common) for fit in FITS]
    assert_equal_histories(*histories)
    assert_equal_models(*[history.model for history in histories])
    assert len({len(values) for values in histories[1].history.values()}) == 1


def test_a_timer_stops_training_within_an_epoch_and_leaves_complete_logs(few, other):
    model = models.small()
    rows = np.tile(np.arange(len(few[0])), 20_000)  # an epoch of several seconds
    timer = threading.Timer(0.1, lambda: setattr(model, "stop_training", True))
    stop = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: timer.start())
    source = ArraySource(*few, subset=rows)
    history = mlplab.fit(model, source, epochs=2, verbose=0, callbacks=[stop], validation_data=other)
    assert 0 < model.optimizer.iterations < source.steps
    assert {len(values) for values in history.history.values()} == {len(history.epoch)} == {1}


def test_predicted_batches_are_taken_from_arrays_on_the_device(few):
    source = OrderedSource(few[0])
    parts = list(_parts(source, by_batch=True))
    arrays = {id(leaf): leaf for part in parts for leaf in jax.tree.leaves(part.segment.arrays)}.values()
    assert len(parts) == 6
    assert len(arrays) == len(list(source.segments(0)))
    assert all(isinstance(array, jax.Array) for array in arrays)


def test_evaluation_and_prediction_stop_where_a_callback_stops_them(few):
    class Stop(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 1

    model = models.small()
    ours = mlplab.evaluate(model, *few, verbose=0, callbacks=[Stop()])
    np.testing.assert_allclose(ours, model.evaluate(*few, verbose=0, callbacks=[Stop()]), rtol=1e-6)
    assert len(mlplab.predict(model, few[0], verbose=0, callbacks=[Stop()])) == 64


def test_model_checkpoints_by_batch_are_those_of_keras(tmp_path, few):
    for name, fit in zip(("theirs", "ours"), FITS, strict=True):
        path = tmp_path / name / "{epoch}-{batch}.weights.h5"
        saved = callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=4)
        fit(models.small(), *few, epochs=2, shuffle=False, verbose=0, callbacks=[saved])
    files = sorted(path.name for path in (tmp_path / "theirs").iterdir())
    assert sorted(path.name for path in (tmp_path / "ours").iterdir()) == files
    for file in files:
        weights = []
        for name in ("theirs", "ours"):
            model = models.small()
            model.optimizer.build(model.trainable_variables)
            model.load_weights(tmp_path / name / file)
            weights.append(model)
        assert_equal_models(*weights)


class _Crash(callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise OSError("the power is gone")


@pytest.mark.parametrize("save_freq", ["epoch", 4])
def test_backup_and_restore_continues_a_training_that_broke(save_freq, tmp_path, few):
    histories = []
    for name, fit in zip(("theirs", "ours"), FITS, strict=True):
        common = {"epochs": 4, "shuffle": False, "verbose": 0}
        backup = callbacks.BackupAndRestore(tmp_path / name, save_freq=save_freq)
        with pytest.raises(OSError, match="the power is gone"):
            fit(models.small(), *few, **common, callbacks=[backup, _Crash()])
        backup = callbacks.BackupAndRestore(tmp_path / name, save_freq=save_freq)
        histories.append(fit(models.small(), *few, **common, callbacks=[backup]))
        assert not (tmp_path / name).exists()
    assert_equal_models(*[history.model for history in histories])
    assert_equal_histories(*histories)
    if save_freq == "epoch":
        whole = plain_fit(models.small(), *few, **common)
        assert_equal_models(whole.model, histories[1].model)
        assert histories[1].history["loss"] == whole.history["loss"][2:]


def test_a_list_of_callbacks_made_by_the_user_is_taken_as_it_is(few):
    model, recorder = models.small(), Recorder()
    listed = callbacks.CallbackList([recorder], add_history=True, model=model, epochs=2, steps=6, verbose=0)
    history = mlplab.fit(model, *few, epochs=2, verbose=0, callbacks=listed)
    assert history is model.history
    assert history.epoch == [0, 1]
    assert sum(call[0] == "train_batch_end" for call in recorder.calls) == 12


def test_an_error_in_a_callback_leaves_the_last_complete_epoch(few):
    class Failing(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert self.model.layers[-1].bias.shape == (10,)
            if (self.model.optimizer.iterations) > 8:
                raise ValueError("enough")

    model, after_one = models.small(), models.small()
    with pytest.raises(ValueError, match="enough"):
        mlplab.fit(model, *few, epochs=3, seed=1, verbose=0, callbacks=[Failing()])
    mlplab.fit(after_one, *few, epochs=1, seed=1, verbose=0)
    for p, q in zip(after_one.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)
    assert int(model.optimizer.iterations) == 6


def test_terminate_on_nan_ends_at_the_batch_where_every_batch_is_seen(few, capsys):
    model = models.small(keras.optimizers.SGD(1e38))
    recorder = Recorder()
    mlplab.fit(model, *few, epochs=5, verbose=0, callbacks=[callbacks.TerminateOnNaN(), recorder])
    assert capsys.readouterr().out.count("Invalid loss") == 1
    assert sum(call[0] == "train_batch_end" for call in recorder.calls) < 6
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def by_epoch(path):
    """Callbacks that have methods for batches, which do nothing with these settings."""
    return [
        callbacks.ModelCheckpoint(path / "{epoch}.weights.h5", save_weights_only=True),
        callbacks.BackupAndRestore(path / "backup"),
        callbacks.TensorBoard(path / "logs", write_graph=False),
        callbacks.TerminateOnNaN(),
        callbacks.EarlyStopping(),
    ]


def test_callbacks_by_epoch_cost_nothing(tmp_path):
    listed = callbacks.CallbackList(by_epoch(tmp_path))
    assert not any(sees_batches(listed, mode) for mode in ("train", "test", "predict"))


class _Graphs(callbacks.TensorBoard):
    def on_train_batch_end(self, batch, logs=None):
        pass


@pytest.mark.parametrize(
    "make",
    [
        lambda path: callbacks.TensorBoard(path, update_freq=10, write_graph=False),
        lambda path: callbacks.TensorBoard(path, update_freq="batch", write_graph=False),
        lambda path: callbacks.ModelCheckpoint(path / "x.keras", save_freq=10),
        lambda path: callbacks.BackupAndRestore(path, save_freq=10),
        lambda path: callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None),
        lambda path: _Graphs(path, write_graph=False),
    ],
)
def test_callbacks_with_work_for_batches_see_them(make, tmp_path):
    listed = callbacks.CallbackList([make(tmp_path)])
    assert sees_batches(listed, "train")
    assert not sees_batches(listed, "predict")


def test_what_batches_cost_is_logged_once(few, caplog):
    with caplog.at_level(logging.INFO, "mlplab"):
        mlplab.fit(models.small(), *few, epochs=2, verbose=0, callbacks=[Recorder()])
        mlplab.fit(models.small(), *few, epochs=2, verbose=0, callbacks=[callbacks.EarlyStopping("loss")])
    (message,) = [record.getMessage() for record in caplog.records if record.name == "mlplab"]
    assert "Recorder sees every batch" in message


class Looks(callbacks.Callback):
    """Reads logs, and weights in steps that follow each other and in some that do not."""

    def on_train_batch_end(self, batch, logs=None):
        if batch in (1, 2, 4):
            self.weights = self.model.get_weights()


@pytest.mark.parametrize("packed", [True, False])
def test_a_callback_that_only_looks_changes_no_bit(packed, few):
    trained = []
    for listed in ([], [Looks()]):
        model = models.small()
        mlplab.fit(model, *few, epochs=2, seed=1, verbose=0, packed=packed, callbacks=listed)
        trained.append(model)
    for p, q in zip(*[model.get_weights() + model.optimizer.variables for model in trained], strict=True):
        np.testing.assert_array_equal(q, p)


class Copies(callbacks.Callback):
    """Gives one variable the value of another, after each step from the second on."""

    def on_train_batch_end(self, batch, logs=None):
        if batch:
            bias, of_optimizer = self.model.layers[-1].bias, self.model.optimizer.variables[-1]
            bias.assign(of_optimizer.value)


def test_a_variable_may_get_the_array_of_another_one(few):
    model = models.small()
    mlplab.fit(model, *few, epochs=2, verbose=0, callbacks=[Copies()])
    np.testing.assert_array_equal(model.layers[-1].bias, model.optimizer.variables[-1])
