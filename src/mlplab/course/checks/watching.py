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

_LOSS_TOLERANCE = 2e-5
"""Relative difference of one mean loss computed with two batch sizes, at most, on a CPU."""
_LOSS_TOLERANCE_ON_ACCELERATOR = 1e-3
"""The same on a GPU or TPU."""
_ACCURACY_TOLERANCE = 0.05
"""How far the final weights' accuracy may lie below the training accuracy logged for the last epoch."""


def curve(history: Any, name: str) -> np.ndarray:
    """Return one metric's logs, float64 (epochs,). Raise `WrongAnswer` if they are missing or not finite."""
    try:
        values = np.asarray(history.history[name], float)
    except (KeyError, TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not values.size:
        remedy = "Pass validation_data to fit, and s" if name.startswith("val_") else "S"
        raise WrongAnswer(f"`history` has no numbers for {name}, one per epoch. {remedy}ubmit what fit returned.")
    if not np.isfinite(values).all():
        raise WrongAnswer(f"`history` has a {name} that is not a finite number. Was the learning rate too large?")
    return values


def accuracy_curves(history: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return training and validation accuracy, (epochs,) each: of the first accuracy that is not binary or top-k."""
    for name in map(str, history.history):
        is_accuracy = "acc" in name and f"val_{name}" in history.history
        if is_accuracy and not any(other in name for other in ("binary", "top_k")):
            return curve(history, name), curve(history, f"val_{name}")
    raise WrongAnswer(
        '`history` has no accuracy of training and validation. Compile the model with metrics=["accuracy"], and pass '
        "validation_data to fit."
    )


def of_this_model(model: Any, history: Any) -> str:
    """Require that the History belongs to the model's training. Return the sentence that reports success."""
    if getattr(history, "model", model) not in (model, None):
        raise WrongAnswer("`history` comes from training another model. Submit what fit returned for `model`.")
    return "`history` is of this model's training"


def validated_on(model: Any, history: Any, dataset: str, held_out: slice, training_rows: slice) -> str:
    """Require that the logged validation losses include the model's loss on the training set's rows `held_out`.

    A callback may have restored any epoch. The losses on other images are compared only with those of the last and the
    best epochs, because a loss can resemble that of some epoch by chance. Returns the sentence that reports success.
    """
    logged, final = curve(history, "val_loss"), losses_of_final_weights(history.history)
    number = len(data_of(dataset).train.labels[held_out])
    description = f"the {number:,} images that the task holds out of the training set"
    averaged = getattr(model.optimizer, "use_ema", False)  # Keras replaces the weights when training ends
    if averaged or is_logged(loss_on(model, dataset, "train", held_out), logged.tolist()):
        return f"It was validated with {description}"
    if is_logged(loss_on(model, dataset, "test"), final):
        raise WrongAnswer(f"{wording.TEST_SET} Take {description}.")
    if is_logged(loss_on(model, dataset, "train", training_rows), final):
        raise WrongAnswer(
            "Your validation images are the training images. They do not measure how well the model generalizes. "
            f"Take {description}."
        )
    raise WrongAnswer(
        f"`history` should have your model's loss on {description}, and it does not. Give fit these images as "
        "validation_data, and submit the History of that training."
    )


def trained_on(history: Any, accuracy: float, description: str) -> str:
    """Require that the accuracy on the task's training images is at most 0.05 below the last logged training accuracy.

    `description` names these images. Returns the sentence that reports success.
    """
    last = float(accuracy_curves(history)[0][-1])
    if accuracy < last - _ACCURACY_TOLERANCE:
        raise WrongAnswer(
            f"Your model should be trained on {description}. Its accuracy on them is {accuracy:.3f}, but `history` "
            f"ends with a training accuracy of {last:.3f}: it was trained on other images. Train it on {description} "
            "only."
        )
    return f"It was trained on {description}"


def loss_on(model: Any, dataset: str, split: str, rows: slice = slice(None)) -> float:
    """Return the mean loss on rows of one split ("train" or "test"), with the losses of weight regularizers."""
    from mlplab.engine import evaluate

    images, labels = images_and_labels(dataset, split, rows)
    one_hot = np.eye(len(data_of(dataset).class_names), dtype="float32")
    targets = labels if loss_of(model).startswith("sparse_") else one_hot[labels]
    return evaluate(model, images, targets, batch_size=PREDICT_ROWS, verbose=0, return_dict=True)["loss"]


def losses_of_final_weights(logged: Mapping[str, Any]) -> list[float]:
    """Return the validation losses of the epochs whose weights the model may have.

    They are the last epoch, and the best ones by validation loss and by accuracy: a callback may have restored those.
    """
    losses = np.asarray(logged["val_loss"], float)
    epochs = {len(losses) - 1, int(losses.argmin())}
    accuracies = [values for name, values in logged.items() if re.match("val_.*acc", str(name))]
    epochs |= {int(np.argmax(values)) for values in accuracies if len(values) == len(losses)}
    return [float(losses[epoch]) for epoch in sorted(epochs)]


def is_logged(loss: float, logged: Sequence[float]) -> bool:
    """Return whether any logged loss equals `loss` within the tolerance of the device."""
    from mlplab.engine.backend import device

    tolerance = _LOSS_TOLERANCE if device() == "cpu" else _LOSS_TOLERANCE_ON_ACCELERATOR
    return any(math.isclose(loss, value, rel_tol=tolerance) for value in logged)
