"""The scores of a result are those of the weights that a run keeps, whoever chose them."""

import shutil

import pytest
from small_runs import SMALL, Interrupt

import mlplab
from mlplab import keras
from mlplab.errors import Interrupted, UsageError
from mlplab.inspection.curves import ending

NO_STOPPING = {**SMALL, "early_stopping": 0}


class Restore(keras.callbacks.Callback):
    """Puts the weights of one epoch back: as training ends, or at the end of a later epoch."""

    def __init__(self, epoch, at=None):
        super().__init__()
        self.epoch, self.at, self.weights = epoch, at, []

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epoch:
            self.weights = self.model.get_weights()
        if epoch + 1 == self.at:
            self.model.set_weights(self.weights)

    def on_train_end(self, logs=None):
        if self.at is None:
            self.model.set_weights(self.weights)


class Foreign(keras.callbacks.Callback):
    """Ends training with weights that no epoch ended with."""

    def on_train_end(self, logs=None):
        self.model.set_weights([weights / 2 for weights in self.model.get_weights()])


def assert_kept(run, epoch):
    logs = run.epochs[epoch - 1]
    assert (run.kept_epoch, run.result.kept_epoch) == (epoch, epoch)
    assert (run.result.train.loss, run.result.train.accuracy) == (logs["loss"], logs["accuracy"])
    assert run.result.validation.accuracy == pytest.approx(logs["val_accuracy"])


def test_an_early_stopping_of_ones_own_that_restores(digits, tmp_path):
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=1, restore_best_weights=True)
    run = mlplab.train(digits, **NO_STOPPING, out=tmp_path / "run", callbacks=[stop])
    assert stop.best_epoch + 1 < len(run.epochs) < 5
    assert_kept(run, stop.best_epoch + 1)
    assert ending(run) == (
        f"Training stopped early, after epoch {len(run.epochs)} of at most 5. The weights of epoch "
        f"{stop.best_epoch + 1} of {len(run.epochs)} were kept, which a callback restored."
    )


@pytest.mark.parametrize("at", [None, 5])
def test_a_callback_that_restores_an_epoch(at, digits, tmp_path):
    assert_kept(mlplab.train(digits, **NO_STOPPING, out=tmp_path / "run", callbacks=[Restore(2, at)]), 2)


def test_without_a_restoring_callback_the_last_epoch_is_kept(digits, tmp_path):
    run = mlplab.train(digits, **NO_STOPPING, out=tmp_path / "run")
    assert_kept(run, 5)
    assert ending(run) == "The weights of epoch 5 of 5 were kept."


def test_weights_of_no_epoch_have_no_logs(digits, tmp_path):
    run = mlplab.train(digits, **NO_STOPPING, out=tmp_path / "run", callbacks=[Foreign()])
    assert (run.result.kept_epoch, run.result.train.loss, run.result.train.accuracy) == (None, None, None)
    assert run.kept_epoch == 5


def test_the_runs_own_early_stopping_says_what_it_kept(finished):
    best, last = finished.kept_epoch, len(finished.epochs)
    assert_kept(finished, best)
    assert ending(finished) == (
        f"Training stopped early, after epoch {last} of at most 5: 1 epoch without a better validation accuracy. "
        f"The weights of epoch {best} of {last} were kept, the best on the validation rows."
    )


def test_the_kept_epoch_is_found_after_an_interruption_and_a_kill(digits, tmp_path):
    restore = Restore(1)
    with pytest.raises(Interrupted):
        mlplab.train(digits, **NO_STOPPING, out=tmp_path / "run", callbacks=[restore, Interrupt(3)])
    assert_kept(mlplab.resume(tmp_path / "run", verbose=0, callbacks=[restore]), 1)
    copy = shutil.copytree(tmp_path / "run", tmp_path / "killed before the result")
    (copy / "result.json").unlink()
    assert_kept(mlplab.resume(copy, verbose=0, callbacks=[restore]), 1)


def test_averages_of_the_optimizer_belong_to_the_last_epoch(digits, tmp_path):
    keras.utils.set_random_seed(0)
    model = mlplab.mlp((8, 8), 10, [4])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "sparse_categorical_crossentropy", metrics=["accuracy"])
    run = mlplab.train(digits, model=model, epochs=2, batch_size=64, labelled=640, out=tmp_path / "run", verbose=0)
    assert run.result.kept_epoch == 2
    assert run.result.train.loss == run.history["loss"][-1]


def test_a_kept_model_whose_weights_were_restored(digits, tmp_path):
    x, y = digits.train.images / 16, digits.train.labels
    model = mlplab.mlp((8, 8), 10, [4], seed=0)
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = mlplab.fit(model, x[:640], y[:640], batch_size=64, epochs=4, verbose=0, callbacks=[Restore(2)])
    run = mlplab.save_run(model, "digits", history=history, kept_epoch=2, out=tmp_path / "run")
    assert (run.kept_epoch, run.result.train.loss) == (2, history.history["loss"][1])
    (run.path / "result.json").unlink()  # killed before the result
    assert mlplab.resume(run.path, verbose=0).result.kept_epoch == 2
    for wrong in (0, 5, 1.5):
        with pytest.raises(UsageError, match="kept_epoch must be"):
            mlplab.save_run(model, "digits", history=history, kept_epoch=wrong, out=tmp_path / "wrong")
    assert mlplab.save_run(model, "digits", history=history, out=tmp_path / "last").kept_epoch == 4
