"""Against overfitting: wrong networks, wrong trainings, remedies too weak or too strong, and right ones."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.course import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program

NAME = "regularisation"
FIT = "\nhistory = "
DROPOUT, STOP = "layers.Dropout(0.3)", '"callbacks": [stop]'
TEST_IMAGES = (
    ("(X, y), _ = mlplab.load_data", "(X, y), (V, v) = mlplab.load_data"),
    ("watched = X[-5_000:], Y[-5_000:]", "watched = V.astype('float32') / 255, keras.utils.to_categorical(v)"),
)


def made(*edits, to=None):
    """What the solution makes, edited; `to` ends it there."""
    exercise = find(NAME)
    text = exercise.solution
    for old, new in edits:
        assert old in text, f"{old!r} is not in the solution"
        text = text.replace(old, new)
    return run_program(text[: text.index(to)] if to else text, exercise.folder / "solution.py", {})


def message(names):
    answer = check(NAME, model=names["model"], history=names.get("history"))
    assert not answer.passed
    return answer.message


@pytest.fixture(scope="module")
def solved():
    return made()


MODELS = [
    ("sigmoid", '"relu"', '"sigmoid"', "Your first Dense layer has the activation sigmoid; the task has relu there."),
    ("no activation", ', activation="relu"', "", "Your first Dense layer has no activation; the task has relu there."),
    ("smaller layers", "128", "64", "Your first Dense layer has 64 units; the task has 128 there, and they are to "
     "stay."),
    ("a layer less", 'x = layers.Dense(128, activation="relu")(x)\nx = layers.Dropout(0.3)(x)\nout', "out", "Your "
     "model has 1 hidden Dense layer; the task has 2, and they are to stay."),
    ("a layer more", "\noutputs", '\nx = layers.Dense(128, "relu")(x)\noutputs', "Your model has 3 hidden Dense "
     "layers; the task has 2, and they are to stay."),
    ("dropout after the outputs", "\nmodel", "\noutputs = layers.Dropout(0.3)(outputs)\nmodel", "Your last layer is "
     "Dropout: it would spoil the probabilities. It goes before the output layer."),
    ("dropout of nothing", "0.3", "0.0", "Your first Dropout layer has rate 0: it drops nothing."),
    ("dropout of everything", "0.3", "1.0", "Your first Dropout layer has rate 1: it drops everything."),
    ("softmax twice", "\nmodel", "\noutputs = layers.Softmax()(outputs)\nmodel", "Your model has softmax twice, in the "
     "output layer and after it. Take one away."),
    ("sigmoid outputs", '"softmax"', '"sigmoid"', "Your output layer has the activation sigmoid; the task has softmax "
     "there."),
    ("another kind of network", "x = layers.Flatten()(inputs)", "x = layers.Reshape((28, 28, 1))(inputs)\n"
     "x = layers.Conv2D(4, 3)(x)\nx = layers.Flatten()(x)", "Your model has a Conv2D layer: the task is to keep the "
     "network, and to add remedies."),
    ("mean squared error", '"categorical_crossentropy"', '"mean_squared_error"', "Your loss is mean_squared_error; the "
     "task asks for categorical_crossentropy."),
    ("untrained", "seed = 0", "seed = 1", "Your model is not trained: its optimizer has not taken a step. "
     "mlplab.fit(model, …) is missing."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_each_wrong_model_has_its_message(old, new, said):
    assert message(made((old, new), to=FIT)) == said


TWO_EPOCHS = ('"epochs": 40', '"epochs": 2')
TRAININGS = [
    ("the usual batches", [TWO_EPOCHS, ('"batch_size": 100, ', "")], "Your batches have 32 images; the task asks for "
     "100."),
    ("more images", [TWO_EPOCHS, ("X[:4_000], Y[:4_000]", "X[:8_000], Y[:8_000]")], "One of your epochs has 80 steps; "
     "4,000 images in batches of 100 make 40. Did you take other images, or other batches? More images are the best "
     "remedy of all, but here there are no more."),
    ("no validation", [TWO_EPOCHS, ('"validation_data": watched, ', ""), (STOP, '"seed": 1')], "Your "
     "training has no validation: give fit validation_data=(…, …)."),
    ("the test set as validation", [TWO_EPOCHS, *TEST_IMAGES], "Your validation loss is the loss on the test images. "
     "Who chooses with the test set has no test any more: take the 5,000 training images that the task holds out."),
    ("its own images as validation", [TWO_EPOCHS, ("X[-5_000:], Y[-5_000:]", "X_train, Y_train")], "Your validation "
     "images are those it was trained on: they cannot tell what it does with others. Take the 5,000 training images "
     "that the task holds out."),
    ("fit called twice", [TWO_EPOCHS, (FIT, "\nmlplab.fit(model, X_train, Y_train, **settings, verbose=2)" + FIT)],
     "Your model was trained for 4 epochs, and `history` tells of 2: fit ran more than once. Build the model anew, and "
     "train it in one go."),
    ("trained on images held out", [("X[:4_000], Y[:4_000]", "X[-4_000:], Y[-4_000:]"),
     ('"epochs": 40', '"epochs": 9')],
     "Your model gets # of the images held out right, far more than of others that it has not seen: it was trained on "
     "some of them."),
    ("trained on others", [("X[:4_000], Y[:4_000]", "X[4_000:8_000], Y[4_000:8_000]"), (DROPOUT, "layers.Identity()"),
     (STOP, '"seed": 1'), ('"epochs": 40', '"epochs": 20')],
     "Your model gets # of the first 4,000 training images right, and # of those it was trained "
     "on: it was trained on others."),
    ("no remedy", [(DROPOUT, "layers.Identity()"), (STOP, '"seed": 1'), ('"epochs": 40', '"epochs": 25')], "Your model "
     "gets # of its training images right and # of those held out, a gap of #; the task asks for less than 0.09. Its "
     "validation loss was lowest after epoch # of 25."),
    ("one epoch", [('"epochs": 40', '"epochs": 1')], "Your validation accuracy is #: below the usual #–#. After "
     "1 epoch it has not learnt yet what it could."),
    ("too much dropout", [("0.3", "0.9"), ('"epochs": 40', '"epochs": 5')], "Your validation accuracy is #: below the "
     "usual #–#. Dropout with rate 0.9 leaves too little to learn from."),
    ("too strong a penalty", [('"relu"', '"relu", kernel_regularizer=keras.regularizers.L2(0.1)'),
     ('"epochs": 40', '"epochs": 5')], "Your validation accuracy is #: below the usual #–#. A penalty of 0.1 holds the "
     "weights down too hard."),
    ("hardly any learning", [('"adam"', "keras.optimizers.Adam(1e-5)"), ('"epochs": 40', '"epochs": 5')], "Your "
     "validation accuracy is #: below the usual #–#. The gap is closed from the wrong side: the remedies are too "
     "strong, or the training was too short."),
]  # fmt: skip


@pytest.mark.parametrize(("edits", "said"), [row[1:] for row in TRAININGS], ids=[row[0] for row in TRAININGS])
def test_each_wrong_training_has_its_message(edits, said, few_seeds):
    got = re.sub(r"0\.\d{3}\b", "#", message(made(*edits)))
    assert re.sub(r"after epoch \d+", "after epoch #", got) == said


def test_the_accuracy_that_dropout_lowers_is_not_the_networks(few_seeds):
    """A weak dropout, with which the gap looks closed in `history`, and is not."""
    said = message(made(("0.3", "0.2"), ('"epochs": 40', '"epochs": 30'), (STOP, '"seed": 1')))
    assert said.endswith("While dropout is at work, the accuracy in `history` looks lower than it is.")


def test_what_is_no_model_or_no_history_of_it(solved):
    other = made(TWO_EPOCHS)
    for names, said in (
        ({**solved, "model": [solved["model"]]}, "`model` is a list; the task asks for a Keras model."),
        (
            {**solved, "history": None},
            "There is no `history`: the task asks for `model` and `history`, by these names.",
        ),
        (
            {**solved, "history": solved["history"].history},
            "`history` is a dict; the task asks for what fit returns: history = mlplab.fit(…).",
        ),
        (
            {**solved, "history": other["history"]},
            "`history` is of another model's training; hand in what fit returned for `model`.",
        ),
        (
            {**solved, "history": SimpleNamespace(history={"val_loss": [], "loss": [1.0]})},
            "`history` has no numbers for val_loss, one an epoch: hand in what fit returned, as it is.",
        ),
    ):
        given = {name: names[name] for name in ("model", "history") if names[name] is not None}
        answer = check(NAME, **given)
        assert not answer.passed
        assert answer.message == said


def remedied(layers, fit, optimizer="adam", epochs=40, stop=None):
    """A model of these layers, trained by `fit` with class numbers in place of one-hot labels."""
    keras.utils.set_random_seed(7)
    (X, y), _ = mlplab.load_data("fashion-mnist")
    X = X / np.float32(255)
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(), metrics=["acc"])
    callbacks = [keras.callbacks.EarlyStopping(**stop)] if stop else []
    history = fit(
        model, X[:4000], y[:4000], batch_size=100, epochs=epochs, validation_data=(X[55_000:], y[55_000:]),
        validation_batch_size=1000, callbacks=callbacks, verbose=0,
    )  # fmt: skip
    return check(NAME, model=model, history=history)


def test_early_stopping_alone_passes(few_seeds):
    layers = keras.layers
    dense = [layers.Dense(128, "relu"), layers.Dense(128, "relu"), layers.Dense(10, "softmax")]
    answer = remedied([layers.Flatten(), *dense], keras.Model.fit, stop={"patience": 2, "restore_best_weights": True})
    assert answer.passed, answer


def test_a_penalty_alone_passes(few_seeds):
    layers, penalty = keras.layers, keras.regularizers.L2(0.003)
    hidden = [layers.Dense(128, "relu", kernel_regularizer=penalty) for _ in range(2)]
    answer = remedied([layers.Reshape((784,)), *hidden, layers.Dense(10), layers.Softmax()], mlplab.fit, epochs=20)
    assert answer.passed, answer


def test_dropout_with_normalisation_and_weight_decay_passes(few_seeds):
    layers = keras.layers
    hidden = [
        layer
        for _ in range(2)
        for layer in (layers.Dense(128), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5))
    ]
    adamw = keras.optimizers.AdamW(0.001, weight_decay=0.01)
    answer = remedied([layers.Flatten(), *hidden, layers.Dense(10, "softmax")], mlplab.fit, adamw, epochs=15)
    assert answer.passed, answer
