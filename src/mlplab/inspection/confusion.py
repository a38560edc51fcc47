"""The confusion matrix, and the pairs of classes confused most often."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import scores
from mlplab.errors import UsageError, require_whole, unknown_name
from mlplab.figures import charts
from mlplab.inspection.examples import Examples, Source, examples_of
from mlplab.table import Table

NORMALIZATIONS = ("true", "pred")
_MOST_CLASSES = 100
"""Classes of a confusion matrix with all its cells, also those that are empty."""

_MOST_DRAWN = 25
"""Classes drawn of a larger matrix, and on a page: those confused most."""


def show_confusion(
    source: Source,
    y: ArrayLike | None = None,
    *,
    normalize: str | None = None,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """Show the confusion matrix, rows true, columns predicted.

    Args:
        source, y, split, class_names, data: see `examples_of`. Predicted classes (n,) suffice.
        normalize: None for counts; "true" for fractions of each true class, "pred" of each predicted class, as in
            scikit-learn.

    Returns:
        Table of true, predicted, count, share, share_low, share_high (95 %), a row for each cell; `share` is the
        fraction chosen by `normalize`, or of all rows. The figure draws the matrix. Of more than 100 classes the table
        has the cells that are not empty, and the figure the 25 classes that are confused most.

    Example:
        table = mlplab.show_confusion(run, normalize="true")
        figure = table.figure
    """
    examples = examples_of(
        source, y, split=split, class_names=class_names, data=data, inputs=False, need_probabilities=False
    )
    return confusion(examples, normalize).show()


def most_confused(
    source: Source,
    y: ArrayLike | None = None,
    *,
    min_count: int = 1,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
) -> Table:
    """List the pairs of true and predicted class that were confused, most frequent first.

    Args:
        source, y, split, class_names, data: see `examples_of`. Predicted classes (n,) suffice.
        min_count: the least count of a pair.

    Returns:
        Table of true, predicted, count, share, share_low, share_high; `share` is the fraction of the true class's rows.

    Example:
        rows = mlplab.most_confused(run).rows()
    """
    examples = examples_of(
        source, y, split=split, class_names=class_names, data=data, inputs=False, need_probabilities=False
    )
    min_count = require_whole("min_count", min_count, 0)
    cells = _table(
        examples, scores.confusion_cells(examples.labels, examples.predicted, len(examples.class_names)), "true"
    )
    confused = np.flatnonzero((cells["true"] != cells["predicted"]) & (cells["count"] >= max(min_count, 1)))
    order = np.argsort(-cells["count"][confused], kind="stable")
    return Table(cells.select(confused[order]).columns, f"Most confused classes ({examples.name})")


def confusion(examples: Examples, normalize: str | None = None) -> Table:
    """Build the table of `show_confusion`."""
    if normalize is not None and normalize not in NORMALIZATIONS:
        raise UsageError(unknown_name("normalization", normalize, NORMALIZATIONS))
    classes = len(examples.class_names)
    if classes > _MOST_CLASSES:
        cells = scores.confusion_cells(examples.labels, examples.predicted, classes)
        draw = functools.partial(_draw_most_confused, examples, normalize)
        return dataclasses.replace(_table(examples, cells, normalize), draw=draw)
    matrix = scores.confusion(examples.labels, examples.predicted, classes)
    true, predicted = np.indices(matrix.shape).reshape(2, -1)
    table = _table(examples, (true, predicted, matrix.reshape(-1)), normalize)
    shares = None if normalize is None else table["share"].reshape(matrix.shape)
    drawn = (matrix, matrix.sum(1), shares, examples.class_names)
    return dataclasses.replace(table, draw=functools.partial(charts.confusion_matrix, *drawn))


def _draw_most_confused(examples: Examples, normalize: str | None) -> Any:
    part = matrix_of_most_confused(examples)
    totals = {None: None, "true": part["of_true"][:, None], "pred": part["of_predicted"]}[normalize]
    shares = None if totals is None else np.where(totals > 0, part["counts"] / np.maximum(totals, 1), np.nan)
    title = f"The {len(part['classes'])} of {part['total']:,} classes that are confused most"
    names = examples.names(part["classes"]).tolist()
    return charts.confusion_matrix(part["counts"], part["of_true"], shares, names, title)


def matrix_of_most_confused(examples: Examples) -> dict[str, Any]:
    """Return the confusion matrix; of more than 25 classes, those in the most frequent confusions.

    Returns:
        classes: the classes shown, int (k,), ascending.
        counts: int (k, k), rows true, columns predicted.
        of_true, of_predicted: for each class shown, the number of all rows with this label, and with this prediction.
        total: the number of all classes.
    """
    total = len(examples.class_names)
    true, predicted, counts = scores.confusion_cells(examples.labels, examples.predicted, total)
    classes = np.arange(total)
    if total > _MOST_DRAWN:
        wrong = np.flatnonzero(true != predicted)
        frequent = wrong[np.argsort(-counts[wrong], kind="stable")]
        mentioned = np.append(np.stack([true[frequent], predicted[frequent]], 1), classes)
        places = np.sort(np.unique(mentioned, return_index=True)[1])[:_MOST_DRAWN]  # where each class comes first
        classes = np.sort(mentioned[places])
    shown = np.isin(true, classes) & np.isin(predicted, classes)
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    matrix[np.searchsorted(classes, true[shown]), np.searchsorted(classes, predicted[shown])] = counts[shown]
    return {
        "classes": classes,
        "counts": matrix,
        "of_true": np.bincount(examples.labels, minlength=total)[classes],
        "of_predicted": np.bincount(examples.predicted, minlength=total)[classes],
        "total": total,
    }


def _table(examples: Examples, cells: Sequence[np.ndarray], normalize: str | None) -> Table:
    """Return a row for each cell: true class, predicted class and count, int (cells,)."""
    true, predicted, counts = cells
    if normalize is None:
        totals = np.full(len(counts), len(examples))
    else:
        classes, of_cells = {"true": (examples.labels, true), "pred": (examples.predicted, predicted)}[normalize]
        totals = np.bincount(classes, minlength=len(examples.class_names))[of_cells]
    low, high = scores.wilson_intervals(counts, totals)
    columns = {
        "true": examples.names(true),
        "predicted": examples.names(predicted),
        "count": counts,
        "share": np.divide(counts, totals, out=np.full(len(counts), np.nan), where=totals > 0),
        "share_low": low,
        "share_high": high,
    }
    return Table(columns, f"Confusion matrix ({examples.name})")
