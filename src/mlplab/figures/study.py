"""Draw the trials of a study: their values in order, by epoch and by parameter.

Each trial's line or mark has the id `trial-NUMBER` in an SVG file, so that a page can find it in every chart.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, integer_ticks, label_text, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = {
    "dropped": {"marker": "v", "color": GREY, "markersize": 4.5, "markerfacecolor": "white", "markeredgewidth": 1.1},
    "failed": {"marker": "x", "color": RED, "markersize": 5.5, "markeredgewidth": 1.6},
    "completed": {"marker": "o", "color": BLUE, "markersize": 5},
    "best": {"marker": "*", "color": ORANGE, "markersize": 13, "markeredgecolor": "white", "markeredgewidth": 0.6},
}
_LINES = {
    "dropped": {"color": GREY, "linewidth": 0.9, "alpha": 0.5},
    "failed": {"color": RED, "linewidth": 0.9, "linestyle": (0, (3, 2)), "alpha": 0.8},
    "completed": {"color": BLUE, "linewidth": 1.3},
    "best": {"color": ORANGE, "linewidth": 2.8},
}
"""Styles of trials, in drawing order: the best trial comes last, on top."""


@dataclass(frozen=True, eq=False)
class TrialPoints:
    """The finished trials of a study, as charts draw them.

    Attributes:
        number: int (n,), the trial's number.
        outcome: str (n,): completed, dropped or failed.
        value: float (n,), the metric at the trial's end; NaN where it has none.
        best: position of the best completed trial; None if there is none.
        metric: name of the values, for an axis.
        larger: whether a larger value is better.
    """

    number: np.ndarray
    outcome: np.ndarray
    value: np.ndarray
    best: int | None
    metric: str
    larger: bool

    def kind(self, trial: int) -> str:
        """Return "best" or the outcome of the trial at a position."""
        return "best" if trial == self.best else str(self.outcome[trial])

    def positions(self) -> list[int]:
        """Return all positions in drawing order."""
        return sorted(range(len(self.number)), key=lambda trial: list(_MARKS).index(self.kind(trial)))

    def line(self, trial: int) -> dict[str, Any]:
        """Return the line style and the id of the trial at a position."""
        return {**_LINES[self.kind(trial)], "gid": f"trial-{self.number[trial]}"}

    def on_edge(self) -> bool:
        """Whether the mark of a failed or a much worse trial lies on the edge of a figure."""
        low, high = self.window()
        return bool((self.outcome == "failed").any() or (self.value < low).any() or (self.value > high).any())

    def window(self) -> tuple[float, float]:
        """Return the lowest and highest value drawn: all but those far worse than the others."""
        values = self.value[np.isfinite(self.value)]
        if not len(values):
            return (0.0, 1.0)
        low, median, high = float(values.min()), float(np.median(values)), float(values.max())
        if self.larger:
            low = max(low, median - 1.5 * (high - median))
        else:
            high = min(high, median + 1.5 * (median - low))
        margin = 0.06 * ((high - low) or 0.01 * abs(low) or 1.0)
        return (low - margin, high + margin)


@dataclass(frozen=True, eq=False)
class Scale:
    """One parameter, and its value in each trial.

    Attributes:
        name: name of the parameter.
        value: float (n,): the number, or the position of the choice; NaN where a trial has none.
        low, high: the searched range; of choices: 0 and the position of the last.
        log: whether the scale is logarithmic.
        choices: names of the choices; None for a number.
    """

    name: str
    value: np.ndarray
    low: float
    high: float
    log: bool = False
    choices: Sequence[str] | None = None

    def fraction(self, values: np.ndarray) -> np.ndarray:
        """Return values as fractions of the range, 0 to 1."""
        low, high = np.log10([self.low, self.high]) if self.log else (self.low, self.high)
        values = np.log10(values) if self.log else np.asarray(values, float)
        return (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)

    def ticks(self, most: int = 4) -> list[tuple[float, str]]:
        """Return the values to mark on the scale, with their labels."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.choices is not None:
            return [(float(place), label_text(choice, 12)) for place, choice in enumerate(self.choices)]
        if self.high <= self.low:
            return [(self.low, f"{self.low:.3g}")]
        whole = bool(np.all(np.mod(self.value[np.isfinite(self.value)], 1) == 0))
        locator = LogLocator(numticks=most + 1) if self.log else MaxNLocator(most, integer=whole)
        inside = [float(tick) for tick in locator.tick_values(self.low, self.high) if self.low <= tick <= self.high]
        # A range without two round numbers is marked at its ends.
        return [(tick, f"{tick:.3g}") for tick in (inside if len(inside) > 1 else (self.low, self.high))]


