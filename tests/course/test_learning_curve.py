"""Reading a learning curve: wrong models, wrong trainings, wrong readings, and right answers in other styles."""

from types import SimpleNamespace

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.course import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program

NAME = "learning-curve"
FIT = "\nhistory = "
TEST_IMAGES = "(X, y), (V, v) = mlplab.load_data", "held_out = V.astype('float32') / 255, keras.utils.to_categorical(v)"
LAST = 40


def made(*edits, to=None):
    """What the solution makes, edited; `to` ends it there."""
    exercise = find(NAME)
    text = exercise.solution
    for old, new in edits:
        assert old in text, f"{old!r} is not in the solution"
        text = text.replace(old, new)
    return run_program(text[: text.index(to)] if to else text, exercise.folder / "solution.py", {})


def message(names):
    given = {name: names[name] for name in ("model", "history", "best_epoch", "gap")}
    answer = check(NAME, **given)
    assert not answer.passed
    return answer.message


@pytest.fixture(scope="module")
def solved():
    return made()


@pytest.fixture(scope="module")
def watched_with_test():
    """The solution, watched with the test images: the same model, as watching changes nothing."""
    return made(("(X, y), _ = mlplab.load_data", TEST_IMAGES[0]), ("held_out = X[-5_000:], Y[-5_000:]", TEST_IMAGES[1]))


