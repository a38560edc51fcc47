"""Draw the trials of a study: their values in order, by epoch and by parameter.

Each trial's line or mark has the id `trial-NUMBER` in an SVG file, so that a page can find it in every chart.
"""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, integer_ticks, label_text, new_axes, new_figure
from mlplab.figures.trials import MARKS, Scale, TrialPoints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
            axes.plot(epochs, values, **(MARKS[trials.kind(trial)] | trials.line(trial)), markevery=[-1])
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
        style = {**MARKS[trials.kind(trial)], "linestyle": "none", "gid": f"trial-{trials.number[trial]}"}
        axes.plot([places[trial]], [height], clip_on=False, **style)
    axes.set_ylim(low, high)


def _with_legend(figure: "Figure", trials: TrialPoints) -> "Figure":
    """Name the marks of the figure above it."""
    from matplotlib.lines import Line2D

    kinds = {*trials.outcome.tolist(), *([] if trials.best is None else ["best"])}
    marks = [(kind, mark) for kind, mark in reversed(MARKS.items()) if kind in kinds]
    handles = [Line2D([], [], linestyle="none", label=kind, **mark) for kind, mark in marks]
    place: dict[str, Any] = {"loc": "outside upper center", "ncols": 4, "handletextpad": 0.1, "columnspacing": 1.0}
    figure.legend(handles=handles, fontsize="small", frameon=False, **place)
    return figure
