"""Charts of scores: confusion matrix, curves, reliability, classes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, new_axes, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_READABLE_CELLS = 25
"""So many classes have room for a number in each cell."""


def confusion_matrix(counts: np.ndarray, shares: np.ndarray | None, class_names: Sequence[str]) -> "Figure":
    """The matrix as coloured cells with numbers in them, rows true, columns predicted.

    Args:
        counts: int (classes, classes).
        shares: float, likewise; shown as percent in place of the counts. NaN: no rows.
        class_names: one for each.
    """
    classes = len(class_names)
    size = min(max(3.2, 0.5 * classes + 1.6), 14)
    figure = new_figure(size, size)
    axes = figure.add_subplot()
    rows = counts.sum(1, keepdims=True)
    # Coloured by share of the row, whatever the numbers say: a rare class is seen as well as a frequent one.
    colours = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0) if shares is None else shares
    axes.imshow(np.sqrt(colours), cmap="Blues", vmin=0, vmax=1)  # the root, or few errors would look like none
    if classes <= _READABLE_CELLS:
        ticks = list(range(classes))
        labels = [plain(name, 14) for name in class_names]
        axes.set_xticks(ticks, labels, rotation=45, ha="right", rotation_mode="anchor", fontsize="small")
        axes.set_yticks(ticks, labels, fontsize="small")
        _write_cells(axes, counts, shares, colours)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    return figure


def _write_cells(axes: "Axes", counts: np.ndarray, shares: np.ndarray | None, colours: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if not count:
            continue
        text = str(count) if shares is None else f"{100 * shares[row, column]:.1f}"
        ink = "white" if colours[row, column] > 0.5 else "#222222"
        axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)


def curves(columns: Mapping[str, np.ndarray], members: Sequence[Mapping[str, np.ndarray]] = ()) -> "Figure":
    """Loss, and accuracy where it was logged, by epoch; validation beside training.

    Args:
        columns: `epoch` and what was logged, arrays of one length.
        members: of a population, the same of each member: thin lines behind those of `columns`, their medians.
    """
    from matplotlib.ticker import MaxNLocator

    names = [name for name in columns if name != "epoch" and not name.startswith("val_")]
    names = [name for name in names if name in ("loss", "accuracy") or f"val_{name}" in columns] or names[:2]
    names.sort(key=lambda name: name != "loss")
    figure = new_figure(3.6 * len(names), 2.7)
    for place, name in enumerate(names, 1):
        axes = new_axes(figure, 1, len(names), place)
        few = "o" if len(columns["epoch"]) <= 30 else None
        for key, label, colour, line in ((name, "training", BLUE, "-"), (f"val_{name}", "validation", ORANGE, "--")):
            if key in columns:
                for member in members:
                    axes.plot(member["epoch"], member[key], "-", color=colour, linewidth=0.7, alpha=0.3)
                told = f"{label}, median" if members else label
                axes.plot(columns["epoch"], columns[key], line, marker=few, markersize=3, color=colour, label=told)
        axes.set_xlabel("epoch", fontsize="small")
        axes.set_title(plain(name), fontsize="medium")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlim(columns["epoch"][0] - 0.5, columns["epoch"][-1] + 0.5)
        axes.legend(fontsize="small", frameon=False)
    return figure


def reliability(columns: Mapping[str, np.ndarray]) -> "Figure":
    """Accuracy by confidence, with the diagonal of perfect calibration, over the histogram of confidences.

    Args:
        columns: bin_low, bin_high, n, confidence, accuracy, accuracy_low, accuracy_high; a value a bin.
    """
    figure = new_figure(3.8, 4.2)
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    axes = new_axes(figure, grid[0])
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="perfect")
    below, above = (np.abs(columns["accuracy"] - columns[f"accuracy_{side}"]) for side in ("low", "high"))
    axes.errorbar(
        columns["confidence"], columns["accuracy"], yerr=(below, above), fmt="o-", color=BLUE, markersize=4,
        linewidth=1.2, elinewidth=1, label="this network",
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("fraction right", fontsize="small")
    axes.legend(fontsize="small", frameon=False, loc="lower right")
    histogram = new_axes(figure, grid[1])
    width = columns["bin_high"] - columns["bin_low"]
    histogram.bar(columns["bin_low"], columns["n"], width, align="edge", color=BLUE, edgecolor="white", linewidth=0.4)
    histogram.set_xlim(0, 1)
    histogram.set_ylabel("rows", fontsize="small")
    histogram.set_xlabel("probability of the predicted class", fontsize="small")
    return figure


def class_intervals(columns: Mapping[str, np.ndarray]) -> "Figure":
    """Precision and recall of each class with their intervals, the class with the lowest F1 at the top.

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
    axes.set_yticks(range(len(order)), [plain(columns["class"][row], 16) for row in order])
    axes.set_xlabel("fraction, with 95 % interval", fontsize="small")
    figure.legend(fontsize="small", frameon=False, loc="outside upper center", ncols=2)
    return figure
