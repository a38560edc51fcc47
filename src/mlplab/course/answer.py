"""The answer of a check: one line first, then what is right, and where the result lies in the usual range."""

import html
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlplab.figures import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 41
"""Width of the drawn range in a terminal, in characters."""


@dataclass(frozen=True)
class UsualRange:
    """A learner's value and the values of the solution with several seeds.

    Attributes:
        name: what was measured, "test accuracy".
        value: the learner's value.
        low, high: ends of the usual range, see `reference_scores.prediction_interval`.
        seeds: the solution's values, one per seed.
    """

    name: str
    value: float
    low: float
    high: float
    seeds: tuple[float, ...]

    @property
    def inside(self) -> bool:
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        place = "inside" if self.inside else "below" if self.value < self.low else "above"
        digits = 3 if self.inside or f"{self.value:.3f}" not in (f"{self.low:.3f}", f"{self.high:.3f}") else 4
        value, low, high = (f"{number:.{digits}f}" for number in (self.value, self.low, self.high))
        return f"{value}: {place} the usual {low}–{high}"

    def line(self) -> str:
        """Draw the range in one line: the solution's seeds as ·, the learner's value as ●."""
        least, most = min(self.low, self.value), max(self.high, self.value)
        values = (self.low, self.high, self.value, *self.seeds)
        place = {value: round((_WIDTH - 1) * (value - least) / ((most - least) or 1)) for value in values}
        cells = [" "] * _WIDTH
        cells[place[self.low] : place[self.high] + 1] = "─" * (place[self.high] + 1 - place[self.low])
        for value in self.seeds:
            cells[place[value]] = "·"
        for value, mark in ((self.low, "├"), (self.high, "┤"), (self.value, "●")):
            cells[place[value]] = mark
        return "".join(cells).rstrip()


@dataclass(frozen=True)
class Answer:
    """The answer of a check. A notebook shows it formatted.

    Attributes:
        exercise: name of the exercise.
        passed: whether everything is right.
        message: the first line: what is wrong, in one or two sentences, or that the exercise is solved.
        holds: what is right, one sentence each.
        ranges: measured values with their usual ranges.
        details: further lines: the learner's traceback, targets, the next step.
    """

    exercise: str
    passed: bool
    message: str
    holds: tuple[str, ...] = ()
    ranges: tuple[UsualRange, ...] = ()
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{'✓' if self.passed else '✗'} {self.message}", *(f"  ✓ {text}" for text in self.holds)]
        for measured in self.ranges:
            lines += [f"  {measured.name} {measured}", f"    {measured.line()}   ● yours, · the solution's seeds"]
        return "\n".join([*lines, *self.details])

    __repr__ = __str__

    @property
    def figure(self) -> "Figure | None":
        """The ranges as a figure; None if nothing was measured."""
        if not self.ranges:
            return None
        from mlplab.figures.intervals import usual_ranges

        return usual_ranges([(r.name, r.value, r.low, r.high, r.seeds) for r in self.ranges])

    def _repr_html_(self) -> str:
        colour, mark = ("#2e7d32", "✓") if self.passed else ("#c62828", "✗")
        holds = "".join(f"<li>{_html(text)}</li>" for text in self.holds)
        reached = "".join(f"<p>{html.escape(f'{measured.name} {measured}')}</p>" for measured in self.ranges)
        details = html.escape("\n".join(self.details))
        return (
            f'<div style="border-left: 4px solid {colour}; padding-left: 1em">'
            f"<p><strong>{mark} {_html(self.message)}</strong></p>"
            + (f"<ul style=\"list-style: '✓ '\">{holds}</ul>" if holds else "")
            + reached
            + (f'<pre style="white-space: pre-wrap">{details}</pre>' if details else "")
            + "</div>"
        )

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, Image, display

        display(HTML(self._repr_html_()))
        if (figure := self.figure) is not None:
            display(Image(png(figure)))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Answer":
        ranges = tuple(UsualRange(**{**r, "seeds": tuple(r["seeds"])}) for r in content["ranges"])
        return cls(
            **{**content, "ranges": ranges, "holds": tuple(content["holds"]), "details": tuple(content["details"])}
        )


def _html(text: str) -> str:
    """Escape the text and format `names` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def join_names(names: Sequence[str]) -> str:
    """Return "`a`, `b` and `c`"."""
    *others, last = [f"`{name}`" for name in names]
    return f"{', '.join(others)} and {last}" if others else last
