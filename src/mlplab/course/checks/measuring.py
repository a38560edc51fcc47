"""The accuracy of a model, and reasons for a low one."""

import contextlib
from typing import Any

import numpy as np

from mlplab.course.checks.data import images_and_labels, largest_pixel
from mlplab.course.checks.findings import WrongAnswer
from mlplab.datasets.published.catalog import find_entry
from mlplab.datasets.published.fetch import is_on_disk
from mlplab.errors import MlplabError

PREDICT_ROWS = 1000
FAR_BELOW = 0.7
"""Every network of the course that was trained as asked reaches a higher accuracy on its data set, MNIST or
Fashion-MNIST, and a much lower one on the other."""
_ROUNDING = 0.02
"""Error of a sum of ten probabilities in half precision."""
CONFUSED = {"fashion-mnist": "mnist", "mnist": "fashion-mnist"}
"""Data sets with images of the same shape, which are easily confused."""


def accuracy(model: Any, dataset: str, part: str, rows: slice = slice(None)) -> float:
    """Return the accuracy of a model on rows of a part ("train" or "test"), with pixel values of 0…1.

    Raises:
        WrongAnswer: if its outputs are not probabilities, it predicts one class for every image, or it was trained on
            other pixel values or another data set.
    """
    images, labels = images_and_labels(dataset, part, rows)
    guesses = probabilities(model, images).argmax(1)
    right = float((guesses == labels).mean())
    if right < FAR_BELOW:
        _explain(model, dataset, images, labels, right)
    if len(set(guesses.tolist())) == 1:
        raise WrongAnswer("Your model predicts the same class for every image. Is the learning rate too large?")
    return right


def _explain(model: Any, dataset: str, images: np.ndarray, labels: np.ndarray, right: float) -> None:
    """Raise `WrongAnswer` if the reason for a low accuracy can be found."""
    largest = largest_pixel(dataset)
    raw = unchecked_accuracy(model, images * largest, labels)
    if raw > right + 0.05:
        raise WrongAnswer(
            f"Your model was trained on pixel values of 0…{largest:g}: its accuracy is {raw:.3f} with them, and "
            f"{right:.3f} with values of 0…1. Divide the images by {largest:g} before training."
        )
    other = CONFUSED.get(dataset)
    if other is not None and is_on_disk(find_entry(other)):
        with contextlib.suppress(MlplabError):  # this check can do without it
            there = unchecked_accuracy(model, *images_and_labels(other, "test"))
            if there > max(right + 0.2, FAR_BELOW):
                raise WrongAnswer(
                    f"Your model was trained on {other}: its test accuracy there is {there:.3f}, and {right:.3f} on "
                    f"{dataset}, which this check is about."
                )


def unchecked_accuracy(model: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a model whose outputs may be anything."""
    return float((probabilities(model, images, checked=False).argmax(1) == labels).mean())


def probabilities(model: Any, images: np.ndarray, checked: bool = True) -> np.ndarray:
    """Return the model's outputs for images, (n, classes); if `checked`, they must add up to 1."""
    from mlplab.engine import predict

    outputs = np.asarray(predict(model, images, batch_size=PREDICT_ROWS, verbose=0), np.float32)
    if checked and not np.isfinite(outputs).all():
        raise WrongAnswer("Your model's outputs are NaN: its weights diverged. Is the learning rate too large?")
    sums = outputs.sum(1)
    if checked and (outputs.min() < -1e-6 or not np.allclose(sums, 1, atol=_ROUNDING)):
        raise WrongAnswer(
            "Your model's outputs are not probabilities: for one image they add up to "
            f"{sums[np.abs(sums - 1).argmax()]:.3g}, and the smallest is {outputs.min():.2g}. "
            "Which activation does the output layer need?"
        )
    return outputs
