"""What the History of a training tells, beside what the model does: which images it was trained on and watched with."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.course.checks.compilation import loss_of
from mlplab.course.checks.data import images_of
from mlplab.course.checks.findings import Wrong
from mlplab.course.checks.measuring import PREDICT_ROWS

_SAME_LOSS = 2e-5
_SAME_ON_ACCELERATOR = 1e-3
"""How far two means of the same losses, over batches of other sizes, may lie apart: GPUs multiply less exactly."""
_FORGOTTEN = 0.05
"""A network gets at most so much fewer right of the images it was trained on than it did while it was trained."""
_USUAL_BATCH = 32
"""What fit takes if nothing is said."""


def curve(history: Any, name: str) -> np.ndarray:
    """What was logged under a name, float64, a value an epoch.

    Raises:
        Wrong: if there is none, or it is no row of finite numbers.
    """
    try:
        values = np.asarray(history.history[name], float)
    except (KeyError, TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or not values.size:
        raise Wrong(f"`history` has no numbers for {name}, one an epoch: hand in what fit returned, as it is.")
    if not np.isfinite(values).all():
        raise Wrong(f"`history` has a {name} that is no finite number. Was the learning rate too large?")
    return values


def accuracy_curves(history: Any) -> tuple[np.ndarray, np.ndarray]:
    """Training and validation accuracy, whatever the metric's name: "accuracy", "acc", "categorical_accuracy".

    Raises:
        Wrong: if there are none.
    """
    for name in map(str, history.history):
        found = "acc" in name and f"val_{name}" in history.history
        if found and not any(other in name for other in ("binary", "top_k")):
            return curve(history, name), curve(history, f"val_{name}")
    raise Wrong('`history` has no accuracy: compile the model with metrics=["accuracy"].')


def steps_an_epoch(model: Any, rows: int, batch_size: int, advice: str = "") -> str:
    """As many as so many images make in batches of that size, as far as the model knows.

    Args:
        advice: a sentence for one who took more.
    """
    asked = math.ceil(rows / batch_size)
    last = getattr(model, "history", None)
    got = last.params.get("steps") if last is not None and last.params else None
    if got == math.ceil(rows / _USUAL_BATCH):
        raise Wrong(f"Your batches have {_USUAL_BATCH} images; the task asks for {batch_size}.")
    if got is not None and got != asked:
        raise Wrong(
            f"One of your epochs has {got:,} {'step' if got == 1 else 'steps'}; {rows:,} images in batches of "
            f"{batch_size} make {asked}. Did you take other images, or other batches?{advice if got > asked else ''}"
        )
    return f"An epoch was {rows:,} images in batches of {batch_size}"


def of_this_model(model: Any, history: Any) -> str:
    """The History is that of the model's own training."""
    if getattr(history, "model", model) not in (model, None):
        raise Wrong("`history` is of another model's training; hand in what fit returned for `model`.")
    return "`history` is of this model's training"


def validated_on(model: Any, history: Any, dataset: str, held_out: slice, trained_on: slice) -> str:
    """Its validation rows were those held out: the loss logged for the final weights is the model's loss on them.

    Args:
        held_out, trained_on: rows of the training images.
    """
    logged, final = curve(history, "val_loss"), of_final_weights(history.history)
    rows = held_out.indices(len(images_of(dataset).data.train.labels))
    named = f"the {rows[1] - rows[0]:,} training images that the task holds out"
    averaged = getattr(model.optimizer, "use_ema", False)  # the weights became others when the training ended
    if averaged or is_among(loss_on(model, dataset, "train", held_out), logged.tolist()):
        return f"It was watched with {named}"
    if is_among(loss_on(model, dataset, "test"), final):
        raise Wrong(
            "Your validation loss is the loss on the test images. Who chooses with the test set has no test any more: "
            f"take {named}."
        )
    if is_among(loss_on(model, dataset, "train", trained_on), final):
        raise Wrong(
            "Your validation images are those it was trained on: they cannot tell what it does with others. "
            f"Take {named}."
        )
    raise Wrong(
        f"Your model's loss on {named} is none that `history` tells of. Were other images taken for validation, or is "
        "`history` of another training?"
    )


def trained_on(history: Any, accuracy: float, named: str) -> str:
    """The model knows the images that the task trains on as well as those that it was trained on.

    Args:
        accuracy: the model's, on the images that the task trains on.
        named: what they are.
    """
    last = float(accuracy_curves(history)[0][-1])
    if accuracy < last - _FORGOTTEN:
        raise Wrong(
            f"Your model gets {accuracy:.3f} of {named} right, and {last:.3f} of those it was trained on: "
            "it was trained on others."
        )
    return f"It was trained on {named}"


def loss_on(model: Any, dataset: str, part: str, rows: slice = slice(None)) -> float:
    """A compiled model's loss on rows of a part ("train" or "test"), its penalties on weights included."""
    from mlplab.engine import evaluate

    images, labels = images_of(dataset).part(part, rows)
    one_hot = np.eye(images_of(dataset).classes, dtype="float32")
    targets = labels if loss_of(model).startswith("sparse_") else one_hot[labels]
    return evaluate(model, images, targets, batch_size=PREDICT_ROWS, verbose=0, return_dict=True)["loss"]


def of_final_weights(logged: Mapping[str, Any]) -> list[float]:
    """Validation losses that may be of the weights that a model has now: of the last epoch, or of the best."""
    losses = np.asarray(logged["val_loss"], float)
    epochs = {len(losses) - 1, int(losses.argmin())}
    accuracies = [values for name, values in logged.items() if re.match("val_.*acc", str(name))]
    epochs |= {int(np.argmax(values)) for values in accuracies if len(values) == len(losses)}
    return [float(losses[epoch]) for epoch in sorted(epochs)]


def is_among(loss: float, logged: Sequence[float]) -> bool:
    """Whether a loss was logged, but for rounding."""
    from mlplab.engine.backend import device

    same = _SAME_LOSS if device() == "cpu" else _SAME_ON_ACCELERATOR
    return any(math.isclose(loss, value, rel_tol=same) for value in logged)
