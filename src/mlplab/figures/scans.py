"""Draw how a network does at many learning rates, and on training sets of many sizes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, label_text, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_rates(
    columns: Mapping[str, np.ndarray], untrained: float, suggestion: float, valley: tuple[float, float], title: str
) -> "Figure":
    """Draw loss by learning rate, with valley and suggested rate; rates that diverged are on the upper edge.

    Args:
        columns: learning_rate, loss, val_loss, diverged; a value for each rate.
        untrained: validation loss before the first step.
        suggestion: the suggested learning rate.
        valley: lowest and highest learning rate of the valley.
    """
    figure = new_figure(5.2, 3.2)
    axes = new_axes(figure)
    rates, diverged = columns["learning_rate"], columns["diverged"]
    lowest = np.nanmin(np.where(diverged, np.nan, np.fmin(columns["loss"], columns["val_loss"])))
    top = untrained + 0.08 * (untrained - lowest)
    for name, label, colour, line in (("loss", "training", BLUE, "o-"), ("val_loss", "validation", ORANGE, "o--")):
        axes.plot(rates, np.where(diverged, np.nan, columns[name]), line, markersize=3, color=colour, label=label)
    axes.axhline(untrained, color=GREY, linewidth=1, linestyle=":", label="untrained")
    axes.axvspan(*valley, color=GREY, alpha=0.15, linewidth=0, label="valley")
    axes.axvline(suggestion, color=RED, linewidth=1.2, label=f"suggested: {suggestion:.2g}")
    if diverged.any():
        tops = np.full(diverged.sum(), top)
        axes.plot(rates[diverged], tops, "x", color=RED, markersize=5, label="diverged", clip_on=False)
    axes.set(xscale="log", ylim=(lowest - 0.06 * (untrained - lowest), top), xlabel="learning rate", ylabel="loss")
    axes.set_title(label_text(title, 80), fontsize="small")
    figure.legend(fontsize="small", frameon=False, loc="outside right upper")
    return figure


def sizes(columns: Mapping[str, np.ndarray], val_accuracy: np.ndarray, title: str) -> "Figure":
    """Draw accuracy by training rows: the mean over seeds with its interval, and each seed as a point.

    Args:
        columns: rows, accuracy, val_accuracy, val_accuracy_low, val_accuracy_high; a value for each size.
        val_accuracy: float (sizes, seeds); NaN: diverged.
    """
    figure = new_figure(4.6, 3.2)
    axes = new_axes(figure)
    rows = columns["rows"]
    low, high = columns["val_accuracy_low"], columns["val_accuracy_high"]
    axes.fill_between(rows, low, high, color=ORANGE, alpha=0.2, linewidth=0, label="its 95 % interval")
    seeds = val_accuracy.shape[1]
    axes.plot(np.repeat(rows, seeds), val_accuracy.reshape(-1), ".", color=GREY, markersize=4, label="each seed")
    axes.plot(rows, columns["accuracy"], "-", marker="o", markersize=3, color=BLUE, label="training")
    axes.plot(rows, columns["val_accuracy"], "--", marker="o", markersize=4, color=ORANGE, label="validation")
    axes.set_xscale("log", base=2)
    axes.set_xticks(rows, [f"{size:,}" for size in rows], rotation=45, ha="right", rotation_mode="anchor")
    axes.minorticks_off()
    axes.set(xlabel="rows trained on", ylabel="accuracy")
    axes.set_title(label_text(title, 80), fontsize="small")
    axes.legend(fontsize="small", frameon=False)
    return figure
