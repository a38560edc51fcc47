"""Charts of scores: confusion matrix, training curves, reliability diagram, precision and recall of each class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, integer_ticks, label_text, new_axes, new_figure, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_READABLE_CELLS = 25
"""The most classes for which a cell has room for a number."""


def confusion_matrix(
    counts: np.ndarray,
    rows: np.ndarray,
    shares: np.ndarray | None,
    class_names: Sequence[str],
    title: str = "",
) -> "Figure":
    """Draw the matrix as coloured cells, rows true, columns predicted; of up to 25 classes with numbers.

    Args:
        counts: int (classes, classes).
        rows: int (classes,), rows of each true class, also those in cells that are not drawn.
        shares: float (classes, classes), drawn as per cent in place of the counts; NaN: no rows.
        class_names: one for each class, at most 100.
        title: above the matrix.
    """
    classes = len(class_names)
    size = min(max(3.2, 0.5 * classes + 1.6), 14)
    figure = new_figure(size, size)
    axes = figure.add_subplot()
    # Counts are coloured by their share of the row, so that a rare class is seen as well as a frequent one.
    of_row = np.divide(counts, rows[:, None], out=np.zeros(counts.shape), where=rows[:, None] > 0)
    strength = of_row if shares is None else shares
    axes.imshow(np.sqrt(strength), cmap="Blues", vmin=0, vmax=1)  # the root keeps few errors visible
    names, size = [label_text(name, 14) for name in class_names], 8.3 if classes <= _READABLE_CELLS else 6.5
    axes.set_xticks(range(classes), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    axes.set_yticks(range(classes), names, fontsize=size)
    if classes <= _READABLE_CELLS:
        for row, column in np.argwhere(counts):
            text = str(counts[row, column]) if shares is None else f"{100 * shares[row, column]:.1f}"
            ink = "white" if strength[row, column] > 0.5 else "#222222"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)
    axes.set(xlabel="predicted class", ylabel="true class")
    axes.set_title(wrapped(title, figure), fontsize="medium")
    axes.spines[:].set_visible(False)
    return figure


def curves(columns: Mapping[str, np.ndarray], members: Sequence[Mapping[str, np.ndarray]] = ()) -> "Figure":
    """Draw loss, and accuracy where it was logged, by epoch; validation beside training.

    Args:
        columns: `epoch` and the logged metrics, arrays of one length.
        members: the same columns of each member of a population: thin lines behind `columns`, their medians.
    """
    names = [name for name in columns if name != "epoch" and not name.startswith("val_")]
    names = [name for name in names if name in ("loss", "accuracy") or f"val_{name}" in columns] or names[:2]
    names.sort(key=lambda name: name != "loss")
    figure = new_figure(3.6 * len(names), 2.7)
    for place, name in enumerate(names, 1):
        axes = new_axes(figure, 1, len(names), place)
        marker = "o" if len(columns["epoch"]) <= 30 else None
        for key, label, colour, line in ((name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "--")):
            if key in columns:
                for member in members:
                    axes.plot(*_logged(member, key), "-", color=colour, linewidth=0.7, alpha=0.3)
                label = f"{label}, median" if members else label
                axes.plot(*_logged(columns, key), line, marker=marker, markersize=3, color=colour, label=label)
        axes.set(xlabel="epoch", xlim=(columns["epoch"][0] - 0.5, columns["epoch"][-1] + 0.5))
        axes.set_title(label_text(name), fontsize="medium")
        integer_ticks(axes)
        axes.legend(fontsize="small", frameon=False)
    return figure


def _logged(columns: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the epochs in which a metric was logged, with its values."""
    values = columns.get(name, np.full(len(columns["epoch"]), np.nan))
    known = ~np.isnan(values)
    return columns["epoch"][known], values[known]


def reliability(columns: Mapping[str, np.ndarray]) -> "Figure":
    """Draw accuracy by confidence with the diagonal of perfect calibration, above a histogram of the confidences.

    Args:
        columns: bin_low, bin_high, n, confidence, accuracy, accuracy_low, accuracy_high; a value for each bin.
    """
    figure = new_figure(3.8, 4.2)
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    axes = new_axes(figure, grid[0])
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    below, above = (np.abs(columns["accuracy"] - columns[f"accuracy_{side}"]) for side in ("low", "high"))
    style = {"color": BLUE, "markersize": 4, "linewidth": 1.2, "elinewidth": 1, "label": "this network"}
    axes.errorbar(columns["confidence"], columns["accuracy"], yerr=(below, above), fmt="o-", **style)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="fraction right")
    axes.legend(fontsize="small", frameon=False, loc="lower right")
    histogram = new_axes(figure, grid[1])
    width = columns["bin_high"] - columns["bin_low"]
    histogram.bar(columns["bin_low"], columns["n"], width, align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
    histogram.set(xlim=(0, 1), ylabel="rows", xlabel="probability of the predicted class")
    return figure


def class_intervals(columns: Mapping[str, np.ndarray]) -> "Figure":
    """Draw precision and recall of each class with their intervals, the class with the lowest F1 at the top.

    Args:
        columns: `class`, and `precision`, `recall` and `f1`, the first two with `_low` and `_high`.
    """
    order = np.argsort(np.nan_to_num(columns["f1"]))[:40][::-1]
    figure = new_figure(3.8, 0.9 + 0.32 * len(order))
    axes = new_axes(figure)
    for name, colour, mark, shift in (("precision", BLUE, "o", 0.13), ("recall", RED, "D", -0.13)):
        values, low, high = (columns[f"{name}{end}"][order] for end in ("", "_low", "_high"))
        places = np.arange(len(order)) + shift
        axes.hlines(places, low, high, color=colour, linewidth=1.5)
        axes.plot(values, places, mark, color=colour, markersize=4, label=name)
    axes.set_yticks(range(len(order)), [label_text(columns["class"][row], 16) for row in order])
    axes.set_ylim(-0.5, len(order) - 0.5)
    axes.set_xlabel("fraction, with 95 % interval")
    figure.legend(fontsize="small", frameon=False, loc="outside upper center", ncols=2)
    return figure