def history(trials: TrialPoints) -> "Figure":
    """Draw the value of each trial in order, and the best so far as a stepped line."""
    figure = new_figure(4.1, 3.0)
    axes = new_axes(figure)
    completed = np.flatnonzero((trials.outcome == "completed") & np.isfinite(trials.value))
    if len(completed):
        best = (np.maximum if trials.larger else np.minimum).accumulate(trials.value[completed])
        steps = np.append(trials.number[completed], trials.number.max())
        axes.step(steps, np.append(best, best[-1]), where="post", color=ORANGE, linewidth=1.6)
    _draw_marks(axes, trials, trials.number.astype(float))
    integer_ticks(axes)
    axes.set(xlabel="trial", ylabel=trials.metric)
    return _with_legend(figure, trials)


def learning_curves(
    trials: TrialPoints, curves: Sequence[tuple[np.ndarray, np.ndarray]], rungs: Sequence[int]
) -> "Figure":
    """Draw the metric of each trial by epoch, until the trial ended.

    Args:
        curves: the epochs of each trial, and the metric after each epoch.
        rungs: epochs after which worse trials were dropped; the last is the end.
    """
    figure = new_figure(4.1, 3.0)
    axes = new_axes(figure)
    for rung in rungs[:-1]:
        axes.axvline(rung, color=GREY, linewidth=1, linestyle=":")
    low, high = trials.window()
    for trial in trials.positions():
        epochs, values = curves[trial]
        if len(epochs):
            axes.plot(epochs, values, **(_MARKS[trials.kind(trial)] | trials.line(trial)), markevery=[-1])
    starts = [values[0] for _, values in curves if len(values)]
    if starts:  # include the median first value, and the best value, which may lie inside a curve
        start = float(np.median(starts))
        all_values = np.concatenate([values for _, values in curves])
        best = all_values.max() if trials.larger else all_values.min()
        better = best + 0.06 * (best - start)
        low, high = min(low, start, better), max(high, start, better)
    integer_ticks(axes)
    axes.set(xlabel="epoch", ylabel=trials.metric, ylim=(low, high))
    return _with_legend(figure, trials)


def importance(names: Sequence[str], shares: np.ndarray, chance: np.ndarray) -> "Figure":
    """Draw the importance of each parameter as a bar, and the importance expected by chance as a tick.

    Args:
        names: the parameters, most important first.
        shares: float (n,), sum 1.
        chance: float (n,), in the same unit.
    """
    figure = new_figure(4.1, 0.75 + 0.3 * len(names))
    axes = new_axes(figure)
    lines = np.arange(len(names))
    for rows, colour, alpha in ((shares > chance, BLUE, 1), (shares <= chance, GREY, 0.5)):
        axes.barh(lines[rows], shares[rows], height=0.55, color=colour, alpha=alpha)
    axes.vlines(chance, lines - 0.4, lines + 0.4, colors=ORANGE, linewidth=2.2)
    axes.set_yticks(lines, [label_text(name) for name in names])
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, max(1.05 * float(np.max([shares, chance])), 1e-9)))
    axes.set_xlabel("share of importance")
    axes.grid(visible=False, axis="y")
    return figure


def slice_plot(trials: TrialPoints, scale: Scale) -> "Figure":
    """Draw the value of each trial by one parameter."""
    figure = new_figure(3.3, 2.5)
    axes = new_axes(figure)
    places = scale.value
    if scale.choices is not None:  # spread by the golden ratio, so that marks do not line up
        places = places + 0.5 * ((trials.number * 0.618034) % 1 - 0.5)
    _draw_marks(axes, trials, places)
    if scale.log:
        axes.set_xscale("log")
    elif scale.choices is not None:
        axes.set_xlim(-0.5, len(scale.choices) - 0.5)
    ticks = scale.ticks()
    axes.set_xticks([tick for tick, _ in ticks], [name for _, name in ticks])
    axes.minorticks_off()
    axes.set_title(label_text(scale.name), fontsize="medium")
    axes.set_ylabel(trials.metric)
    return figure


