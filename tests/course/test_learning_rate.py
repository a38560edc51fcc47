"""The learning rate: its wrong answers, and right ones in another style."""

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from wrong import Wrong

import mlplab
from mlplab import course, keras
from mlplab.course.answer import Answer
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program

NAME = "learning-rate"
Names = dict[str, Any]

WRONG = [
    Wrong(
        "an extra layer",
        "    outputs =",
        '    x = layers.Dense(64, activation="relu")(x)\n    outputs =',
        "Your model has 2 hidden Dense layers; the task asks for 1.",
    ),
    Wrong("32 units", "Dense(64", "Dense(32", "Your first Dense layer has 32 units; the task asks for 64."),
    Wrong(
        "sigmoid in place of relu",
        "relu",
        "sigmoid",
        "Your first Dense layer has the activation sigmoid; the task asks for the activation relu.",
    ),
    Wrong(
        "no softmax",
        'Dense(10, activation="softmax")',
        "Dense(10)",
        "Your output layer has no activation; the task asks for the activation softmax.",
    ),
    Wrong(
        "dropout that was not asked for",
        "    outputs =",
        "    x = layers.Dropout(0.2)(x)\n    outputs =",
        "There is a Dropout layer after your first Dense layer that the task does not ask for.",
    ),
    Wrong("another optimizer", "Adam(rate)", "SGD(rate)", "Your optimizer is sgd; the task asks for adam."),
    Wrong(
        "another loss",
        "categorical_crossentropy",
        "mean_squared_error",
        "Your loss is mean_squared_error; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "a loss for class numbers",
        "model = models[best_rate]",
        'model = models[best_rate]\nmodel.compile(loss="sparse_categorical_crossentropy", optimizer="adam")',
        "Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
        "It wants class numbers; the labels here are one-hot, (n, 10).",
    ),
    Wrong(
        "a single rate",
        "[0.00001, 0.0001, 0.001, 0.01, 0.1]",
        "[0.001]",
        "Your `rates` has 1 rate; the task asks for at least four.",
    ),
    Wrong(
        "rates too near to each other",
        "[0.00001, 0.0001, 0.001, 0.01, 0.1]",
        "[0.001, 0.002, 0.005, 0.01]",
        "Your largest rate, 0.01, is 10 times the smallest, 0.001; the task asks for at least 1,000 times.",
    ),
    Wrong(
        "the model of the last rate",
        "model = models[best_rate]",
        "",
        "Your model has the learning rate 0.1, and your best rate is 1e-05. It is the one that you tried last.",
    ),
    Wrong(
        "the rate not given to the optimizer",
        "keras.optimizers.Adam(rate)",
        '"adam"',
        "Your model has the learning rate 0.001, and your best rate is 1e-05.",
    ),
    Wrong(
        "not trained",
        "",
        "",
        "Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing.",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_each_wrong_answer_has_its_message(wrong):
    answer = wrong.answer(NAME)
    assert not answer.passed
    assert answer.message == wrong.message


@pytest.fixture(scope="module")
def solved() -> Names:
    """What the solution makes."""
    exercise = find(NAME)
    return run_program(exercise.solution, exercise.folder / "solution.py", {})


def trained(
    made: Names, rate: float = 0.01, images: int = 20_000, largest: float = 1, new: bool = True, **more: Any
) -> Names:
    """The model trained again, otherwise than asked; its own accuracy is the best of the rates."""
    model = keras.models.clone_model(made["model"])
    if not new:
        model.set_weights(made["models"][0.001].get_weights())
    model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(rate), metrics=["accuracy"])
    pixels, targets = made["X"] * largest, made["Y"]
    how = {"epochs": 3, "batch_size": 128, "verbose": 0, "seed": 7, **more}
    mlplab.fit(model, pixels[:images], targets[:images], **how)
    accuracy = mlplab.evaluate(model, pixels[50_000:], targets[50_000:], batch_size=1000, verbose=0)[1]
    return {"model": model, "rates": {**dict.fromkeys(made["rates"], 0.1), rate: accuracy}, "best_rate": rate}


def on(made: Names, images: Any, targets: Any) -> Names:
    """The best model's accuracy on other images."""
    accuracy = mlplab.evaluate(made["model"], images, targets, batch_size=1000, verbose=0)[1]
    return {"rates": {**made["rates"], made["best_rate"]: accuracy}}


def unseen() -> tuple[np.ndarray, np.ndarray]:
    _, (images, labels) = mlplab.load_data("fashion-mnist")
    return images.astype("float32") / 255, keras.utils.to_categorical(labels)


def _of_rates(change: Callable[[dict[float, float]], Any]) -> Callable[[Names], Names]:
    return lambda made: {"rates": change(made["rates"])}


IN_WORDS = "Is it a loss, or in percent?"
CHANGED: dict[str, tuple[Callable[[Names], Names], str]] = {
    "percent": (
        _of_rates(lambda rates: {rate: round(100 * value) for rate, value in rates.items()}),
        f"`rates[1e-05]` is 55; an accuracy lies between 0 and 1. {IN_WORDS}",
    ),
    "losses": (
        _of_rates(lambda rates: {rate: 2.25 - 2 * value for rate, value in rates.items()}),
        f"`rates[1e-05]` is #; an accuracy lies between 0 and 1. {IN_WORDS}",
    ),
    "turned around": (
        _of_rates(lambda rates: {value: rate for rate, value in rates.items()}),
        "Your `rates` is turned around: the rates are its keys, and the accuracies its values.",
    ),
    "rates in quotes": (
        _of_rates(lambda rates: {str(rate): value for rate, value in rates.items()}),
        "`rates` has the key '1e-05'; its keys are rates, numbers above 0. Write it without quotes.",
    ),
    "exponents for rates": (
        _of_rates(lambda rates: dict(zip(range(-5, 0), rates.values(), strict=True))),
        "`rates` has the key -5; its keys are rates, numbers above 0.",
    ),
    "accuracies of every epoch": (
        _of_rates(lambda rates: {rate: [0.1, 0.2, value] for rate, value in rates.items()}),
        "`rates[1e-05]` is a list; the task asks for a number.",
    ),
    "a list of pairs": (
        _of_rates(lambda rates: list(rates.items())),
        "`rates` is a list; the task asks for a dict, with each rate and its validation accuracy.",
    ),
    "the smallest taken for the best": (
        lambda made: {"best_rate": min(made["rates"], key=made["rates"].get)},
        "`best_rate` is 0.1, and another of your rates has a higher accuracy in `rates`. "
        "It is the worst of all: was the smallest value taken?",
    ),
    "not the best": (
        lambda made: {"best_rate": 1e-4},
        "`best_rate` is 0.0001, and another of your rates has a higher accuracy in `rates`.",
    ),
    "the best accuracy in place of its rate": (
        lambda made: {"best_rate": max(made["rates"].values())},
        "`best_rate` is #, which is an accuracy; the task asks for the rate that reached it.",
    ),
    "a rate that was not tried": (
        lambda made: {"best_rate": 0.005},
        "`best_rate` is 0.005, which is not among the rates you tried: 1e-05, 0.0001, 0.001, 0.01, 0.1.",
    ),
    "the best at the upper end": (
        lambda made: {"rates": {1e-6: 0.1, 1e-5: 0.5, 1e-4: 0.7, made["best_rate"]: made["rates"][made["best_rate"]]}},
        "Your best rate, 0.01, is the largest you tried: who knows what a larger one does? "
        "Try larger ones, until the accuracy falls.",
    ),
    "the best at the lower end": (
        lambda made: {"rates": {made["best_rate"]: made["rates"][made["best_rate"]], 0.1: 0.4, 1.0: 0.1, 10.0: 0.1}},
        "Your best rate, 0.01, is the smallest you tried: who knows what a smaller one does? "
        "Try smaller ones, until the accuracy falls.",
    ),
    "an end that is as good": (
        _of_rates(lambda rates: {**rates, 0.02: 0.82, 0.1: max(rates.values()) - 0.01}),
        "Your largest rate, 0.1, is hardly worse than the best: # against #. "
        "Try larger ones, until one is at least 0.02 worse.",
    ),
    "chosen with the test images": (
        lambda made: on(made, *unseen()),
        "Your `rates` has accuracies on the test images. Who chooses with the test set has no test any more: "
        "take the last 10,000 training images.",
    ),
    "accuracies on the training images": (
        lambda made: on(made, made["X_train"], made["Y_train"]),
        "Your `rates` has accuracies on the images that were trained on; the task asks for those on the last "
        "10,000 training images, which were not.",
    ),
    "accuracies of another model": (
        _of_rates(lambda rates: {rate: value + 0.1 for rate, value in rates.items()}),
        "Your `rates` has # for the best rate, and your model gets # of the last 10,000 training images right. "
        "Are these the images that you measured with, and was the model trained likewise?",
    ),
    "validated on the test images": (
        lambda made: trained(made, validation_data=unseen()),
        "Your validation loss is the loss on the test images. Who chooses with the test set has no test any more: "
        "hold out some training images.",
    ),
    "one network for all rates": (
        lambda made: trained(made, new=False),
        "Your model got # of its training images right in its first epoch already: it was not new. "
        "Build the network anew for every rate, or each goes on from where the one before ended.",
    ),
    "too few epochs": (
        lambda made: trained(made, epochs=1),
        "Your model was trained for 1 epoch; the task asks for 3.",
    ),
    "other batches": (
        lambda made: trained(made, batch_size=256),
        "Your batches have 256 images; the task asks for 128.",
    ),
}


def checked(made: Names, changes: Names) -> Answer:
    names = {name: {**made, **changes}[name] for name in ("model", "rates", "best_rate")}
    return course.check(NAME, **names)


@pytest.mark.parametrize("what", CHANGED)
def test_each_wrong_result_has_its_message(what, solved, few_seeds):
    change, message = CHANGED[what]
    answer = checked(solved, change(solved))
    assert not answer.passed
    expected = "[0-9.]+".join(re.escape(part) for part in message.split("#"))
    assert re.fullmatch(expected, answer.message), answer.message


def test_training_on_the_images_held_out_is_seen(solved, few_seeds):
    changed = trained(solved, images=60_000)
    assert "in batches of 128 make 157" in checked(solved, changed).message


def test_pixels_that_are_not_scaled_are_named(solved, few_seeds):
    answer = checked(solved, trained(solved, rate=0.0001, largest=255))
    assert not answer.passed
    assert re.search("divided? .*by 255", answer.message, re.IGNORECASE), answer.message


RIGHT: dict[str, Callable[[Names], Names]] = {
    "as the solution has it": lambda made: {},
    "numbers of NumPy and JAX": lambda made: {
        "rates": {np.float32(rate): jnp.float32(value) for rate, value in made["rates"].items()},
        "best_rate": np.float64(made["best_rate"]),
    },
    "trained again with another seed": lambda made: {"model": trained(made)["model"]},
    "validated by fit": lambda made: trained(made, validation_data=(made["X_valid"], made["Y_valid"])),
    "more rates, in no order": lambda made: {"rates": {1.0: 0.1, **made["rates"], 2e-5: 0.6, 3.0: 0.1}},
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_pass(style, solved, few_seeds):
    answer = checked(solved, RIGHT[style](solved))
    assert answer.passed, answer


def test_a_sequential_model_trained_by_keras_passes(solved, few_seeds):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Reshape((784,)), keras.layers.Dense(64), keras.layers.ReLU(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Softmax()])
    rate = solved["best_rate"]
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(), optimizer=keras.optimizers.Adam(rate))
    model.fit(solved["X_train"], solved["Y_train"].argmax(1).astype("int32"), epochs=3, batch_size=128, verbose=0)
    answer = checked(solved, {"model": model})
    assert answer.passed, answer


JUNK = [None, "0.01", [], {}, {"a": None}, {0.1: "x"}, {None: 1}, float("nan"), -1, True, np.zeros(3), object(), dict]


@pytest.mark.parametrize("name", ["model", "rates", "best_rate"])
def test_anything_else_is_answered_too(name, solved):
    for junk in JUNK:
        answer = checked(solved, {name: junk})
        assert not answer.passed
        assert f"`{name}" in answer.message or name == "model"
