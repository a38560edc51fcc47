"""What the tests of a comparison say, in plain English."""

import re
from collections.abc import Sequence
from typing import Any

from mlplab.inspection.comparison.pairs import SIGNIFICANCE
from mlplab.table import Table

_ONE_RECIPE = (
    "They differ in nothing but the seed: this holds for these two trained networks on this test set, and is not about "
    "the recipe, which they share."
)
_ONE_RUN = (
    "This holds for these two trained networks on this test set. It does not tell which of the recipes is better: for "
    "that there are too few runs, and other seeds may differ."
)
_ARRAYS = "This holds for these predictions for these rows, not for how they were made: other seeds may differ."


def name(column: str) -> str:
    """A column as the report names it: `top-2 accuracy`, `log-loss`, `Brier score`, `macro F1`."""
    words = re.sub(r"^top_(\d+)", r"top-\1", column).replace("log_loss", "log-loss").replace("_", " ")
    return words.replace("brier", "Brier").replace("f1", "F1")


def plain(value: Any) -> Any:
    """A setting or a cost as people read it: `42,310`, `4.989`; what is no number as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def verdicts(pairs: Table, names: Sequence[str], groups: Sequence[Sequence[int]]) -> tuple[str, ...]:
    """One for each pair.

    Args:
        pairs: as `pairs.pairs` gives it.
        names: of all that is compared, in its order.
        groups: positions of the runs of each recipe; none for plain predictions.
    """
    group_of = {names[position]: group for group in groups for position in group}
    said = []
    for row in pairs:
        verdict = _verdict(row, len(pairs))
        if row["only_a"] + row["only_b"] == 0:
            verdict = f"{row['a']} and {row['b']} get the same rows right: no test can tell which is better."
        said.append(f"{verdict} {_reach(group_of.get(row['a']), group_of.get(row['b']))}".rstrip())
    return tuple(said)


def group_verdicts(group_pairs: Table) -> tuple[str, ...]:
    """One for each pair of recipes that have several seeds each."""
    return tuple(f"Over seeds: {_verdict(row, len(group_pairs), ', on average')}" for row in group_pairs)


def _verdict(row: dict, comparisons: int, how: str = "") -> str:
    after = f" after correction for {comparisons} comparisons" if comparisons > 1 else ""
    between, points = f"between {row['a']} and {row['b']}", _points(row["difference"])
    if row["p_corrected"] is None:
        return f"The difference {between} is {points} points; the values do not vary, so it cannot be tested."
    p = f"p {_p(row['p_corrected'])}{after}"
    if row["p_corrected"] >= SIGNIFICANCE:
        interval = "" if row["low"] is None else _interval(row["low"], row["high"])
        return f"No significant difference {between}{how}: {points} points ({interval}{p})."
    better, worse, low, high = row["a"], row["b"], row["low"], row["high"]
    if row["difference"] < 0:
        better, worse, low, high = worse, better, -high, -low
    return (
        f"{better} is better than {worse}{how} by {_points(abs(row['difference']))} points ({_interval(low, high)}{p})."
    )


def _reach(first: Sequence[int] | None, second: Sequence[int] | None) -> str:
    """How far the verdict of a pair reaches, given the runs of each one's recipe."""
    if first is None or second is None:
        return _ARRAYS
    if first == second:
        return _ONE_RECIPE
    return _ONE_RUN if min(len(first), len(second)) == 1 else ""


def _interval(low: float, high: float) -> str:
    return f"95 % interval {_points(low)} to {_points(high)}; "


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f}".replace("-", "\N{MINUS SIGN}")


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"
