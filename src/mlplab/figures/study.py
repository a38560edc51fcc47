"""Charts of a study: many trials of a search, how each ended, and what their parameters had to do with it.

Each trial's line or mark carries the id `trial-NUMBER` into an SVG file, so that a page can find it in every chart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, new_axes, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = {
    "completed": {"marker": "o", "color": BLUE, "markersize": 5},
    "dropped": {"marker": "v", "color": GREY, "markersize": 4.5, "markerfacecolor": "white", "markeredgewidth": 1.1},
    "failed": {"marker": "x", "color": RED, "markersize": 5.5, "markeredgewidth": 1.6},
}
_BEST = {"marker": "*", "color": ORANGE, "markersize": 13, "markeredgecolor": "white", "markeredgewidth": 0.6}
_LINES = {
    "completed": {"color": BLUE, "linewidth": 1.3},
    "dropped": {"color": GREY, "linewidth": 0.9, "alpha": 0.5},
    "failed": {"color": RED, "linewidth": 0.9, "linestyle": (0, (3, 2)), "alpha": 0.8},
}
_BEST_LINE = {"color": ORANGE, "linewidth": 2.8}


@dataclass(frozen=True, eq=False)
class Drawn:
    """The trials that charts show; those that still run are left out.

    Attributes:
        number: int (n,).
        outcome: str (n,): completed, dropped or failed.
        value: float (n,), the metric where the trial ended; NaN where it has none.
        best: position of the best completed trial; None if there is none.
        metric: what the values are, for an axis.
        larger: whether a larger value is better.
    """

    number: np.ndarray
    outcome: np.ndarray
    value: np.ndarray
    best: int | None
    metric: str
    larger: bool

    def positions(self) -> list[int]:
        """All trials, in the order of drawing: what matters most comes last, on top."""
        order = {"dropped": 0, "failed": 1, "completed": 2}
        return sorted(range(len(self.number)), key=lambda at: (at == self.best, order[self.outcome[at]]))

    def on_edge(self) -> bool:
        """Whether a mark lies on the edge of a figure: of a failed trial, or one far worse than the others."""
        low, high = self.window()
        return bool((self.outcome == "failed").any() or (self.value < low).any() or (self.value > high).any())

    def window(self) -> tuple[float, float]:
        """The values worth looking at: all, but for those so much worse that they would squeeze the others together."""
        values = self.value[np.isfinite(self.value)]
        if not len(values):
            return (0.0, 1.0)
        signed = values if self.larger else -values
        usual = np.median(signed)
        worst = max(signed.min(), usual - 1.5 * (signed.max() - usual))
        ends = (worst, signed.max()) if self.larger else (-signed.max(), -worst)
        room = (ends[1] - ends[0]) or 0.01 * abs(ends[0]) or 1.0
        return (float(ends[0] - 0.06 * room), float(ends[1] + 0.06 * room))


@dataclass(frozen=True, eq=False)
class Scale:
    """One parameter, and where each trial lies on it.

    Attributes:
        name: of the parameter.
        value: float (n,): the number, or the position of the choice; NaN where a trial has none.
        low, high: the range that was searched; of choices: 0 and their number less one.
        log: whether it was searched on a logarithmic scale.
        choices: their names; None for a number.
    """

    name: str
    value: np.ndarray
    low: float
    high: float
    log: bool = False
    choices: Sequence[str] | None = None

    def fraction(self, values: np.ndarray) -> np.ndarray:
        """Values as places between 0 and 1."""
        low, high = np.log10([self.low, self.high]) if self.log else (self.low, self.high)
        values = np.log10(values) if self.log else np.asarray(values, float)
        return (values - low) / (high - low) if high > low else np.where(np.isnan(values), np.nan, 0.5)

    def ticks(self, most: int = 4) -> list[tuple[float, str]]:
        """Values that a scale names, with their names."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.choices is not None:
            return [(float(at), plain(choice, 12)) for at, choice in enumerate(self.choices)]
        if self.high <= self.low:
            return [(self.low, f"{self.low:.3g}")]
        whole = bool(np.all(np.mod(self.value[np.isfinite(self.value)], 1) == 0))
        locator = LogLocator(numticks=most + 1) if self.log else MaxNLocator(most, integer=whole)
        inside = [float(tick) for tick in locator.tick_values(self.low, self.high) if self.low <= tick <= self.high]
        # A range that ends between round numbers is named by its ends.
        return [(tick, f"{tick:.3g}") for tick in (inside if len(inside) > 1 else (self.low, self.high))]


