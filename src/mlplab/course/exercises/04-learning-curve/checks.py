"""Compare the learner's readings with the curves in the History, and the History with the model's outputs."""

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
    yield expect.trained(model, epochs=EPOCHS, rows=ROWS, batch_size=BATCH_SIZE)
    yield expect.history(history, epochs=EPOCHS)
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
        above="2,000 images do not lead to so high an accuracy: were held-out images among the training images?",
    )
    yield Measured(
        "gap",
        float(watching.accuracy_curves(history)[0][-1] - accuracy),
        below="This network overfits more: is there something in it that the task does not mention?",
        above=None,
    )


def _best(history: Any, best_epoch: Any) -> str:
    got, losses = expect.number(best_epoch, "best_epoch"), watching.curve(history, "val_loss")
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
    if got not in range(1, EPOCHS + 1):
        return f"`best_epoch` is {got:g}; the task asks for the number of an epoch, 1 to {EPOCHS}."
    place = int(got) - 1
    training, validation = watching.accuracy_curves(history)
    for highest, curve in (
        ("lowest training loss", -watching.curve(history, "loss")),
        ("highest validation accuracy", validation),
        ("highest training accuracy", training),
        ("highest validation loss", losses),
    ):
        if curve[place] == curve.max():
            return f"Epoch {got:g} has the {highest}; the task asks for the lowest validation loss."
    last = " The longest training need not be the best." if got == EPOCHS else ""
    return (
        f"After your `best_epoch`, {got:g}, the validation loss is {losses[place]:.3f}; after another epoch it is "
        f"lower.{last}"
    )


def _gap(history: Any, gap: Any, measured: float) -> str:
    """Accept the gap of the last logs, that of the final model, and values between them."""
    got, gaps = expect.number(gap, "gap"), np.subtract(*watching.accuracy_curves(history))
    if _between(got, gaps[-1], measured):
        return f"In the end the two accuracies are {gaps[-1]:.3f} apart"
    raise WrongAnswer(_another_gap(history, got, gaps, measured))


def _another_gap(history: Any, got: float, gaps: np.ndarray, measured: float) -> str:
    """Describe which number was taken for the gap."""
    if _between(-got, gaps[-1], measured):
        return "Your `gap` has the wrong sign: the task asks for training accuracy minus validation accuracy."
    if _between(abs(got) / 100, abs(gaps[-1]), abs(measured)):
        return f"Your `gap`, {got:.3g}, is in percent; the task asks for a number between 0 and 1."
    losses = watching.curve(history, "val_loss")
    if _between(abs(got), abs(losses[-1] - watching.curve(history, "loss")[-1])):
        return "Your `gap` is the difference of the losses; the task asks for that of the accuracies."
    for epoch, what in ((losses.argmin(), "your best epoch"), (0, "the first epoch")):
        if _between(got, gaps[epoch]):
            return f"Your `gap` is that after {what}; the task asks for the gap after the last."
    for name, accuracies in zip(("training", "validation"), watching.accuracy_curves(history), strict=True):
        if _between(got, accuracies[-1]):
            return f"Your `gap` is the {name} accuracy itself; the task asks for the difference of the two."
    return (
        f"Your `gap` is {got:.3g}, which does not fit your curves. It is the training accuracy minus the validation "
        "accuracy, both after the last epoch."
    )


def _between(got: float, *ends: float) -> bool:
    return min(ends) - ROUNDING <= got <= max(ends) + ROUNDING
