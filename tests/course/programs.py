"""Run solutions and starters with edits: with real training, or with a `fit` that trains nothing."""

import functools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.course.answer import Answer
from mlplab.course.checking import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program

Edit = tuple[str, str]


def run(name: str, *edits: Edit, starter: bool = False, **constants: Any) -> dict[str, Any]:
    """Run the edited solution (or starter) and return its names."""
    exercise = find(name)
    text = exercise.starter if starter else exercise.solution
    for old, new in edits:
        assert old in text, f"{old!r} is not in the program of {name}"
        text = text.replace(old, new)
    return run_program(text, exercise.folder / "solution.py", constants)


def answer_to(name: str, made: dict[str, Any]) -> Answer:
    """Check the names of a program that the exercise asks for."""
    exercise = find(name)
    return check(exercise, {key: made[key] for key in exercise.parameters if key in made})


def build(name: str, *edits: Edit, **more: Any) -> dict[str, Any]:
    """Run a program on a few empty images, with functions that train and evaluate nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlplab, "load_data", functools.partial(_empty_images, rows=64))
        patch.setattr(mlplab, "fit", functools.partial(count_steps, counted=False))
        patch.setattr(mlplab, "evaluate", lambda *_, **__: (2.3, 0.5))
        patch.setattr(mlplab, "predict", lambda model, images, **_: np.zeros((len(images), 10)))
        return run(name, *edits, **more)


def count(name: str, *edits: Edit, **more: Any) -> dict[str, Any]:
    """Run a program with a `fit` that only counts its steps, on as many images as the data set has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlplab, "load_data", _empty_images)
        patch.setattr(mlplab, "fit", count_steps)
        patch.setattr(mlplab, "evaluate", lambda *_, **__: (2.3, 0.5))
        patch.setattr(mlplab, "predict", lambda model, images, **_: np.zeros((len(images), 10)))
        return run(name, *edits, **more)


def _empty_images(dataset: str, rows: int | None = None):
    number, side = (1442, 8) if dataset == "digits" else (60_000, 28)
    tests = {"digits": 355}.get(dataset, 10_000)
    return tuple(
        (np.broadcast_to(np.uint8(1), (min(n, rows or n), side, side)), np.arange(min(n, rows or n)) % 10)
        for n in (number, tests)
    )


def count_steps(model, x, y=None, *, epochs=1, batch_size=32, validation_data=None, counted=True, **_):
    """Leave a model as `fit` leaves it, except for the weights; not `counted`: return the History only."""
    steps, history = math.ceil(len(x) / batch_size), keras.callbacks.History()
    history.set_params({"epochs": epochs, "steps": steps, "verbose": 0})
    history.epoch = list(range(epochs))
    names = ["accuracy", "loss", *(["val_accuracy", "val_loss"] if validation_data is not None else [])]
    history.history = {name: [0.5] * epochs for name in names}
    if counted:
        if not model.built:
            model.build((None, *x.shape[1:]))
        model.optimizer.build(model.trainable_variables)
        model.optimizer.iterations.assign_add(steps * epochs)
        history.set_model(model)
        model.history = history
    return history


def copy(model: keras.Model, epochs: int | None = None, logs: dict[str, Any] | None = None) -> keras.Model:
    """Copy a trained model, with other logs or another number of epochs in its history."""
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    clone.compile(loss=model.loss, optimizer=type(model.optimizer)(float(model.optimizer.learning_rate)))
    clone.optimizer.build(clone.trainable_variables)
    steps = model.history.params["steps"]
    epochs = len(model.history.epoch) if epochs is None else epochs
    clone.optimizer.iterations.assign(steps * epochs)
    logs = {**model.history.history, **(logs or {})}
    clone.history = SimpleNamespace(history=logs, params={"steps": steps}, epoch=list(range(epochs)), model=clone)
    return clone
