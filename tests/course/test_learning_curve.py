"""Reading a learning curve: wrong images, wrong readings, and right answers. The solution is trained once."""

from types import SimpleNamespace

import numpy as np
import pytest
from programs import answer_to, copy, run

from mlplab.course.checks import expect, watching
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.exercise import find

NAME = "learning-curve"
LAST = 40
CHECKS = find(NAME)._module


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


@pytest.mark.slow
def test_the_solution_passes(solved, monkeypatch):
    usual = {"validation accuracy": (0.8338, 0.831, 0.8344), "gap": (0.1507, 0.1525, 0.1436)}  # of three seeds
    monkeypatch.setattr("mlplab.course.checking.usual_values", lambda *_: usual)
    answer = answer_to(NAME, solved)
    assert answer.passed, answer
    assert answer_to(NAME, {**solved, "best_epoch": np.int64(solved["best_epoch"])}).passed


HELD_OUT = "the 5,000 images that the task holds out of the training set"
OTHER_IMAGES = {
    ("test", slice(None)): (
        "Your validation loss is the loss on the test images. After choosing with it you have no test left. "
        f"Take {HELD_OUT}."
    ),
    ("train", slice(2_000)): (
        "Your validation images are the training images. They do not measure how well the model generalizes. "
        f"Take {HELD_OUT}."
    ),
    ("train", slice(2_000, 3_000)): (
        f"`history` should have your model's loss on {HELD_OUT}, and it does not. Give fit these images as "
        "validation_data, and submit the History of that training."
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("images", OTHER_IMAGES, ids=str)
def test_other_validation_images_are_named(images, solved):
    loss = watching.loss_on(solved["model"], "fashion-mnist", *images)
    assert message(logged(solved, val_loss=[3.0] * (LAST - 1) + [loss])) == OTHER_IMAGES[images]


@pytest.mark.slow
def test_training_on_other_images_is_seen(solved):
    """A network that knows its own training images less well than its History says."""
    model = copy(solved["model"])
    rng = np.random.default_rng(0)
    model.set_weights([weight + rng.normal(0, weight.std(), weight.shape) for weight in model.get_weights()])
    loss = watching.loss_on(model, "fashion-mnist", "train", slice(-5_000, None))
    names = {**logged(solved, val_loss=[3.0] * (LAST - 1) + [loss]), "model": model}
    assert "it was trained on other images. Train it on the first 2,000 training images only." in message(names)


@pytest.mark.slow
def test_the_history_is_that_of_the_model(solved):
    names = {**solved, "history": copy(solved["model"]).history}
    assert message(names) == "`history` comes from training another model. Submit what fit returned for `model`."


LOGS = {
    "loss": [1.0, 0.6, 0.4, *[0.3] * 36, 0.1],
    "val_loss": [0.9, 0.5, 0.7, *[0.7] * 36, 0.8],
    "accuracy": [0.5, 0.8, 0.85, *[0.9] * 36, 0.99],
    "val_accuracy": [0.6, 0.7, 0.86, *[0.84] * 36, 0.85],
}


def wrong(check, logs, *values):
    with pytest.raises(WrongAnswer) as caught:
        check(SimpleNamespace(history=logs), *values)
    return str(caught.value)


@pytest.mark.parametrize(
    ("logs", "message"),
    [
        (
            {name: LOGS[name] for name in ("loss", "val_loss")},
            "`history` has no accuracy of training and validation. Compile the model with "
            'metrics=["accuracy"], and pass validation_data to fit.',
        ),
        (
            {**LOGS, "val_loss": ["falling"] * LAST},
            "`history` has no numbers for val_loss, one per epoch. "
            "Pass validation_data to fit, and submit what fit returned.",
        ),
        (
            {**LOGS, "val_loss": [np.nan] * LAST},
            "`history` has a val_loss that is not a finite number. Was the learning rate too large?",
        ),
        (
            {**LOGS, "val_loss": [0.5] * 8},
            "`history` has curves of length 8 and 40; the task asks for 40 epochs, with validation after each.",
        ),
    ],
)
def test_each_unusable_history_has_its_message(logs, message):
    def check(history):
        expect.history(history, epochs=LAST)
        CHECKS._best(history, 2)
        CHECKS._gap(history, 0.14, 0.14)

    assert wrong(check, logs) == message


LOWEST = "the task asks for the lowest validation loss."


@pytest.mark.parametrize(
    ("epoch", "message"),
    [
        (1, "Your `best_epoch` is counted from 0, as Python counts places; the task counts epochs from 1."),
        (3, f"Epoch 3 has the highest validation accuracy; {LOWEST}"),
        (40, f"Epoch 40 has the lowest training loss; {LOWEST}"),
        (12.5, "`best_epoch` is 12.5; the task asks for the number of an epoch, 1 to 40."),
        (0.5, "`best_epoch` is 0.5, the lowest loss itself; the task asks for the number of its epoch."),
        ([12], "`best_epoch` is a list; the task asks for a number."),
    ],
)
def test_each_wrong_best_epoch_has_its_message(epoch, message):
    assert wrong(CHECKS._best, LOGS, epoch) == message


def test_the_last_epoch_is_not_best_for_being_last():
    changed = {**LOGS, "loss": [0.1] + [0.2] * 39, "accuracy": [0.9] + [0.8] * 39}
    changed["val_loss"] = [0.9, 0.5, *[0.7] * 38]
    assert wrong(CHECKS._best, changed, LAST).endswith("The longest training need not be the best.")


@pytest.mark.parametrize(
    ("gap", "message"),
    [
        (-0.14, "Your `gap` has the wrong sign: the task asks for training accuracy minus validation accuracy."),
        (14, "Your `gap`, 14, is in percent; the task asks for a number between 0 and 1."),
        (0.7, "Your `gap` is the difference of the losses; the task asks for that of the accuracies."),
        (0.1, "Your `gap` is that after your best epoch; the task asks for the gap after the last."),
        (0.85, "Your `gap` is the validation accuracy itself; the task asks for the difference of the two."),
        (
            0.3,
            "Your `gap` is 0.3, which does not fit your curves. It is the training accuracy minus the validation "
            "accuracy, both after the last epoch.",
        ),
    ],
)
def test_each_wrong_gap_has_its_message(gap, message):
    assert wrong(CHECKS._gap, LOGS, gap, 0.14) == message
