"""What a model gets right."""

import contextlib
from typing import Any

import numpy as np

from mlplab.course.checks.data import images_of
from mlplab.course.checks.findings import Wrong
from mlplab.datasets.catalog import find_entry
from mlplab.datasets.fetch import is_here
from mlplab.errors import MlplabError

PREDICT_ROWS = 1000
FAR_BELOW = 0.7
"""No network of the course that was trained as asked gets fewer images right."""
_ROUNDING = 0.02
"""Of a sum of ten probabilities in half precision."""
_ALIKE = {"fashion-mnist": "mnist", "mnist": "fashion-mnist"}
"""Data sets whose images look the same to a model, which are taken for each other."""


def accuracy(model: Any, dataset: str, part: str, rows: slice = slice(None)) -> float:
    """The share of images of a part ("train" or "test") that a model gets right, scaled to 0…1.

    Raises:
        Wrong: if its outputs are no probabilities, it says the same of every image, or it wants other pixel values
            or other images.
    """
    images, labels = images_of(dataset).part(part, rows)
    guesses = probabilities(model, images).argmax(1)
    right = float((guesses == labels).mean())
    if right < FAR_BELOW:
        _explain(model, dataset, images, labels, right)
    if len(set(guesses.tolist())) == 1:
        raise Wrong(
            "Your model says the same class of every image: it has learnt nothing. Is the learning rate too large?"
        )
    return right


def _explain(model: Any, dataset: str, images: np.ndarray, labels: np.ndarray, right: float) -> None:
    """Raise `Wrong` where so low an accuracy has a reason that can be seen."""
    largest = images_of(dataset).largest
    raw = float((probabilities(model, images * largest, checked=False).argmax(1) == labels).mean())
    if raw > right + 0.05:
        raise Wrong(
            f"Your model was trained on pixel values of 0…{largest:g}: it gets {raw:.3f} of such images right, and "
            f"{right:.3f} of those with values of 0…1. Divide the images by {largest:g} before training."
        )
    other = _ALIKE.get(dataset)
    if other is not None and is_here(find_entry(other)):
        with contextlib.suppress(MlplabError):  # no question of this check
            theirs, classes = images_of(other).part("test")
            there = float((probabilities(model, theirs).argmax(1) == classes).mean())
            if there > max(right + 0.2, 0.7):
                raise Wrong(
                    f"Your model was trained on {other}: it gets {there:.3f} of its test images right, and {right:.3f} "
                    f"of those of {dataset}, which this check is about."
                )


def probabilities(model: Any, images: np.ndarray, checked: bool = True) -> np.ndarray:
    """What the model gives for images, (n, classes).

    Raises:
        Wrong: if `checked`, and they are not numbers, or do not add up to 1.
    """
    from mlplab.engine import predict

    outputs = np.asarray(predict(model, images, batch_size=PREDICT_ROWS, verbose=0), np.float32)
    if checked and not np.isfinite(outputs).all():
        raise Wrong(
            "Your model gives NaN: its weights have left all bounds in training. Is the learning rate too large?"
        )
    sums = outputs.sum(1)
    if checked and (outputs.min() < -1e-6 or not np.allclose(sums, 1, atol=_ROUNDING)):
        raise Wrong(
            "Your model's outputs are no probabilities: for one image they add up to "
            f"{sums[np.abs(sums - 1).argmax()]:.3g}, and the smallest is {outputs.min():.2g}. "
            "Which activation does the output layer need?"
        )
    return outputs