def history(trials: Drawn) -> "Figure":
    """The value of each trial in their order, and the best so far as a stepped line."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(4.1, 3.0)
    axes = new_axes(figure)
    completed = np.flatnonzero((trials.outcome == "completed") & np.isfinite(trials.value))
    if len(completed):
        best = (np.maximum if trials.larger else np.minimum).accumulate(trials.value[completed])
        steps = np.append(trials.number[completed], trials.number.max())
        axes.step(steps, np.append(best, best[-1]), where="post", color=ORANGE, linewidth=1.6)
    _marks(axes, trials, trials.number.astype(float))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("trial", fontsize="small")
    axes.set_ylabel(trials.metric, fontsize="small")
    return _with_legend(figure, trials)


def learning_curves(trials: Drawn, curves: Sequence[tuple[np.ndarray, np.ndarray]], rungs: Sequence[int]) -> "Figure":
    """The metric of each trial by epoch, to where it was dropped or done.

    Args:
        curves: for each trial its epochs and the metric after each.
        rungs: epochs after which the worse ones were dropped; the last is the end.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(4.1, 3.0)
    axes = new_axes(figure)
    for rung in rungs[:-1]:
        axes.axvline(rung, color=GREY, linewidth=1, linestyle=":")
    low, high = trials.window()
    for at in trials.positions():
        epochs, values = curves[at]
        if not len(epochs):
            continue
        line = _BEST_LINE if at == trials.best else _LINES[trials.outcome[at]]
        mark = _BEST if at == trials.best else _MARKS[trials.outcome[at]]
        drawn = axes.plot(epochs, values, **{**mark, **line}, markevery=[len(epochs) - 1])
        drawn[0].set_gid(f"trial-{trials.number[at]}")
    starts = [values[0] for _, values in curves if len(values)]
    if starts:  # the beginnings are shown as far as most of the trials have them
        usual = float(np.median(starts))
        all_values = np.concatenate([values for _, values in curves])
        best = all_values.max() if trials.larger else all_values.min()  # it may lie in the midst of a curve
        room = 0.06 * abs(best - usual)
        worse, better = (usual, best + room) if trials.larger else (usual, best - room)
        low, high = min(low, worse, better), max(high, worse, better)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("epoch", fontsize="small")
    axes.set_ylabel(trials.metric, fontsize="small")
    return _with_legend(figure, trials)


