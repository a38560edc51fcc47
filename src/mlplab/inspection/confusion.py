"""What is confused with what, and how often."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import scores
from mlplab.errors import UsageError, unknown_name
from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NORMALIZATIONS = ("true", "pred")


def show_confusion(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    *,
    normalize: str | None = None,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """The confusion matrix as a picture, rows true, columns predicted.

    Args:
        source, y, split, class_names, data: see `examples_of`.
        normalize: None for counts; "true" for the fraction of each row, "pred" of each column (scikit-learn's words).

    Returns:
        Table of true, predicted, count, share; a row for each cell, `share` as `normalize` asks, else of all rows, with
        `share_low` and `share_high` (95 %).
    """
    examples = examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False)
    return confusion(examples, normalize).show()


def most_confused(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    *,
    min_count: int = 1,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Pairs of true and predicted class that were confused, most frequent first.

    Args:
        source, y, split, class_names, data: see `examples_of`.
        min_count: only pairs confused at least so often.

    Returns:
        Table of true, predicted, count, and share (of the true class's rows, with `share_low` and `share_high`, 95 %).
    """
    return confused(examples_of(source, y, split=split, class_names=class_names, data=data, inputs=False), min_count)


def confusion(examples: Examples, normalize: str | None = None) -> Table:
    """A row for each cell of the confusion matrix: true, predicted, count, share."""
    if normalize is not None and normalize not in NORMALIZATIONS:
        raise UsageError(unknown_name("normalization", str(normalize), NORMALIZATIONS))
    names = examples.class_names
    matrix = scores.confusion(examples.labels, examples.predicted, len(names))
    totals = matrix.sum() if normalize is None else matrix.sum(1 if normalize == "true" else 0, keepdims=True)
    shares = np.divide(
        matrix, totals, out=np.full(matrix.shape, np.nan), where=np.broadcast_to(totals, matrix.shape) > 0
    )
    true, predicted = np.indices(matrix.shape).reshape(2, -1)
    pairs = zip(matrix.reshape(-1).tolist(), np.broadcast_to(totals, matrix.shape).reshape(-1).tolist(), strict=True)
    intervals = np.array([scores.wilson_interval(k, n) if n else (np.nan, np.nan) for k, n in pairs])

    def draw() -> "Figure":
        from mlplab.figures import charts

        return charts.confusion_matrix(matrix, None if normalize is None else shares, names)

    columns = {
        "true": examples.names(true),
        "predicted": examples.names(predicted),
        "count": matrix.reshape(-1),
        "share": shares.reshape(-1),
        "share_low": intervals[:, 0],
        "share_high": intervals[:, 1],
    }
    return Table(columns, f"Confusion matrix ({examples.name})", draw)


def confused(examples: Examples, min_count: int = 1) -> Table:
    """Pairs of classes that were confused at least `min_count` times, most frequent first."""
    matrix = scores.confusion(examples.labels, examples.predicted, len(examples.class_names))
    totals = matrix.sum(1)
    np.fill_diagonal(matrix, 0)
    true, predicted = np.nonzero(matrix >= max(min_count, 1))
    order = np.argsort(-matrix[true, predicted], kind="stable")
    true, predicted = true[order], predicted[order]
    counts = matrix[true, predicted]
    pairs = zip(counts.tolist(), totals[true].tolist(), strict=True)
    intervals = np.array([scores.wilson_interval(k, n) for k, n in pairs]).reshape(-1, 2)
    columns = {
        "true": examples.names(true),
        "predicted": examples.names(predicted),
        "count": counts,
        "share": counts / totals[true],
        "share_low": intervals[:, 0],
        "share_high": intervals[:, 1],
    }
    return Table(columns, f"Most confused classes ({examples.name})")
