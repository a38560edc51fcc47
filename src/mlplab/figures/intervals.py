"""Draw values with their intervals, one below the other."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, RED, label_text, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Intervals:
    """The values of one chart.

    Attributes:
        title: above the chart.
        unit: label of the value axis.
        names: one for each value.
        values, lows, highs: float (n,); NaN is left out.
        coloured: bool (n,), values drawn in colour, the others in grey; None: all.
        zero_line: whether a line marks 0.
    """

    title: str
    unit: str
    names: Sequence[str]
    values: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    coloured: np.ndarray | None = None
    zero_line: bool = False


def intervals(charts: Sequence[Intervals], width: float = 6.4) -> "Figure":
    """Draw forest plots, a point and a bar for each value, one plot below the other; `width` in inches."""
    heights = [0.75 + 0.27 * len(chart.names) for chart in charts]
    figure = new_figure(width, sum(heights))
    grid = figure.add_gridspec(len(charts), 1, height_ratios=heights)
    for place, chart in enumerate(charts):
        _draw(new_axes(figure, grid[place]), chart, longest_name=int(7 * width))
    return figure


def _draw(axes: "Axes", chart: Intervals, longest_name: int) -> None:
    lines = np.arange(len(chart.names))
    coloured = np.ones(len(lines), bool) if chart.coloured is None else chart.coloured
    for colour, rows in ((BLUE, coloured), (GREY, ~coloured)):
        # A value without an interval is still a point.
        low, high = (np.where(np.isnan(end), chart.values, end)[rows] for end in (chart.lows, chart.highs))
        axes.hlines(lines[rows], low, high, colors=colour, linewidth=2)
        axes.plot(chart.values[rows], lines[rows], "o", color=colour, markersize=5)
    if chart.zero_line:
        axes.axvline(0, color=GREY, linewidth=1, linestyle=":")
    axes.set_yticks(lines, [_in_two_lines(name, longest_name) for name in chart.names])
    axes.set(ylim=(len(lines) - 0.4, -0.6), xlabel=chart.unit)
    axes.grid(visible=False, axis="y")
    axes.set_title(label_text(chart.title, 90), fontsize="medium", loc="left")


def _in_two_lines(name: str, longest: int) -> str:
    first, *others = textwrap.wrap(str(name), longest) or [""]
    return "\n".join(label_text(line, longest) for line in [first, *([" ".join(others)] if others else [])])


def usual_ranges(measured: Sequence[tuple[str, float, float, float, Sequence[float]]]) -> "Figure":
    """Draw values within their usual ranges, a line for each (name, value, low, high, values of several seeds)."""
    figure = new_figure(6.4, 0.95 * len(measured))
    for place, (name, value, low, high, seeds) in enumerate(measured):
        axes = new_axes(figure, len(measured), 1, place + 1)
        colour = BLUE if low <= value <= high else RED
        axes.hlines(0, low, high, colors=GREY, linewidth=10, alpha=0.3)
        axes.plot(seeds, np.zeros(len(seeds)), "|", color=GREY, markersize=10, label="the solution, one seed each")
        axes.plot([value], [0], "o", color=colour, markersize=8, label=f"yours, {value:.3f}")
        axes.set_yticks([])
        axes.set_ylim(-1, 1)
        axes.spines["left"].set_visible(False)
        axes.set_title(label_text(name, 45), fontsize="small", loc="left")
        axes.legend(fontsize="x-small", frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.95))
    return figure


def seeds(values: np.ndarray, mean: tuple[float, float, float], ensemble: tuple[float, float, float]) -> "Figure":
    """Draw a point for each seed, below them their mean and the ensemble with their intervals.

    Args:
        values: float (n,), a value for each seed.
        mean, ensemble: value, low and high; NaN: no interval.
    """
    figure = new_figure(4.6, 2.5)
    axes = new_axes(figure)
    order = np.argsort(values)
    height = np.empty(len(values))
    height[order] = (np.arange(len(values)) % 3 - 1) * 0.16  # so that neighbours do not hide each other
    axes.plot(values, height, "o", color=GREY, markersize=5, alpha=0.8)
    for line, (value, low, high), colour in ((1, mean, BLUE), (2, ensemble, RED)):
        axes.hlines(line, low, high, colors=colour, linewidth=2)
        axes.plot([value], [line], "o", color=colour, markersize=6)
    axes.axvline(mean[0], color=GREY, linewidth=1, linestyle=":")
    axes.set_yticks(range(3), ["one network each", "their mean", "the ensemble"])
    axes.set(ylim=(2.5, -0.5), xlabel="test accuracy, with 95 % intervals")
    axes.grid(visible=False, axis="y")
    return figure
