"""Reading a learning curve: wrong images, wrong readings, and right answers. The solution is trained once."""

from types import SimpleNamespace

import numpy as np
import pytest
from programs import answer_to, copy, run

import mlplab
from mlplab import keras
from mlplab.course.checks import watching

NAME = "learning-curve"
LAST = 40
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solved():
    return run(NAME)


def message(names):
    answer = answer_to(NAME, names)
    assert not answer.passed
    return answer.message


def logged(solved, **logs):
    """The solution with other logs in `history`."""
    return {**solved, "history": SimpleNamespace(history={**solved["history"].history, **logs})}


def test_the_solution_passes(solved):
    answer = answer_to(NAME, solved)
    assert answer.passed, answer
    assert answer_to(NAME, {**solved, "best_epoch": np.int64(solved["best_epoch"])}).passed


OTHER_IMAGES = {
    (
        "test",
        slice(None),
    ): "Your validation loss is the loss on the test images. After choosing with it you have no test "
    "left. Take the 5,000 training images that the task holds out.",
    (
        "train",
        slice(2_000),
    ): "Your validation images are the training images: they do not show what the model does with "
    "new ones. Take the 5,000 training images that the task holds out.",
    ("train", slice(2_000, 3_000)): "Your model's loss on the 5,000 training images that the task holds out is not in "
    "`history`. Did you validate with other images, or is `history` of another training?",
}


@pytest.mark.parametrize("images", OTHER_IMAGES, ids=str)
def test_other_validation_images_are_named(images, solved):
    loss = watching.loss_on(solved["model"], "fashion-mnist", *images)
    assert message(logged(solved, val_loss=[3.0] * (LAST - 1) + [loss])) == OTHER_IMAGES[images]


def test_training_on_others_is_seen():
    said = message(run(NAME, ("X[:2_000], Y[:2_000]", "X[-2_000:], Y[-2_000:]")))
    assert "on those of its training: it was trained on others." in said


def test_the_history_is_that_of_the_model(solved):
    names = {**solved, "history": copy(solved["model"]).history}
    assert message(names) == "`history` is of another model's training; submit what fit returned for `model`."


def test_a_history_without_what_is_asked(solved):
    logs = solved["history"].history
    without_accuracy = {name: values for name, values in logs.items() if "accuracy" not in name}
    for history, said in (
        (
            SimpleNamespace(history=without_accuracy),
            '`history` has no accuracy: compile the model with metrics=["accuracy"].',
        ),
        (logs, "`history` is a dict; the task asks for what fit returns: history = mlplab.fit(…)."),
        (
            SimpleNamespace(history={**logs, "val_loss": "falling"}),
            "`history` has no numbers for val_loss, one per epoch: submit what fit returned, unchanged.",
        ),
        (
            SimpleNamespace(history={**logs, "val_loss": [np.nan] * LAST}),
            "`history` has a val_loss that is not a finite number. Was the learning rate too large?",
        ),
    ):
        assert message({**solved, "history": history}) == said


def test_each_wrong_best_epoch_has_its_message(solved):
    logs = solved["history"].history
    instead = "the task asks for the lowest validation loss."
    best = {name: int(function(logs[log])) + 1 for name, log, function in (
        ("lowest training loss", "loss", np.argmin),
        ("highest validation accuracy", "val_accuracy", np.argmax),
        ("highest validation loss", "val_loss", np.argmax),
    )}  # fmt: skip
    for got, said in (
        *((epoch, f"Epoch {epoch} has the {name}; {instead}") for name, epoch in best.items()),
        (solved["best_epoch"] - 1, "Your `best_epoch` is counted from 0, as Python counts places; the task counts "
         "epochs from 1."),
        (12.5, "`best_epoch` is 12.5; the task asks for the number of an epoch, 1 to 40."),
        (min(logs["val_loss"]), f"`best_epoch` is {min(logs['val_loss']):.3g}, the lowest loss itself; the task asks "
         "for the number of its epoch."),
        ([12], "`best_epoch` is a list; the task asks for a number."),
    ):  # fmt: skip
        assert message({**solved, "best_epoch": got}) == said


def test_the_last_epoch_is_not_best_for_being_last(solved):
    logs = solved["history"].history
    changed = {"loss": [*logs["loss"][:-1], 1.0], "accuracy": [*logs["accuracy"][:-1], 0.5]}
    changed["val_accuracy"] = [*logs["val_accuracy"][:-1], 0.5]
    said = message({**logged(solved, **changed), "best_epoch": LAST})
    assert said.endswith("The longest training need not be the best.")


def test_each_wrong_gap_has_its_message(solved):
    logs, best = solved["history"].history, solved["best_epoch"] - 1
    gaps = np.subtract(logs["accuracy"], logs["val_accuracy"])
    for got, said in (
        (-gaps[-1], "Your `gap` has the wrong sign: the task asks for training accuracy minus validation accuracy."),
        (100 * gaps[-1], f"Your `gap`, {100 * gaps[-1]:.3g}, is in percent; the task asks for a number between 0 "
         "and 1."),
        (logs["val_loss"][-1] - logs["loss"][-1], "Your `gap` is the difference of the losses; the task asks for that "
         "of the accuracies."),
        (gaps[best], "Your `gap` is that after your best epoch; the task asks for the gap after the last."),
        (logs["val_accuracy"][-1], "Your `gap` is the validation accuracy itself; the task asks for the difference of "
         "the two."),
        (0.3, "Your `gap` is 0.3, which does not fit your curves. It is the training accuracy minus the validation "
         "accuracy, both after the last epoch."),
    ):  # fmt: skip
        assert message({**solved, "gap": got}) == said


def test_a_model_of_keras_with_other_layers_and_labels_passes():
    (X, y), _ = mlplab.load_data("fashion-mnist")
    X = X / np.float32(255)
    keras.utils.set_random_seed(5)
    layers = keras.layers
    model = keras.Sequential([layers.Reshape((784,)), layers.Dense(128), layers.ReLU(), layers.Dense(10)])
    model.add(layers.Activation("softmax"))
    model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(), metrics=["acc"])
    held_out = X[55_000:], y[55_000:]
    history = model.fit(
        X[:2000], y[:2000], 50, epochs=LAST, validation_data=held_out, validation_batch_size=1000, verbose=0
    )
    logs = history.history
    made = {"model": model, "history": history, "best_epoch": np.argmin(logs["val_loss"]) + 1}
    answer = answer_to(NAME, {**made, "gap": np.float32(round(logs["acc"][-1] - logs["val_acc"][-1], 2))})
    assert answer.passed, answer
