"""Find out which images a model was trained on and validated with, from its History and its outputs."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.course.checks import wording
from mlplab.course.checks.compilation import loss_of
from mlplab.course.checks.data import data_of, images_and_labels
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.checks.measuring import PREDICT_ROWS

_SAME_LOSS = 2e-5
_SAME_ON_ACCELERATOR = 1e-3
"""Relative tolerances for the same mean loss computed with another batch size, on a CPU and on an accelerator."""
_FORGOTTEN = 0.05
"""How far the final weights' accuracy may lie below the training accuracy logged for the last epoch."""


def curve(history: Any, name: str) -> np.ndarray:
    """Return the logs of one name, float64, one value per epoch; `WrongAnswer` if they are not finite numbers."""
    try:
        values = np.asarray(history.history[name], float)
    except (KeyError, TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not values.size:
        raise WrongAnswer(f"`history` has no numbers for {name}, one per epoch: submit what fit returned, unchanged.")
    if not np.isfinite(values).all():
        raise WrongAnswer(f"`history` has a {name} that is not a finite number. Was the learning rate too large?")
    return values


def accuracy_curves(history: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return training and validation accuracy; the metric may be "accuracy", "acc", "categorical_accuracy"."""
    for name in map(str, history.history):
        is_accuracy = "acc" in name and f"val_{name}" in history.history
        if is_accuracy and not any(other in name for other in ("binary", "top_k")):
            return curve(history, name), curve(history, f"val_{name}")
    raise WrongAnswer('`history` has no accuracy: compile the model with metrics=["accuracy"].')


def of_this_model(model: Any, history: Any) -> str:
    """Require that the History belongs to the model's training."""
    if getattr(history, "model", model) not in (model, None):
        raise WrongAnswer("`history` is of another model's training; submit what fit returned for `model`.")
    return "`history` is of this model's training"


def validated_on(model: Any, history: Any, dataset: str, held_out: slice, trained_on: slice) -> str:
    """Require validation with the training images `held_out`: the model's loss on them is in the logs."""
    logged, final = curve(history, "val_loss"), losses_of_final_weights(history.history)
    number = len(data_of(dataset).train.labels[held_out])
    named = f"the {number:,} training images that the task holds out"
    averaged = getattr(model.optimizer, "use_ema", False)  # the weights changed when the training ended
    if averaged or is_among(loss_on(model, dataset, "train", held_out), logged.tolist()):
        return f"It was validated with {named}"
    if is_among(loss_on(model, dataset, "test"), final):
        raise WrongAnswer(f"{wording.TEST_SET} Take {named}.")
    if is_among(loss_on(model, dataset, "train", trained_on), final):
        raise WrongAnswer(
            "Your validation images are the training images: they do not show what the model does with new ones. "
            f"Take {named}."
        )
    raise WrongAnswer(
        f"`history` should have your model's loss on {named}, and it does not. Give fit these images as "
        "validation_data, and submit the History of that training."
    )


def trained_on(history: Any, accuracy: float, named: str) -> str:
    """Require that the accuracy on the task's images, `named`, is not far below the last training accuracy."""
    last = float(accuracy_curves(history)[0][-1])
    if accuracy < last - _FORGOTTEN:
        raise WrongAnswer(
            f"Your model should be trained on {named}. Its accuracy on them is {accuracy:.3f}, but `history` ends with "
            f"a training accuracy of {last:.3f}: it was trained on other images. Train it on {named} only."
        )
    return f"It was trained on {named}"


def loss_on(model: Any, dataset: str, part: str, rows: slice = slice(None)) -> float:
    """Return the loss on rows of a part ("train" or "test"), with penalties on weights."""
    from mlplab.engine import evaluate

    images, labels = images_and_labels(dataset, part, rows)
    one_hot = np.eye(len(data_of(dataset).class_names), dtype="float32")
    targets = labels if loss_of(model).startswith("sparse_") else one_hot[labels]
    return evaluate(model, images, targets, batch_size=PREDICT_ROWS, verbose=0, return_dict=True)["loss"]


def losses_of_final_weights(logged: Mapping[str, Any]) -> list[float]:
    """Return the validation losses of the epochs whose weights the model may have: the last, and the best ones."""
    losses = np.asarray(logged["val_loss"], float)
    epochs = {len(losses) - 1, int(losses.argmin())}
    accuracies = [values for name, values in logged.items() if re.match("val_.*acc", str(name))]
    epochs |= {int(np.argmax(values)) for values in accuracies if len(values) == len(losses)}
    return [float(losses[epoch]) for epoch in sorted(epochs)]


def is_among(loss: float, logged: Sequence[float]) -> bool:
    """Whether the logs have a loss, up to rounding."""
    from mlplab.engine.backend import device

    same = _SAME_LOSS if device() == "cpu" else _SAME_ON_ACCELERATOR
    return any(math.isclose(loss, value, rel_tol=same) for value in logged)
