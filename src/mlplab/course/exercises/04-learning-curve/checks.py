"""Compare the learner's readings with the curves in the History, and the History with the model's outputs."""

import math
from typing import Any

import numpy as np

from mlplab.course.checks import expect, watching
from mlplab.course.checks.findings import Measured, WrongAnswer
from mlplab.course.checks.layers import dense, flatten

DATASET = "fashion-mnist"
LAYERS = [flatten(), dense(128, "relu"), dense(10, "softmax")]
ROWS, BATCH_SIZE, EPOCHS = 2_000, 50, 40
TRAINED_ON, HELD_OUT = slice(ROWS), slice(-5_000, None)
ROUNDING = 0.006
"""Error of a gap with two decimals."""


def check(model, history, best_epoch, gap):
    yield expect.model(model, DATASET)
    yield expect.layers(model, LAYERS)
    yield expect.compiled(model, learning_rate=0.001)
    yield watching.steps_an_epoch(model, ROWS, BATCH_SIZE)
    yield expect.trained(model, epochs=EPOCHS, rows=ROWS, batch_size=BATCH_SIZE)
    yield expect.history(history, epochs=EPOCHS)
    _whole(history)
    yield watching.of_this_model(model, history)
    accuracy = expect.accuracy(model, DATASET, "train", HELD_OUT)
    known = expect.accuracy(model, DATASET, "train", TRAINED_ON)
    yield watching.validated_on(model, history, DATASET, HELD_OUT, TRAINED_ON)
    yield watching.trained_on(history, known, "the first 2,000 training images")
    yield _best(history, best_epoch)
    yield _gap(history, gap, known - accuracy)
    yield Measured(
        "validation accuracy",
        accuracy,
        above="2,000 images do not teach so much: were held-out images among the training images?",
    )
    yield Measured(
        "gap",
        float(watching.accuracy_curves(history)[0][-1] - accuracy),
        below="This network overfits more: is there something in it that the task does not mention?",
        above=None,
    )


def _whole(history: Any) -> None:
    """Require a value for each epoch in every curve."""
    curves = (watching.curve(history, "loss"), watching.curve(history, "val_loss"), *watching.accuracy_curves(history))
    if any(len(curve) != EPOCHS for curve in curves):
        raise WrongAnswer(
            f"The curves in `history` have {' and '.join(str(n) for n in sorted({len(curve) for curve in curves}))} "
            f"epochs; each has {EPOCHS} if fit measured both after every epoch."
        )


def _best(history: Any, best_epoch: Any) -> str:
    losses = watching.curve(history, "val_loss")
    got = expect.number(best_epoch, "best_epoch")
    if got - 1 in np.flatnonzero(losses == losses.min()):
        return (
            f"The validation loss is lowest after epoch {got:g} of {EPOCHS}: {losses.min():.3f}; "
            f"after the last it is {losses[-1]:.3f}"
        )
    raise WrongAnswer(_another_epoch(history, losses, got))


def _another_epoch(history: Any, losses: np.ndarray, got: float) -> str:
    """Describe which epoch was taken for the best."""
    if got in np.flatnonzero(losses == losses.min()):
        return "Your `best_epoch` is counted from 0, as Python counts places; the task counts epochs from 1."
    if abs(got - losses.min()) < ROUNDING:
        return f"`best_epoch` is {got:.3g}, the lowest loss itself; the task asks for the number of its epoch."
    if not got.is_integer() or not 1 <= got <= EPOCHS:
        return f"`best_epoch` is {got:g}; the task asks for the number of an epoch, 1 to {EPOCHS}."
    training, validation = watching.accuracy_curves(history)
    training_losses = watching.curve(history, "loss")
    taken = (
        ("lowest training loss", training_losses == training_losses.min()),
        ("highest validation accuracy", validation == validation.max()),
        ("highest training accuracy", training == training.max()),
        ("highest validation loss", losses == losses.max()),
    )
    for what, epochs in taken:
        if got - 1 in np.flatnonzero(epochs):
            return f"Epoch {got:g} has the {what}; the task asks for the lowest validation loss."
    last = " The longest training need not be the best." if got == EPOCHS else ""
    return (
        f"After your `best_epoch`, {got:g}, the validation loss is {losses[int(got) - 1]:.3f}; after another epoch it "
        f"is lower.{last}"
    )


def _gap(history: Any, gap: Any, measured: float) -> str:
    """Accept the gap of the last logs, that of the final model, and values between them."""
    training, validation = watching.accuracy_curves(history)
    logged = float(training[-1] - validation[-1])
    got = expect.number(gap, "gap")
    if _between(got, logged, measured):
        return f"In the end the two accuracies are {logged:.3f} apart"
    raise WrongAnswer(_another_gap(history, got, logged, measured))


def _another_gap(history: Any, got: float, logged: float, measured: float) -> str:
    """Describe which number was taken for the gap."""
    if _between(-got, logged, measured):
        return "Your `gap` has the wrong sign: the task asks for training accuracy minus validation accuracy."
    if _between(got / 100, logged, measured) or _between(-got / 100, logged, measured):
        return f"Your `gap`, {got:.3g}, is in percent; the task asks for a number between 0 and 1."
    losses = watching.curve(history, "val_loss")
    last = float(losses[-1] - watching.curve(history, "loss")[-1])
    if math.isclose(abs(got), abs(last), abs_tol=ROUNDING):
        return "Your `gap` is the difference of the losses; the task asks for that of the accuracies."
    training, validation = watching.accuracy_curves(history)
    for epoch, what in ((int(losses.argmin()), "your best epoch"), (0, "the first epoch")):
        if _between(got, float(training[epoch] - validation[epoch])):
            return f"Your `gap` is that after {what}; the task asks for the gap after the last."
    for name, value in (("training", training[-1]), ("validation", validation[-1])):
        if _between(got, float(value)):
            return f"Your `gap` is the {name} accuracy itself; the task asks for the difference of the two."
    return (
        f"Your `gap` is {got:.3g}, which does not fit your curves. It is the training accuracy minus the validation "
        "accuracy, both after the last epoch."
    )


def _between(got: float, *ends: float) -> bool:
    return min(ends) - ROUNDING <= got <= max(ends) + ROUNDING
