"""Compare rates by the learner's accuracies; measure the model of the best one on the rows of the task."""

import math
import reprlib
from collections.abc import Mapping
from typing import Any

from mlplab.course.checks import expect, wording
from mlplab.course.checks.compilation import learning_rate_of
from mlplab.course.checks.findings import Measured, WrongAnswer
from mlplab.course.checks.layers import dense, flatten

DATASET = "fashion-mnist"
LAYERS = [flatten(), dense(64, "relu"), dense(10, "softmax")]
ROWS, BATCH_SIZE, EPOCHS = 20_000, 128, 3
TRAINED_ON, HELD_OUT = slice(ROWS), slice(50_000, None)
CLEARLY = 0.02
ANOTHER_SEED = 0.03
"""Accuracies of two trainings with the same rate and other seeds differ less."""
FRESH = 0.79
"""A new network of this size reaches at most 0.78 training accuracy in its first epoch, with any rate."""
SAME = 5e-5
"""Accuracies of 10,000 images that differ less are equal."""


def check(model, rates, best_rate):
    yield expect.model(model, DATASET)
    yield expect.layers(model, LAYERS)
    yield expect.compiled(model)
    tried = _tried(rates)
    best = _best(tried, best_rate)
    yield f"You tried {len(tried)} rates, from {min(tried):g} to {max(tried):g}, and {best:g} is the best of them"
    yield _same_rate(model, best, tried)
    yield expect.trained(model, epochs=EPOCHS, rows=ROWS, batch_size=BATCH_SIZE)
    yield _between(tried, best)
    last = getattr(model, "history", None)
    if last is not None and "val_loss" in last.history:
        yield expect.validated_apart(model, last, DATASET)
    accuracy = expect.accuracy(model, DATASET, "train", HELD_OUT)
    yield _held_out(model, tried[best], accuracy)
    yield _new_network(last)
    expect.not_far_below(accuracy, DATASET, "validation accuracy")
    yield Measured(
        "validation accuracy",
        accuracy,
        below="Is there a better rate between those that you tried?",
        above="3 epochs do not lead to so high an accuracy: was every network new, and trained on the first 20,000 "
        "images only?",
    )


def _tried(rates: Any) -> dict[float, float]:
    """Return the validation accuracies by rate, as plain numbers."""
    if not isinstance(rates, Mapping):
        raise WrongAnswer(
            f"`rates` is {wording.kind(rates)}; the task asks for a dict, with each rate and its validation accuracy."
        )
    tried = {_rate(rate): value for rate, value in rates.items()}
    tried = {rate: expect.number(value, f"rates[{rate:g}]") for rate, value in tried.items()}
    if len(tried) < 4:
        number = f"{len(tried) or 'no'} rate{'' if len(tried) == 1 else 's'}"
        raise WrongAnswer(f"Your `rates` has {number}; the task asks for at least four.")
    if _span(tried.values()) >= 999 > _span(tried):
        raise WrongAnswer("Your `rates` is swapped: the rates are its keys, the accuracies its values.")
    for rate, value in tried.items():
        if not 0 <= value <= 1:
            raise WrongAnswer(
                f"`rates[{rate:g}]` is {value:.4g}; an accuracy lies between 0 and 1. Is it a loss, or in percent?"
            )
    if _span(tried) < 999:  # 1,000, but for rounding
        raise WrongAnswer(
            f"Your largest rate, {max(tried):g}, is {_span(tried):.4g} times the smallest, {min(tried):g}; the task "
            "asks for at least 1,000 times."
        )
    return tried


def _rate(key: Any) -> float:
    quoted = " Write it without quotes." if isinstance(key, str) else ""
    try:
        rate = expect.number(key, "rate")
    except WrongAnswer:
        rate = math.nan
    if not rate > 0:
        raise WrongAnswer(f"`rates` has the key {reprlib.repr(key)}; its keys are rates, numbers above 0.{quoted}")
    return rate


