"""The learning rate: wrong rates, wrong models, and right answers. The solution is trained once."""

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
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.exercise import find

NAME = "learning-rate"
CHECKS = find(NAME)._module
Names = dict[str, Any]
RATES = {1e-5: 0.55, 1e-4: 0.77, 1e-3: 0.85, 0.01: 0.86, 0.1: 0.1}
PERCENT = "; an accuracy lies between 0 and 1. Is it a loss, or in percent?"
MISTAKES = [
    ({rate: 100 * value for rate, value in RATES.items()}, 0.01, f"`rates[1e-05]` is 55{PERCENT}"),
    ({**RATES, 0.001: 1.25}, 0.01, f"`rates[0.001]` is 1.25{PERCENT}"),
    ({value: rate for rate, value in RATES.items()}, 0.01,
     "Your `rates` is swapped: the rates are its keys, the accuracies its values."),
    ({str(rate): value for rate, value in RATES.items()}, 0.01,
     "`rates` has the key '1e-05'; its keys are rates, numbers above 0. Write it without quotes."),
    ({-5: 0.5, **RATES}, 0.01, "`rates` has the key -5; its keys are rates, numbers above 0."),
    ({**RATES, 0.01: [0.1, 0.86]}, 0.01, "`rates[0.01]` is a list; the task asks for a number."),
    (list(RATES.items()), 0.01,
     "`rates` is a list; the task asks for a dict, with each rate and its validation accuracy."),
    (RATES, 0.1, "`best_rate` is 0.1, and another rate has a higher accuracy in `rates`. Did you take the smallest "
     "accuracy?"),
    (RATES, 1e-4, "`best_rate` is 0.0001, and another rate has a higher accuracy in `rates`."),
    (RATES, 0.86, "`best_rate` is 0.86, which is an accuracy; the task asks for its rate."),
    (RATES, 0.005, "`best_rate` is 0.005, which is not among the rates you tried: 1e-05, 0.0001, 0.001, 0.01, 0.1."),
    ({**RATES, 0.1: 0.9}, 0.1,
     "Your best rate, 0.1, is the largest you tried: a larger one may be better. Try larger ones, until the accuracy "
     "falls."),
    ({**RATES, 1e-5: 0.9}, 1e-5, "Your best rate, 1e-05, is the smallest you tried: a smaller one may be better. Try "
     "smaller ones, until the accuracy falls."),
    ({**RATES, 0.1: 0.855}, 0.01,
     "Your largest rate, 0.1, is hardly worse than the best: 0.855 against 0.860. Try larger ones, until one is at "
     "least 0.02 worse."),
]  # fmt: skip


@pytest.mark.parametrize(("rates", "best", "message"), MISTAKES)
def test_each_mistake_with_the_rates_has_its_message(rates, best, message):
    def check():
        tried = CHECKS._tried(rates)
        CHECKS._between(tried, CHECKS._best(tried, best))

    with pytest.raises(WrongAnswer, match=f"^{re.escape(message)}$"):
        check()


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


WRONG: dict[str, tuple[Callable[[Names], Names], str]] = {
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
        lambda made: {"rates": {rate: value + 0.1 for rate, value in made["rates"].items()}},
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


@pytest.mark.slow
@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_result_has_its_message(what, solved):
    change, message = WRONG[what]
    answer = answer_to(NAME, {**solved, **change(solved)})
    assert not answer.passed
    expected = "[0-9.]+".join(re.escape(part) for part in message.split("#"))
    assert re.fullmatch(expected, answer.message), answer.message


@pytest.mark.slow
def test_the_solution_passes_with_any_numbers_and_more_rates(solved, monkeypatch):
    usual = {"validation accuracy": (0.8323, 0.8409, 0.8463)}  # what three seeds of the solution reached
    monkeypatch.setattr("mlplab.course.checking.usual_values", lambda *_: usual)
    answer = answer_to(NAME, solved)
    assert answer.passed, answer
    rates = {np.float32(rate): jnp.float32(value) for rate, value in solved["rates"].items()}
    more = {"rates": {1.0: 0.1, **rates, 2e-5: 0.6, 3.0: 0.1}, "best_rate": np.float64(solved["best_rate"])}
    answer = answer_to(NAME, {**solved, **more})
    assert answer.passed, answer


JUNK = [None, "0.01", [], {}, {"a": None}, {0.1: "x"}, {None: 1}, float("nan"), True, np.zeros(3), object(), dict]


@pytest.mark.parametrize("check", [CHECKS._tried, lambda value: CHECKS._best(RATES, value)])
def test_anything_else_is_answered_too(check):
    for junk in JUNK:
        with pytest.raises(WrongAnswer, match="rate"):
            check(junk)
