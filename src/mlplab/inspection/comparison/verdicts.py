"""The results of the tests in plain English."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlplab.figures import shortened
from mlplab.inspection import majority
from mlplab.inspection.comparison.pairs import SIGNIFICANCE, Group
from mlplab.inspection.examples import Examples
from mlplab.table import Table

_SAME_SETTINGS = (
    "They differ in nothing but the seed. This result is about these two trained networks on this test set, not about "
    "their settings, which are the same."
)
_ONE_RUN = (
    "This result is about these two trained networks on this test set. It does not show which settings are better: "
    "that takes several runs of each, as other seeds may give other results."
)
_ENSEMBLES = "This result is about the two ensembles, each of all its networks together."
_ARRAYS = "This result is about these predictions for these rows. Networks trained with other seeds may differ."


def name(column: str) -> str:
    """Return the name of a score as the report has it: `top-2 accuracy`, `log-loss`, `Brier score`, `macro F1`."""
    words = re.sub(r"^top_(\d+)", r"top-\1", column).replace("log_loss", "log-loss").replace("_", " ")
    return words.replace("brier", "Brier").replace("f1", "F1")


def plain(value: Any) -> Any:
    """Format a number for people, as in `42,310` and `4.989`. Return anything else unchanged."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def verdicts(pairs: Table, groups: Sequence[Group]) -> tuple[str, ...]:
    """Return one verdict for each pair.

    Args:
        pairs: the table of `pairs.pairs`.
        groups: of the runs; empty for predictions without runs.
    """
    group_of = {name: group for group in groups for name in group.runs}
    result = []
    for row in pairs:
        verdict = _verdict(row, len(pairs))
        if row["only_a"] + row["only_b"] == 0:
            verdict = f"{row['a']} and {row['b']} get the same rows right: no test can decide which is better."
        result.append(f"{verdict} {_scope(group_of.get(row['a']), group_of.get(row['b']))}".rstrip())
    return tuple(result)


def group_verdicts(group_pairs: Table) -> tuple[str, ...]:
    """Return one verdict for each pair of groups that have several seeds each."""
    return tuple(f"Over seeds: {_verdict(row, len(group_pairs), ', on average')}" for row in group_pairs)


def cautions(examples: Mapping[str, Examples]) -> tuple[str, ...]:
    """Say which of several networks are no better than the most frequent class, and where classes are unbalanced."""
    baselines = {name: majority.baseline_of(rows) for name, rows in examples.items()}
    texts = [majority.warning_of(baseline, what=name) for name, baseline in baselines.items()]
    first = next(iter(baselines.values()))
    if first is not None and first.unbalanced:
        texts.append(
            "Classes are unbalanced: look at balanced accuracy and macro F1 too. Always naming the most frequent "
            f"class, {shortened(first.majority, majority.LETTERS)}, is right for {first.share:.4f} of the rows."
        )
    return tuple(filter(None, texts))


def _verdict(row: dict, comparisons: int, on_average: str = "") -> str:
    after = f" after correction for {comparisons} comparisons" if comparisons > 1 else ""
    between, points = f"between {row['a']} and {row['b']}", _points(row["difference"])
    if row["p_corrected"] is None:
        return f"The difference {between} is {points} points; the values do not vary, so there is no test."
    p = f"p {_p(row['p_corrected'])}{after}"
    if row["p_corrected"] >= SIGNIFICANCE:
        interval = "" if row["low"] is None else _interval(row["low"], row["high"])
        return f"No significant difference {between}{on_average}: {points} points ({interval}{p})."
    better, worse, low, high = row["a"], row["b"], row["low"], row["high"]
    if row["difference"] < 0:
        better, worse, low, high = worse, better, -high, -low
    points = _points(abs(row["difference"]))
    return f"{better} is better than {worse}{on_average} by {points} points ({_interval(low, high)}{p})."


def _scope(first: Group | None, second: Group | None) -> str:
    """Return what the verdict of a pair is about, given the group of each of the two runs."""
    if first is None or second is None:
        return _ARRAYS
    if first == second:
        return _SAME_SETTINGS
    if first.ensemble and second.ensemble:
        return _ENSEMBLES
    return _ONE_RUN if min(len(first.runs), len(second.runs)) == 1 else ""


def _interval(low: float, high: float) -> str:
    return f"95 % interval {_points(low)} to {_points(high)}; "


def _points(fraction: float) -> str:
    return f"{100 * fraction:.2f}".replace("-", "\N{MINUS SIGN}")


def _p(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"= {p:.2g}"
