"""The trials of a study as charts draw them: their values, the scales of their parameters, their marks and lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.figures.canvas import BLUE, GREY, ORANGE, RED, label_text

MARKS = {
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
        return sorted(range(len(self.number)), key=lambda trial: list(MARKS).index(self.kind(trial)))

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
