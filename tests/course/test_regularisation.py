"""Against overfitting: remedies too weak or too strong, wrong images, and remedies that close the gap."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from programs import answer_to, build, copy, count, run

import mlplab
from mlplab import keras
from mlplab.course.checks import watching
from mlplab.course.exercise import find

NAME = "regularisation"
CHECKS = find(NAME)._module
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def usual_range(monkeypatch):
    """What three seeds of the solution reached; training them again would take long."""
    usual = {"validation accuracy": (0.844, 0.8434, 0.8366)}
    monkeypatch.setattr("mlplab.course.checking.usual_values", lambda *_: usual)


def message(names):
    answer = answer_to(NAME, names)
    assert not answer.passed
    return re.sub(r"0\.\d{3}\b", "#", answer.message)


@pytest.fixture(scope="module")
def solved():
    return run(NAME)


def test_the_solution_passes(solved):
    answer = answer_to(NAME, solved)
    assert answer.passed, answer


def test_the_starter_has_no_remedy():
    said = message(run(NAME, ("epochs=40", "epochs=25"), starter=True))
    assert re.sub(r"epoch \d+", "epoch #", said) == (
        "Your model's training accuracy is #, its validation accuracy #: a gap of #. The task asks for less than 0.09. "
        "Its validation loss was lowest after epoch # of 25."
    )


def test_other_validation_images_are_named(solved):
    epochs = len(solved["history"].epoch)
    for part, rows, said in (
        ("test", slice(None), "Your validation loss is the loss on the test images."),
        ("train", slice(4_000), "Your validation images are the training images"),
    ):
        loss = watching.loss_on(solved["model"], "fashion-mnist", part, rows)
        logs = {**solved["history"].history, "val_loss": [3.0] * (epochs - 1) + [loss]}
        assert message({**solved, "history": SimpleNamespace(history=logs)}).startswith(said)


def test_held_out_images_among_those_of_the_training_are_seen():
    assert message(run(NAME, ("X[:4_000], Y[:4_000]", "X[-4_000:], Y[-4_000:]"), ('"epochs": 40', '"epochs": 9'))) == (
        "Your model's accuracy on the held-out images is #, far more than on other new images: it was trained on some "
        "of them. Train it on the first 4,000 images only."
    )


def test_training_on_other_images_is_seen(solved):
    epochs = len(solved["history"].epoch)
    logs = {**solved["history"].history, "accuracy": [0.99] * epochs}
    assert message({**solved, "history": SimpleNamespace(history=logs)}) == (
        "Your model should be trained on the first 4,000 training images. Its accuracy on them is #, but `history` "
        "ends with a training accuracy of #: it was trained on other images. Train it on the first 4,000 training "
        "images only."
    )


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([("0.3", "0.9")], "Dropout with rate 0.9 is too strong."),
        ([('"epochs": 40', '"epochs": 1')], "The training was too short: 1 epoch."),
        ([('"relu"', '"relu", kernel_regularizer=keras.regularizers.L2(0.1)')], "A penalty of 0.1 is too strong."),
        ([], "The gap is small because the network has learnt little: too strong remedies, or too short a training."),
    ],
)
def test_the_reason_for_a_low_accuracy_is_guessed(edits, said):
    made = build(NAME, *edits)
    assert CHECKS._too_much(made["model"], made["history"]) == said


def test_the_reason_for_a_large_gap_is_guessed():
    made = count(NAME)
    logs = {"loss": [0.3] * 9, "accuracy": [0.9] * 9, "val_loss": [0.4] * 8 + [0.3], "val_accuracy": [0.85] * 9}
    for accuracy, said in (
        (0.9, " With dropout at work, the training accuracy in `history` is too low."),
        (0.99, " Your remedies are too weak."),
    ):
        history = SimpleNamespace(history={**logs, "accuracy": [accuracy] * 9})
        assert CHECKS._too_little(made["model"], history) == said


def test_what_is_no_model_or_no_history_of_it(solved):
    for names, said in (
        ({**solved, "model": [solved["model"]]}, "`model` is a list; the task asks for a Keras model."),
        (
            {"model": solved["model"]},
            "There is no `history`: the task asks for `model` and `history`, by these names.",
        ),
        (
            {**solved, "history": copy(solved["model"]).history},
            "`history` comes from training another model. Submit what fit returned for `model`.",
        ),
    ):
        assert message(names) == said


def test_early_stopping_alone_passes_with_keras_and_class_numbers():
    keras.utils.set_random_seed(7)
    (X, y), _ = mlplab.load_data("fashion-mnist")
    X, layers = X / np.float32(255), keras.layers
    dense = [layers.Dense(128, "relu"), layers.Dense(128, "relu"), layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *dense])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(), metrics=["acc"])
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(
        X[:4000], y[:4000], batch_size=100, epochs=40, validation_data=(X[55_000:], y[55_000:]),
        validation_batch_size=1000, callbacks=[stop], verbose=0,
    )  # fmt: skip
    answer = answer_to(NAME, {"model": model, "history": history})
    assert answer.passed, answer


def test_normalisation_between_a_layer_and_its_activation_is_allowed():
    layers = keras.layers
    hidden = [
        layer
        for _ in range(2)
        for layer in (layers.Dense(128), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5))
    ]
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), *hidden, layers.Dense(10, "softmax")])
    assert CHECKS._network(model) == "The network is the one given: Dense 128, Dense 128, Dense 10"