def _span(values: Any) -> float:
    return max(values) / min(values) if min(values) > 0 else math.nan


def _best(tried: dict[float, float], best_rate: Any) -> float:
    """Return the key of `tried` that the learner submitted as the best, if it is."""
    got = expect.number(best_rate, "best_rate")
    best = next((rate for rate in tried if math.isclose(rate, got, rel_tol=1e-4)), None)
    if best is None and any(math.isclose(value, got, rel_tol=1e-4) for value in tried.values()):
        raise WrongAnswer(f"`best_rate` is {got:.4g}, which is an accuracy; the task asks for its rate.")
    if best is None:
        raise WrongAnswer(
            f"`best_rate` is {got:g}, which is not among the rates you tried: "
            f"{', '.join(f'{rate:g}' for rate in sorted(tried))}."
        )
    if tried[best] < max(tried.values()):
        worst = " Did you take the smallest accuracy?" if tried[best] == min(tried.values()) else ""
        raise WrongAnswer(f"`best_rate` is {best:g}, and another rate has a higher accuracy in `rates`.{worst}")
    return best


def _same_rate(model: Any, best: float, tried: dict[float, float]) -> str:
    rate = learning_rate_of(model)
    if not math.isclose(rate, best, rel_tol=1e-4):
        last = " It is the one that you tried last." if math.isclose(rate, list(tried)[-1], rel_tol=1e-4) else ""
        raise WrongAnswer(f"Your model has the learning rate {rate:g}, and your best rate is {best:g}.{last}")
    return f"The model has the learning rate {best:g}"


def _between(tried: dict[float, float], best: float) -> str:
    """Require that both ends are clearly worse than the best."""
    for end, name, more in ((min(tried), "smallest", "smaller"), (max(tried), "largest", "larger")):
        if end == best:
            raise WrongAnswer(
                f"Your best rate, {best:g}, is the {name} you tried: a {more} one may be better. "
                f"Try {more} ones, until the accuracy falls."
            )
        if tried[best] - tried[end] < CLEARLY - SAME:
            raise WrongAnswer(
                f"Your {name} rate, {end:g}, is hardly worse than the best: {tried[end]:.3f} against "
                f"{tried[best]:.3f}. Try {more} ones, until one is at least {CLEARLY:g} worse."
            )
    return "Rates on both sides of it are clearly worse"


def _held_out(model: Any, reported: float, accuracy: float) -> str:
    """Require that `rates` has the model's accuracy on the validation images, or that of a training like it."""
    right = "Its accuracy in `rates` is that on the held-out images"
    if abs(reported - accuracy) < SAME:
        return right
    if abs(reported - expect.accuracy(model, DATASET, "test")) < SAME:
        raise WrongAnswer(
            "Your `rates` has accuracies on the test images; the last 10,000 training images are for choosing."
        )
    logged = getattr(getattr(model, "history", None), "history", {}).get("accuracy", [])
    if any(abs(reported - value) < SAME for value in (*logged, expect.accuracy(model, DATASET, "train", TRAINED_ON))):
        raise WrongAnswer(
            "Your `rates` has accuracies on the images of the training; the task asks for those on the last 10,000 "
            "training images, which the network has not seen."
        )
    if abs(reported - accuracy) > ANOTHER_SEED:
        raise WrongAnswer(
            f"Your `rates` has {reported:.3f} for the best rate, but your model's accuracy on the last 10,000 "
            f"training images is {accuracy:.3f}. Did you measure on these images, with a model trained the same way?"
        )
    return right


def _new_network(last: Any) -> str:
    """Require the first epoch of a new network in its History, not a continued training with another rate."""
    logged = [] if last is None else last.history.get("accuracy", [])
    if len(logged) == EPOCHS and logged[0] > FRESH:
        raise WrongAnswer(
            f"Your model's training accuracy was {logged[0]:.3f} in its first epoch already: it was not new. Build "
            "a new network for every rate, or each continues the training of the one before."
        )
    return "The network was new when its training began"
