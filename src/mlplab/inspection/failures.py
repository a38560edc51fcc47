"""The rows that a network predicts wrong, with their probabilities and images."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets.classes import class_number
from mlplab.errors import UsageError, plain_number, require, unknown_name
from mlplab.figures import gallery, shortened
from mlplab.inspection.examples import Examples, Source, examples_of
from mlplab.table import Table

ORDERS = {"index": "in the order of the data set", "loss": "highest loss first", "confidence": "surest first"}


def show_failures(
    predictions: Source,
    y_test: ArrayLike | None = None,
    X_test: ArrayLike | None = None,
    trueclass: str | int | None = None,
    predictedclass: str | int | None = None,
    maxtoshow: int | None = 10,
    *,
    order: str = "index",
    least_confidence: float = 0.0,
    most_confidence: float = 1.0,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Show images that were predicted wrong, each with index, predicted (true) class and both probabilities.

    Args:
        predictions: a run; or probabilities (n, classes), or (n,) of the second of two classes; or predicted classes,
            integers (n,).
        y_test: labels of the predictions: integers (n,), or one-hot.
        X_test: images of the predictions, of any size, (n, h, w) or (n, h, w, c). Without images there is a table
            and no figure.
        trueclass, predictedclass: show only failures of this class, by name or number. If both are the same class,
            show rows predicted right.
        maxtoshow: most failures shown; None: all.
        order: "index", the order of the data set; "loss", highest first; "confidence", highest first.
        least_confidence, most_confidence: limits for the probability of the predicted class.
        split: rows of the run: "test", "validation" or "train".
        class_names, data: see `examples_of`.

    Returns:
        Table of index, file (where rows are files), true, predicted, confidence (probability of the predicted class),
        true_probability, loss, the last three not for predicted classes; without rows if there are no failures. The
        figure draws the images.

    Raises:
        UsageError: for an unknown class (the message names the nearest), order or split, maxtoshow below 1,
            confidences outside 0 … 1, or an order or confidences for predicted classes.
        DataError: for arrays that do not fit together.

    Example:
        table = mlplab.show_failures(run, trueclass=8, order="loss")
        worst = table.rows()[0]["index"]
    """
    examples = examples_of(
        predictions, y_test, X_test, split=split, class_names=class_names, data=data, need_probabilities=False
    )
    maxtoshow, confidences = _checked(maxtoshow, (least_confidence, most_confidence), order)
    if not examples.has_probabilities and (order, confidences) != ("index", (0, 1)):
        raise UsageError("Predicted classes have no confidence or loss: give probabilities (n, classes), or no order.")
    true_class = None if trueclass is None else class_number(trueclass, examples.class_names)
    predicted_class = None if predictedclass is None else class_number(predictedclass, examples.class_names)
    correct = predicted_class is not None and predicted_class == true_class
    matches = _matches(examples, true_class, predicted_class, correct, confidences)
    if order != "index":
        key = examples.true_probability if order == "loss" else -examples.confidence
        matches = matches[np.argsort(key[matches], kind="stable")]
    kind = "rows predicted right" if correct else "failures"
    title = f"{len(matches):,} {kind}, {ORDERS[order]} ({examples.name})"
    shown = matches[:maxtoshow]
    title = f"{len(shown):,} of {title}" if len(matches) else f"No {kind}."
    columns = {
        "index": examples.index[shown],
        **examples.file_column(shown),
        "true": examples.names(examples.labels[shown]),
        "predicted": examples.names(examples.predicted[shown]),
    }
    text = "{predicted} ({true})\n#{index}"
    if examples.has_probabilities:
        columns |= {
            "confidence": examples.confidence[shown],
            "true_probability": examples.true_probability[shown],
            "loss": examples.losses[shown],
        }
        text = "{predicted} ({true})\n{confidence:.2f} ({true_probability:.2f})\n#{index}"
    if examples.images is None or not len(shown):
        return Table(columns, title)
    short = {name: np.array(list(map(shortened, columns[name])), object) for name in ("true", "predicted")}
    captions = [text.format(**row) for row in Table(columns | short)]
    return Table(columns, title, functools.partial(gallery, examples.images[shown], captions)).show()


def _checked(
    maxtoshow: Any, confidences: tuple[Any, Any], order: str
) -> tuple[int | None, tuple[int | float, int | float]]:
    """Return the most rows and the limits of confidence as Python's numbers. Raises `UsageError` for bad arguments."""
    if order not in ORDERS:
        raise UsageError(unknown_name("order", order, ORDERS))
    maxtoshow = plain_number(maxtoshow)
    valid = maxtoshow is None or (isinstance(maxtoshow, int) and maxtoshow >= 1)
    require(valid, "maxtoshow", maxtoshow, "a number of rows, at least 1")
    least, most = map(plain_number, confidences)
    if not (isinstance(least, int | float) and isinstance(most, int | float) and 0 <= least <= most <= 1):
        raise UsageError(
            f"Confidences must be fractions, the least first, as in 0.5 to 0.9; got {least!r} to {most!r}."
        )
    return maxtoshow, (least, most)


def _matches(
    examples: Examples,
    true_class: int | None,
    predicted_class: int | None,
    correct: bool,
    confidences: tuple[float, float],
) -> np.ndarray:
    """Return the positions of the rows of these classes, if any, that are predicted right or wrong, as chosen."""
    confidence = examples.confidence.clip(max=1)  # rounding can make it larger
    rows = (confidence >= confidences[0]) & (confidence <= confidences[1]) & (examples.correct == correct)
    if true_class is not None:
        rows &= examples.labels == true_class
    if predicted_class is not None:
        rows &= examples.predicted == predicted_class
    return np.flatnonzero(rows)
