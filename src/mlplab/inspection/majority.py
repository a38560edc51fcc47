"""The most frequent class as the bar that a network has to pass, and scores in which every class counts the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mlplab.figures import shortened
from mlplab.inspection.examples import Examples
from mlplab.runs import Settings
from mlplab.runs.result import PopulationResult, RunResult
from mlplab.scores import ClassCounts, are_unbalanced, wilson_interval

FRACTION = "{:.4f}".format
"""Formats a fraction in a terminal."""

LETTERS = 40
"""Letters of a class's name in a sentence."""

_BEHIND = 0.02
"""Where balanced accuracy is this much below the accuracy, rare classes are said to do worse."""


@dataclass(frozen=True)
class Bar:
    """Accuracies of a network, beside that of always naming the most frequent class.

    Attributes:
        majority: the name of the most frequent class.
        share: its fraction of the rows, the accuracy of always naming it.
        unbalanced: see `scores.are_unbalanced`.
        accuracy, low, high: the network's, with the 95 % interval (Wilson).
        balanced_accuracy: the mean over classes of the fraction of their rows predicted right.
        macro_f1: the mean over classes of F1.
        only: the class that the network predicts for all rows; "" if it predicts several.
    """

    majority: str
    share: float
    unbalanced: bool
    accuracy: float
    low: float
    high: float
    balanced_accuracy: float
    macro_f1: float
    only: str

    @property
    def is_passed(self) -> bool:
        """Whether the network is clearly better: its interval lies above the share."""
        return self.low > self.share

    @property
    def hurts_rare_classes(self) -> bool:
        """Whether rare classes do worse than frequent ones."""
        return self.unbalanced and self.balanced_accuracy < self.accuracy - _BEHIND


def bar_of(examples: Examples) -> Bar | None:
    """Return the bar for labelled rows with predictions; None where all rows are of one class."""
    counts = ClassCounts.of(examples.labels, examples.predicted, len(examples.class_names))
    return _bar(counts, examples.class_names)


def bar_of_result(result: RunResult | PopulationResult) -> Bar | None:
    """Return the bar for the test rows of a finished run, of a population its ensemble's."""
    names = list(result.per_class)
    return _bar(ClassCounts.of_confusion(result.confusion, len(names)), names)


def _bar(counts: ClassCounts, names: Sequence[str]) -> Bar | None:
    present, most = counts.true[counts.true > 0], int(counts.true.argmax())
    if len(present) < 2:
        return None
    n, right = int(present.sum()), int(counts.correct.sum())
    low, high = wilson_interval(right, n)
    named = np.flatnonzero(counts.predicted)
    return Bar(
        majority=names[most],
        share=float(present.max() / n),
        unbalanced=are_unbalanced(counts.true),
        accuracy=right / n,
        low=low,
        high=high,
        balanced_accuracy=counts.balanced_accuracy,
        macro_f1=counts.macro_f1,
        only=names[int(named[0])] if len(named) == 1 else "",
    )


def imbalance(bar: Bar | None, number: Callable[[float], str] = FRACTION) -> str:
    """State balanced accuracy, macro F1 and the bar; "" where classes are balanced. `number` formats a fraction."""
    if bar is None or not bar.unbalanced:
        return ""
    majority = shortened(bar.majority, LETTERS)
    return (
        f"Classes are unbalanced: balanced accuracy, the mean over classes, is {number(bar.balanced_accuracy)}, and "
        f"macro F1 {number(bar.macro_f1)}; always naming the most frequent class, {majority}, is right for "
        f"{number(bar.share)} of the rows."
    )


def doubt(bar: Bar | None, number: Callable[[float], str] = FRACTION, what: str = "That") -> str:
    """Say that a network is no better than always naming the most frequent class; "" for one that is.

    Args:
        bar: see `bar_of`.
        number: formats a fraction.
        what: names the network.
    """
    if bar is None or bar.is_passed:
        return ""
    how = "worse than" if bar.high < bar.share else "not clearly better than"
    majority, named = (shortened(name, LETTERS) for name in (bar.majority, bar.only))
    only = f" It names {named} for every row." if named else ""
    return f"{what} is {how} always naming the most frequent class, {majority} ({number(bar.share)}).{only}"


def advice(bar: Bar | None, settings: Settings) -> str:
    """Say what to try where a run is no better than the bar, or rare classes do worse than frequent ones; else "".

    Args:
        bar: see `bar_of`.
        settings: of the run.
    """
    can_weight = settings.class_weight is None and settings.ladder == "none" and not settings.mixup
    if bar is None:
        return ""
    if not bar.is_passed:
        weights = "mlplab train with --class-weight balanced, " if can_weight and bar.unbalanced else ""
        return (
            f"Try {weights}a smaller learning rate (mlplab lr suggests one) or more epochs, or see whether the labels "
            "belong to the inputs."
        )
    if bar.hurts_rare_classes and can_weight:
        return (
            "Rare classes do worse than frequent ones: mlplab train with --class-weight balanced makes every class "
            "count the same."
        )
    return ""