MODELS = [
    ("sigmoid", '"relu"', '"sigmoid"', "Your first Dense layer has the activation sigmoid; the task asks for the "
     "activation relu."),
    ("other units", "128", "64", "Your first Dense layer has 64 units; the task asks for 128."),
    ("one layer more", "outputs = ", 'x = layers.Dense(128, "relu")(x)\noutputs = ', "Your model has 2 hidden Dense "
     "layers; the task asks for 1."),
    ("dropout", "outputs = ", "x = layers.Dropout(0.2)(x)\noutputs = ", "There is a Dropout layer after your first "
     "Dense layer that the task does not ask for."),
    ("softmax twice", "\nmodel = ", "\noutputs = layers.Softmax()(outputs)\nmodel = ", "Your model has softmax twice: "
     "the output layer has it, and a layer after it once more. Take one away."),
    ("sigmoid outputs", '"softmax"', '"sigmoid"', "Your output layer has the activation sigmoid; the task asks for the "
     "activation softmax."),
    ("mean squared error", '"categorical_crossentropy"', '"mean_squared_error"', "Your loss is mean_squared_error; the "
     "task asks for categorical_crossentropy."),
    ("sgd", '"adam"', '"sgd"', "Your optimizer is sgd; the task asks for adam."),
    ("ten times the rate", '"adam"', "keras.optimizers.Adam(0.01)", "Your learning rate is 0.01; the task asks for "
     "0.001."),
    ("untrained", "seed = 0", "seed = 1", "Your model is not trained: its optimizer has not taken a step. "
     "mlplab.fit(model, …) is missing."),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_each_wrong_model_has_its_message(old, new, said):
    model = made((old, new), to=FIT)["model"]
    assert message({"model": model, "history": None, "best_epoch": 1, "gap": 0.1}) == said


TRAININGS = [
    ("too few epochs", "epochs=40", "epochs=2", "Your model was trained for 2 epochs; the task asks for 40."),
    ("the usual batches", "epochs=40, batch_size=50", "epochs=1", "Your batches have 32 images; the task asks for 50."),
    ("more images", "[:2_000]", "[:4_000]", "One of your epochs has 80 steps; 2,000 images in batches of 50 make 40. "
     "Did you take other images, or other batches?"),
    ("two times 20 epochs", "epochs=40, batch_size=50", "epochs=20, batch_size=50, verbose=2)\n"
     "history = mlplab.fit(model, X_train, Y_train, epochs=20, batch_size=50", "Your `history` has 20 epochs; the task "
     "asks for 40."),
    ("watched with the images it learns from", "X[-5_000:], Y[-5_000:]", "X_train, Y_train", "Your validation images "
     "are those it was trained on: they cannot tell what it does with others. Take the 5,000 training images that the "
     "task holds out."),
    ("watched with other images", "X[-5_000:], Y[-5_000:]", "X[2_000:3_000], Y[2_000:3_000]", "Your model's loss on "
     "the 5,000 training images that the task holds out is none that `history` tells of. Were other images taken for "
     "validation, or is `history` of another training?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), [row[1:] for row in TRAININGS], ids=[row[0] for row in TRAININGS])
def test_each_wrong_training_has_its_message(old, new, said):
    edits = [(old, new), ("epochs=40", "epochs=1")] if "[:4_000]" in new else [(old, new)]
    assert message(made(*edits)) == said


def test_training_on_images_held_out_or_on_others_is_seen(solved):
    names = made(("X[:2_000], Y[:2_000]", "X[-2_000:], Y[-2_000:]"))
    assert "of those it was trained on: it was trained on others." in message(names)


def test_the_test_set_is_not_for_choices(watched_with_test):
    assert message(watched_with_test) == (
        "Your validation loss is the loss on the test images. Who chooses with the test set has no test any more: take "
        "the 5,000 training images that the task holds out."
    )


def test_the_history_is_that_of_the_model(solved, watched_with_test):
    names = {**solved, "history": watched_with_test["history"]}
    assert message(names) == "`history` is of another model's training; hand in what fit returned for `model`."
    told = SimpleNamespace(history=watched_with_test["history"].history)
    assert message({**solved, "history": told}).startswith("Your validation loss is the loss on the test images.")


def test_a_history_without_what_is_asked(solved):
    logged = solved["history"].history
    unwatched = {name: values for name, values in logged.items() if not name.startswith("val_")}
    without_accuracy = {name: values for name, values in logged.items() if "accuracy" not in name}
    for history, said in (
        (SimpleNamespace(history=unwatched), "Your training has no validation: give fit validation_data=(…, …)."),
        (
            SimpleNamespace(history=without_accuracy),
            '`history` has no accuracy: compile the model with metrics=["accuracy"].',
        ),
        (logged, "`history` is a dict; the task asks for what fit returns: history = mlplab.fit(…)."),
        (None, "`history` is None; the task asks for what fit returns: history = mlplab.fit(…)."),
        (
            SimpleNamespace(history={**logged, "val_loss": "falling"}),
            "`history` has no numbers for val_loss, one an epoch: hand in what fit returned, as it is.",
        ),
        (
            SimpleNamespace(history={**logged, "val_loss": [np.nan] * LAST}),
            "`history` has a val_loss that is no finite number. Was the learning rate too large?",
        ),
    ):
        assert message({**solved, "history": history}) == said


def epoch_of(solved, name, extreme):
    return int(extreme(solved["history"].history[name])) + 1


def test_each_wrong_best_epoch_has_its_message(solved):
    lowest_training = epoch_of(solved, "loss", np.argmin)
    most_accurate = epoch_of(solved, "val_accuracy", np.argmax)
    highest = epoch_of(solved, "val_loss", np.argmax)
    instead = "the task asks for the lowest validation loss."
    for got, said in (
        (solved["best_epoch"] - 1, "Your `best_epoch` is counted from 0, as Python counts places; the task counts "
         "epochs from 1."),
        (lowest_training, f"Epoch {lowest_training} has the lowest training loss; {instead}"),
        (most_accurate, f"Epoch {most_accurate} has the highest validation accuracy; {instead}"),
        (highest, f"Epoch {highest} has the highest validation loss; {instead}"),
        (0, "`best_epoch` is 0; the task asks for the number of an epoch, 1 to 40."),
        (12.5, "`best_epoch` is 12.5; the task asks for the number of an epoch, 1 to 40."),
        (min(solved["history"].history["val_loss"]), "`best_epoch` is 0.491, the lowest loss itself; the task asks for "
         "the number of its epoch."),
        ([12], "`best_epoch` is a list; the task asks for a number."),
        (None, "`best_epoch` is None; the task asks for a number."),
    ):  # fmt: skip
        assert message({**solved, "best_epoch": got}) == said.replace(
            "0.491", f"{got:.3g}" if type(got) is float else ""
        )


def test_the_last_epoch_is_not_best_for_being_last(solved):
    logged = solved["history"].history
    told = {**logged, "loss": [*logged["loss"][:-1], 1.0], "accuracy": [*logged["accuracy"][:-1], 0.5]}
    told["val_accuracy"] = [*logged["val_accuracy"][:-1], 0.5]
    said = message({**solved, "history": SimpleNamespace(history=told), "best_epoch": LAST})
    assert said.endswith("It was trained longest, which is not to say that it was best then.")


def test_each_wrong_gap_has_its_message(solved):
    logged, best = solved["history"].history, solved["best_epoch"] - 1
    gaps = np.subtract(logged["accuracy"], logged["val_accuracy"])
    for got, said in (
        (-gaps[-1], "Your `gap` is turned around: the task asks for training accuracy minus validation accuracy."),
        (100 * gaps[-1], f"Your `gap`, {100 * gaps[-1]:.3g}, is in percent; the task asks for a number between 0 "
         "and 1."),
        (logged["val_loss"][-1] - logged["loss"][-1], "Your `gap` is the difference of the losses; the task asks for "
         "that of the accuracies."),
        (gaps[best], "Your `gap` is that after your best epoch; the task asks for the gap after the last."),
        (gaps[0], "Your `gap` is that after the first epoch; the task asks for the gap after the last."),
        (logged["val_accuracy"][-1], "Your `gap` is the validation accuracy itself; the task asks how far the two are "
         "apart."),
        (0.3, "Your `gap` is 0.3, and your curves say something else. It is a difference of two accuracies, the "
         "training's and the validation's, each after the last epoch."),
        (gaps.tolist(), "`gap` is a list; the task asks for a number."),
    ):  # fmt: skip
        assert message({**solved, "gap": got}) == said


def test_no_model_and_an_absurd_one(solved):
    for got, said in (
        (None, "`model` is None: no model has been made yet. Build one, and give it that name."),
        ("mlp", "`model` is a str; the task asks for a Keras model."),
        (solved["history"], "`model` is the History that fit returns; the task asks for the model that was trained."),
    ):
        assert message({**solved, "model": got}) == said
    model = made(to=FIT)["model"]
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.optimizer.iterations.assign(1600)
    assert message({**solved, "model": model, "history": SimpleNamespace(history=solved["history"].history)}) == (
        "Your model gives NaN: its weights have left all bounds in training. Is the learning rate too large?"
    )


def test_right_answers_in_another_style_pass(few_seeds):
    (X, y), _ = mlplab.load_data("fashion-mnist")
    X = X / np.float32(255)
    keras.utils.set_random_seed(5)
    layers = keras.layers
    model = keras.Sequential([layers.Reshape((784,)), layers.Dense(128), layers.ReLU(), layers.Dense(10)])
    model.add(layers.Activation("softmax"))
    model.compile(keras.optimizers.Adam(), keras.losses.SparseCategoricalCrossentropy(), metrics=["acc"])
    held_out = X[55_000:], y[55_000:]
    history = model.fit(
        X[:2000], y[:2000], 50, epochs=40, validation_data=held_out, validation_batch_size=1000, verbose=0
    )
    best_epoch = np.argmin(history.history["val_loss"]) + 1
    gap = model.evaluate(X[:2000], y[:2000], verbose=0)[1] - model.evaluate(*held_out, verbose=0)[1]
    for told in (gap, np.float32(round(history.history["acc"][-1] - history.history["val_acc"][-1], 2))):
        answer = check(NAME, model=model, history=history, best_epoch=best_epoch, gap=told)
        assert answer.passed, answer
