"""The rows that a network gets wrong: which, how sure it was, and what they look like."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import UsageError, require, unknown_name
from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run
from mlplab.scores import SMALLEST_PROBABILITY
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDERS = ("index", "loss", "confidence")


def show_failures(
    predictions: Run | ArrayLike,
    y_test: ArrayLike | None = None,
    X_test: ArrayLike | None = None,
    trueclass: str | int | None = None,
    predictedclass: str | int | None = None,
    maxtoshow: int = 10,
    *,
    order: str = "index",
    least_confidence: float = 0.0,
    most_confidence: float = 1.0,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """A row of images that were predicted wrong, each with index, predicted (true) class and both probabilities.

    Args:
        predictions: a run; or probabilities (n, classes).
        y_test: with probabilities, labels: integers (n,), or one-hot.
        X_test: with probabilities, images of any size (n, h, w) or (n, h, w, c). Without them, or with features,
            there is a table and no picture.
        trueclass, predictedclass: only failures of this class, by name or number.
        maxtoshow: at most so many.
        order: "index", as they come in the data set; "loss", worst first; "confidence", surest first.
        least_confidence, most_confidence: only failures whose predicted class has a probability from … to.
        split: of a run: "test", "validation", or "train" for failures on the rows that it was trained on.
        class_names, data: see `examples_of`.

    Returns:
        Table of index, true, predicted, confidence (probability of the predicted class), true_probability, loss.
        Empty where nothing is wrong.

    Raises:
        UsageError: for an unknown class (the nearest is named), order or split, or confidences that are no fractions.
        DataError: for arrays that do not belong together.
    """
    examples = examples_of(predictions, y_test, X_test, split=split, class_names=class_names, data=data)
    return failures(
        examples,
        trueclass,
        predictedclass,
        order=order,
        least_confidence=least_confidence,
        most_confidence=most_confidence,
        at_most=maxtoshow,
    ).show()


def failures(
    examples: Examples,
    true: str | int | None = None,
    predicted: str | int | None = None,
    *,
    order: str = "index",
    least_confidence: float = 0.0,
    most_confidence: float = 1.0,
    at_most: int | None = None,
) -> Table:
    """Rows predicted wrong, see `show_failures`; where `true` and `predicted` are one class, those predicted right."""
    if order not in ORDERS:
        raise UsageError(unknown_name("order", str(order), ORDERS))
    require(at_most is None or at_most >= 1, "at_most", at_most, "a number of rows, at least 1")
    if not 0 <= least_confidence <= most_confidence <= 1:
        raise UsageError(
            "Confidences are fractions, the least first, as in 0.5 to 0.9; "
            f"got {least_confidence} to {most_confidence}."
        )
    wanted_true = None if true is None else examples.class_number(true)
    wanted = None if predicted is None else examples.class_number(predicted)
    confidence = examples.confidence.clip(max=1)  # rounding may make it more
    rows = (confidence >= least_confidence) & (confidence <= most_confidence)
    if wanted is None or wanted != wanted_true:
        rows &= ~examples.correct
    if wanted_true is not None:
        rows &= examples.labels == wanted_true
    if wanted is not None:
        rows &= examples.predicted == wanted
    chosen = np.flatnonzero(rows)
    found = len(chosen)
    if order != "index":
        key = examples.given if order == "loss" else -examples.confidence
        chosen = chosen[np.argsort(key[chosen], kind="stable")]
    what = "failures" if wanted is None or wanted != wanted_true else "rows predicted right"
    return _table(examples, chosen[:at_most], f"{found:,} {what}" if found else f"No {what}", order)


def _table(examples: Examples, rows: np.ndarray, found: str, order: str) -> Table:
    columns = {
        "index": examples.index[rows],
        "true": examples.names(examples.labels[rows]),
        "predicted": examples.names(examples.predicted[rows]),
        "confidence": examples.confidence[rows],
        "true_probability": examples.given[rows],
        "loss": -np.log(examples.given[rows].astype(np.float64).clip(SMALLEST_PROBABILITY)),
    }
    ordered = {"index": "in the order of the data set", "loss": "highest loss first", "confidence": "surest first"}
    title = f"{len(rows):,} of {found}, {ordered[order]} ({examples.name})" if len(rows) else f"{found}."
    images = examples.images
    if images is None or not len(rows):
        return Table(columns, title)

    def draw() -> "Figure":
        from mlplab.figures import gallery

        return gallery(images[rows], [_caption(row) for row in Table(columns)])

    return Table(columns, title, draw)


def _caption(row: dict[str, Any]) -> str:
    return (
        f"{row['predicted']} ({row['true']})\n{row['confidence']:.2f} ({row['true_probability']:.2f})\n#{row['index']}"
    )