def parallel(trials: TrialPoints, scales: Sequence[Scale], upright: bool = True) -> "Figure":
    """Draw parallel coordinates: a scale for each parameter and one for the value, a line for each trial.

    Args:
        scales: one for each parameter.
        upright: draw vertical scales side by side; otherwise horizontal ones below each other, for narrow pages.
    """
    low, high = trials.window()
    value = Scale(trials.metric, np.clip(trials.value, low, high), low, high)
    scales = [*scales, value]
    places = np.array([scale.fraction(scale.value) for scale in scales])  # (scales, trials)
    places[-1, np.isnan(places[-1])] = 0.0 if trials.larger else 1.0  # a failed trial ends at the worst value
    figure = new_figure(max(4.8, 1.32 * len(scales)), 3.4) if upright else new_figure(3.9, 0.75 * len(scales))
    axes = figure.add_subplot()
    axes.set_axis_off()
    for trial in trials.positions():
        used = np.flatnonzero(np.isfinite(places[:, trial]))
        points = (used, places[used, trial])
        axes.plot(*(points if upright else points[::-1]), **trials.line(trial), solid_joinstyle="round")
    for place, scale in enumerate(scales):
        _draw_scale(axes, scale, place, upright)
    if not upright:
        axes.set_ylim(len(scales) - 0.65, -0.35)
        axes.margins(x=0.06)
    return figure


def _draw_scale(axes: "Axes", scale: Scale, place: int, upright: bool) -> None:
    ends = ([place, place], [0, 1])
    axes.plot(*(ends if upright else ends[::-1]), color="black", linewidth=1.1, zorder=3, gid=f"scale-{place}")
    background = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    for tick, name in scale.ticks():
        fraction = float(scale.fraction(np.array([tick]))[0])
        point, shift = ((place, fraction), (-4, 0)) if upright else ((fraction, place), (0, -4))
        align: dict[str, Any] = {"ha": "right", "va": "center"} if upright else {"ha": "center", "va": "top"}
        align |= {"textcoords": "offset points", "bbox": background}
        axes.annotate(name, point, shift, fontsize=9, zorder=4, **align)
    point, shift = ((place, 1), (0, 10)) if upright else ((0, place), (-2, 5))
    align = {"ha": "center" if upright else "left", "va": "bottom", "textcoords": "offset points", "bbox": background}
    name = textwrap.fill(label_text(scale.name), 14) if upright else label_text(scale.name)
    axes.annotate(name, point, shift, fontsize=10, weight="bold", zorder=5, **align)


def _draw_marks(axes: "Axes", trials: TrialPoints, places: np.ndarray) -> None:
    """Mark each trial at its place and value; a failed or much worse trial lies on the edge."""
    low, high = trials.window()
    worst = low if trials.larger else high
    for trial in trials.positions():
        value = trials.value[trial] if trials.outcome[trial] != "failed" else np.nan
        height = np.clip(value, low, high) if np.isfinite(value) else worst
        style = {**_MARKS[trials.kind(trial)], "linestyle": "none", "gid": f"trial-{trials.number[trial]}"}
        axes.plot([places[trial]], [height], clip_on=False, **style)
    axes.set_ylim(low, high)


def _with_legend(figure: "Figure", trials: TrialPoints) -> "Figure":
    """Name the marks of the figure above it."""
    from matplotlib.lines import Line2D

    kinds = {*trials.outcome.tolist(), *([] if trials.best is None else ["best"])}
    marks = [(kind, mark) for kind, mark in reversed(_MARKS.items()) if kind in kinds]
    handles = [Line2D([], [], linestyle="none", label=kind, **mark) for kind, mark in marks]
    place: dict[str, Any] = {"loc": "outside upper center", "ncols": 4, "handletextpad": 0.1, "columnspacing": 1.0}
    figure.legend(handles=handles, fontsize="small", frameon=False, **place)
    return figure
