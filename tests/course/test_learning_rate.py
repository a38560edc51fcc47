"""The learning rate: wrong results and right ones. The solution is trained once."""

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from programs import answer_to, copy, run

import mlplab
from mlplab import keras
from mlplab.course.checks import watching

NAME = "learning-rate"
Names = dict[str, Any]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solved() -> Names:
    return run(NAME)


def with_logs(made: Names, **logs: Any) -> Names:
    """The best model with other logs in its history."""
    return {"model": copy(made["model"], logs=logs)}


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
        "Your `rates` is swapped: the rates are its keys, the accuracies its values.",
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
        "`best_rate` is 0.1, and another rate has a higher accuracy in `rates`. Did you take the smallest accuracy?",
    ),
    "not the best": (
        lambda made: {"best_rate": 1e-4},
        "`best_rate` is 0.0001, and another rate has a higher accuracy in `rates`.",
    ),
    "the best accuracy in place of its rate": (
        lambda made: {"best_rate": max(made["rates"].values())},
        "`best_rate` is #, which is an accuracy; the task asks for its rate.",
    ),
    "a rate that was not tried": (
        lambda made: {"best_rate": 0.005},
        "`best_rate` is 0.005, which is not among the rates you tried: 1e-05, 0.0001, 0.001, 0.01, 0.1.",
    ),
    "the best at the upper end": (
        lambda made: {"rates": {1e-6: 0.1, 1e-5: 0.5, 1e-4: 0.7, made["best_rate"]: made["rates"][made["best_rate"]]}},
        "Your best rate, 0.01, is the largest you tried: a larger one may be better. "
        "Try larger ones, until the accuracy falls.",
    ),
    "the best at the lower end": (
        lambda made: {"rates": {made["best_rate"]: made["rates"][made["best_rate"]], 0.1: 0.4, 1.0: 0.1, 10.0: 0.1}},
        "Your best rate, 0.01, is the smallest you tried: a smaller one may be better. "
        "Try smaller ones, until the accuracy falls.",
    ),
    "an end that is as good": (
        _of_rates(lambda rates: {**rates, 0.02: 0.82, 0.1: max(rates.values()) - 0.01}),
        "Your largest rate, 0.1, is hardly worse than the best: # against #. "
        "Try larger ones, until one is at least 0.02 worse.",
    ),
    "chosen with the test images": (
        lambda made: on(made, *unseen()),
        "Your `rates` has accuracies on the test images; the last 10,000 training images are for choosing.",
    ),
    "accuracies on the training images": (
        lambda made: on(made, made["X_train"], made["Y_train"]),
        "Your `rates` has accuracies on the images of the training; the task asks for those on the last 10,000 "
        "training images, which the network has not seen.",
    ),
    "accuracies of another model": (
        _of_rates(lambda rates: {rate: value + 0.1 for rate, value in rates.items()}),
        "Your `rates` has # for the best rate, but your model's accuracy on the last 10,000 training images is #. "
        "Did you measure on these images, with a model trained the same way?",
    ),
    "validated on the test images": (
        lambda made: with_logs(made, val_loss=[1.0, 1.0, watching.loss_on(made["model"], "fashion-mnist", "test")]),
        "Your validation loss is the loss on the test images. After choosing with it you have no test left. "
        "Hold out some training images.",
    ),
    "one network for all rates": (
        lambda made: with_logs(made, accuracy=[0.85, 0.86, 0.87]),
        "Your model's training accuracy was # in its first epoch already: it was not new. Build a new network for "
        "every rate, or each continues the training of the one before.",
    ),
}


@pytest.mark.parametrize("what", CHANGED)
def test_each_wrong_result_has_its_message(what, solved):
    change, message = CHANGED[what]
    answer = answer_to(NAME, {**solved, **change(solved)})
    assert not answer.passed
    expected = "[0-9.]+".join(re.escape(part) for part in message.split("#"))
    assert re.fullmatch(expected, answer.message), answer.message


def test_pixels_that_are_not_scaled_are_named(solved):
    made = run(NAME, (" / 255", ""), ("0.00001, 0.0001, 0.001, 0.01, 0.1", "0.0001"))
    rates = {**dict.fromkeys(solved["rates"], 0.1), 0.0001: made["rates"][0.0001]}
    answer = answer_to(NAME, {**made, "rates": rates})
    assert not answer.passed
    assert re.search("divided? .*by 255", answer.message, re.IGNORECASE), answer.message


RIGHT: dict[str, Callable[[Names], Names]] = {
    "as the solution has it": lambda made: {},
    "numbers of NumPy and JAX": lambda made: {
        "rates": {np.float32(rate): jnp.float32(value) for rate, value in made["rates"].items()},
        "best_rate": np.float64(made["best_rate"]),
    },
    "more rates, in no order": lambda made: {"rates": {1.0: 0.1, **made["rates"], 2e-5: 0.6, 3.0: 0.1}},
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_pass(style, solved):
    answer = answer_to(NAME, {**solved, **RIGHT[style](solved)})
    assert answer.passed, answer


def test_a_sequential_model_of_another_seed_trained_and_validated_by_keras_passes(solved):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Reshape((784,)), keras.layers.Dense(64), keras.layers.ReLU(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Softmax()])
    rate = solved["best_rate"]
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(), optimizer=keras.optimizers.Adam(rate))
    labels, valid = (solved[name].argmax(1).astype("int32") for name in ("Y_train", "Y_valid"))
    watched = {"validation_data": (solved["X_valid"], valid), "validation_batch_size": 1000}
    model.fit(solved["X_train"], labels, epochs=3, batch_size=128, verbose=0, **watched)
    answer = answer_to(NAME, {**solved, "model": model})
    assert answer.passed, answer


JUNK = [None, "0.01", [], {}, {"a": None}, {0.1: "x"}, {None: 1}, float("nan"), -1, True, np.zeros(3), object(), dict]


@pytest.mark.parametrize("name", ["model", "rates", "best_rate"])
def test_anything_else_is_answered_too(name, solved):
    for junk in JUNK:
        answer = answer_to(NAME, {**solved, name: junk})
        assert not answer.passed
        assert f"`{name}" in answer.message or name == "model"