def importance(names: Sequence[str], shares: np.ndarray, chance: np.ndarray) -> "Figure":
    """How much each parameter mattered, as a bar, and as a tick what chance alone reaches.

    Args:
        names: most important first.
        shares: float (n,), which add up to 1.
        chance: float (n,), in the same unit.
    """
    figure = new_figure(4.1, 0.75 + 0.3 * len(names))
    axes = new_axes(figure)
    lines = np.arange(len(names))
    for clear, colour in ((shares > chance, BLUE), (shares <= chance, GREY)):
        axes.barh(lines[clear], shares[clear], height=0.55, color=colour, alpha=1 if colour == BLUE else 0.5)
    axes.vlines(chance, lines - 0.4, lines + 0.4, colors=ORANGE, linewidth=2.2)
    axes.set_yticks(lines, [plain(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, max(1.05 * float(np.max([shares, chance])), 1e-9))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of importance", fontsize="small")
    return figure


def slice_of(trials: Drawn, scale: Scale) -> "Figure":
    """The value of each trial by one parameter."""
    figure = new_figure(3.3, 2.5)
    axes = new_axes(figure)
    places = scale.value
    if scale.choices is not None:  # beside each other by the golden section, which never falls into step
        places = places + 0.5 * ((trials.number * 0.618034) % 1 - 0.5)
    _marks(axes, trials, places)
    if scale.log:
        axes.set_xscale("log")
    elif scale.choices is not None:
        axes.set_xlim(-0.5, len(scale.choices) - 0.5)
    ticks = scale.ticks()
    axes.set_xticks([tick for tick, _ in ticks], [name for _, name in ticks])
    axes.minorticks_off()
    axes.set_title(plain(scale.name), fontsize="medium")
    axes.set_ylabel(trials.metric, fontsize="small")
    return figure


def parallel(trials: Drawn, scales: Sequence[Scale], upright: bool = True) -> "Figure":
    """Parallel coordinates: a scale for each parameter, the last for the value, and a line for each trial.

    Args:
        scales: one for each parameter.
        upright: scales stand side by side; otherwise they lie one below the other, as a narrow page needs them.
    """
    low, high = trials.window()
    value = Scale(trials.metric, np.clip(trials.value, low, high), low, high)
    scales = [*scales, value]
    places = np.array([scale.fraction(scale.value) for scale in scales])  # (scales, trials)
    places[-1, np.isnan(places[-1])] = 0.0 if trials.larger else 1.0  # a failed trial ends at the worst
    across = np.arange(len(scales), dtype=float)
    figure = new_figure(max(4.8, 1.32 * len(scales)), 3.4) if upright else new_figure(3.9, 0.7 * len(scales))
    axes = figure.add_subplot()
    axes.set_axis_off()
    for at in trials.positions():
        line = _BEST_LINE if at == trials.best else _LINES[trials.outcome[at]]
        there = np.isfinite(places[:, at])
        ends = (across[there], places[there, at])
        drawn = axes.plot(*(ends if upright else ends[::-1]), **line, solid_joinstyle="round")
        drawn[0].set_gid(f"trial-{trials.number[at]}")
    for place, scale in enumerate(scales):
        _draw_scale(axes, scale, place, upright)
    if not upright:
        axes.set_ylim(len(scales) - 0.65, -0.35)
        axes.margins(x=0.06)
    return figure


def _draw_scale(axes: "Axes", scale: Scale, place: int, upright: bool) -> None:
    ends = ([place, place], [0, 1])
    drawn = axes.plot(*(ends if upright else ends[::-1]), color="black", linewidth=1.1, zorder=3)
    drawn[0].set_gid(f"scale-{place}")
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    for tick, name in scale.ticks():
        at = float(scale.fraction(np.array([tick]))[0])
        spot, shift = ((place, at), (-4, 0)) if upright else ((at, place), (0, -4))
        sides: dict[str, Any] = {"ha": "right", "va": "center"} if upright else {"ha": "center", "va": "top"}
        axes.annotate(name, spot, shift, textcoords="offset points", fontsize=7.5, bbox=ground, zorder=4, **sides)
    spot, shift = ((place, 1), (0, 9)) if upright else ((0, place), (-2, 5))
    sides = {"ha": "center", "va": "bottom"} if upright else {"ha": "left", "va": "bottom"}
    axes.annotate(
        plain(scale.name), spot, shift, textcoords="offset points", fontsize=8.5, weight="bold", bbox=ground, zorder=5,
        **sides,
    )  # fmt: skip


def _marks(axes: "Axes", trials: Drawn, places: np.ndarray) -> None:
    """A mark for each trial at its place and value; what is far worse, or has no value, lies on the edge."""
    low, high = trials.window()
    worst = low if trials.larger else high
    for at in trials.positions():
        mark = _BEST if at == trials.best else _MARKS[trials.outcome[at]]
        value = trials.value[at] if trials.outcome[at] != "failed" else np.nan
        height = np.clip(value, low, high) if np.isfinite(value) else worst
        drawn = axes.plot([places[at]], [height], linestyle="none", clip_on=False, **mark)
        drawn[0].set_gid(f"trial-{trials.number[at]}")
    axes.set_ylim(low, high)


def _with_legend(figure: "Figure", trials: Drawn) -> "Figure":
    """The marks that the figure has, with their names, above it."""
    from matplotlib.lines import Line2D

    found = [name for name in _MARKS if (trials.outcome == name).any()]
    handles = [Line2D([], [], linestyle="none", label=name, **_MARKS[name]) for name in found]
    if trials.best is not None:
        handles.insert(0, Line2D([], [], linestyle="none", label="best", **_BEST))
    figure.legend(
        handles=handles, fontsize="small", frameon=False, loc="outside upper center", ncols=4, handletextpad=0.1,
        columnspacing=1.0,
    )  # fmt: skip
    return figure
