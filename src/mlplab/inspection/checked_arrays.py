"""Predictions and labels as plain arrays, checked and brought to one form."""

from collections.abc import Sequence

import numpy as np

from mlplab.datasets.arrays import plain_labels
from mlplab.datasets.classes import Classes, require_one_label
from mlplab.errors import DataError
from mlplab.runs.probabilities import class_outputs


def checked(
    predictions: np.ndarray,
    labels: np.ndarray,
    inputs: np.ndarray | None,
    class_names: Sequence[str] | None,
    need_probabilities: bool,
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Check arrays that belong together, see `examples.examples_of`.

    Returns:
        Labels int64 (n,); probabilities float (n, classes), or bool, one-hot, of predicted classes; class names.

    Raises:
        DataError: for arrays that do not fit together.
    """
    if _are_classes(predictions) and not need_probabilities:
        probabilities = _one_hot(predictions.reshape(-1), labels, class_names)
    else:
        probabilities = _probabilities(predictions, class_names)
    n, classes = probabilities.shape
    labels = _label_array(labels, n, classes)
    if inputs is not None and (not 2 <= inputs.ndim <= 4 or len(inputs) != n or inputs.dtype.kind not in "uifb"):
        raise DataError(f"Expected {n} inputs, numbers (n, h, w), (n, h, w, c) or (n, d); got {inputs.shape}.")
    if class_names is not None and not len(class_names) == len(set(map(str, class_names))) == classes:
        raise DataError(
            f"Expected {classes} different class names, one for each column of the predictions; got "
            f"{len(set(map(str, class_names)))}."
        )
    known = Classes.of_columns(labels, classes, class_names)
    return known.numbers(labels, "the predictions").astype(np.int64), probabilities, known.names


def _are_classes(predictions: np.ndarray) -> bool:
    """Whether predictions are class numbers, (n,) or (n, 1), and not probabilities."""
    column = predictions.ndim == 1 or (predictions.ndim == 2 and predictions.shape[1] == 1)
    return column and predictions.dtype.kind in "uib" and len(predictions) > 0


def _one_hot(predicted: np.ndarray, labels: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """Return predicted classes (n,) as one-hot rows, bool (n, classes)."""
    if class_names is not None:
        classes = len(class_names)
    elif labels.ndim == 2 and labels.shape[1] > 1:
        classes = labels.shape[1]
    else:
        numbers = labels if labels.dtype.kind in "uib" and labels.size else predicted
        classes = 1 + int(max(predicted.max(), numbers.max()))
    if predicted.min() < 0 or predicted.max() >= classes or classes > max(len(predicted), 1000):
        raise DataError(
            f"Predicted classes must be numbered from 0; got {predicted.min()} to {predicted.max()} for {classes:,} "
            "classes. Number them as the labels, such as by probabilities.argmax(1)."
        )
    return predicted[:, None] == np.arange(classes)


def _probabilities(predictions: np.ndarray, class_names: Sequence[str] | None) -> np.ndarray:
    """Return probabilities (n, classes). One column is that of the second of two classes."""
    if predictions.dtype.kind != "f" or not 1 <= predictions.ndim <= 2 or not predictions.size:
        raise DataError(
            "Predictions must be probabilities, floats of shape (n, classes), as model.predict gives them, or (n,) of "
            f"the second of two classes. Got {predictions.dtype} of shape {predictions.shape}."
        )
    one_class = class_names is not None and len(class_names) == 1
    one_column = predictions.ndim == 1 or (predictions.shape[1] == 1 and not one_class)
    if not np.isfinite(predictions).all() or predictions.min() < 0 or predictions.max() > 1 + 1e-4:
        last = "sigmoid" if one_column else "softmax"
        raise DataError(
            f"Probabilities must lie between 0 and 1. A model without a final {last} returns logits: "
            f"apply keras.ops.{last} first."
        )
    return class_outputs(predictions.reshape(-1, 1), 2, logits=False) if one_column else predictions


def _label_array(labels: np.ndarray, n: int, classes: int) -> np.ndarray:
    """Return labels (n,) of any kind of labels (n,) or (n, 1), or of one-hot rows (n, classes)."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        require_one_label(labels, "Labels")
        labels = labels.argmax(1) if labels.shape[1] == classes else labels
    if labels.shape not in ((n,), (n, 1)):
        raise DataError(
            f"Expected {n} labels, one a row, (n,), or one-hot (n, {classes}); got {labels.dtype} of shape "
            f"{labels.shape}."
        )
    return plain_labels(labels, "the predictions")
