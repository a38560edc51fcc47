"""The majority-class baseline: the accuracy of always predicting the most frequent class.

Beside it stand scores in which every class counts the same.
"""

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
class Baseline:
    """The majority-class baseline, beside the accuracies of a network.

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
    def is_beaten(self) -> bool:
        """Whether the network is clearly better: its interval lies above the share."""
        return self.low > self.share

    @property
    def hurts_rare_classes(self) -> bool:
        """Whether rare classes do worse than frequent ones."""
        return self.unbalanced and self.balanced_accuracy < self.accuracy - _BEHIND


def baseline_of(examples: Examples) -> Baseline | None:
    """Return the baseline for labelled rows with predictions; None where all rows are of one class."""
    counts = ClassCounts.of(examples.labels, examples.predicted, len(examples.class_names))
    return _baseline(counts, examples.class_names)


def baseline_of_result(result: RunResult | PopulationResult) -> Baseline | None:
    """Return the baseline for the test rows of a finished run, of a population beside its ensemble."""
    names = list(result.per_class)
    return _baseline(ClassCounts.of_confusion(result.confusion, len(names)), names)


def _baseline(counts: ClassCounts, names: Sequence[str]) -> Baseline | None:
    present, most = counts.true[counts.true > 0], int(counts.true.argmax())
    if len(present) < 2:
        return None
    n, right = int(present.sum()), int(counts.correct.sum())
    low, high = wilson_interval(right, n)
    named = np.flatnonzero(counts.predicted)
    return Baseline(
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


def imbalance(baseline: Baseline | None, number: Callable[[float], str] = FRACTION) -> str:
    """State balanced accuracy, macro F1 and the baseline; "" where classes are balanced.

    `number` formats a fraction.
    """
    if baseline is None or not baseline.unbalanced:
        return ""
    majority, balanced = shortened(baseline.majority, LETTERS), number(baseline.balanced_accuracy)
    return (
        f"Classes are unbalanced: balanced accuracy, the mean over classes, is {balanced}, and macro F1 "
        f"{number(baseline.macro_f1)}; always naming the most frequent class, {majority}, is right for "
        f"{number(baseline.share)} of the rows."
    )


def warning_of(baseline: Baseline | None, number: Callable[[float], str] = FRACTION, what: str = "That") -> str:
    """Warn of a network that is no better than always predicting the most frequent class; "" for one that is.

    Args:
        baseline: see `baseline_of`.
        number: formats a fraction.
        what: names the network.
    """
    if baseline is None or baseline.is_beaten:
        return ""
    how = "worse than" if baseline.high < baseline.share else "not clearly better than"
    majority, named = (shortened(name, LETTERS) for name in (baseline.majority, baseline.only))
    only = f" It names {named} for every row." if named else ""
    return f"{what} is {how} always naming the most frequent class, {majority} ({number(baseline.share)}).{only}"


def advice(baseline: Baseline | None, settings: Settings) -> str:
    """Say what to try where a run is no better than the baseline, or rare classes do worse than frequent ones; else "".

    Args:
        baseline: see `baseline_of`.
        settings: of the run.
    """
    can_weight = settings.class_weight is None and settings.ladder == "none" and not settings.mixup
    if baseline is None:
        return ""
    if not baseline.is_beaten:
        weights = "mlplab train with --class-weight balanced, " if can_weight and baseline.unbalanced else ""
        return (
            f"Try {weights}a smaller learning rate (mlplab lr suggests one) or more epochs, or see whether the labels "
            "belong to the inputs."
        )
    if baseline.hurts_rare_classes and can_weight:
        return (
            "Rare classes do worse than frequent ones: mlplab train with --class-weight balanced makes every class "
            "count the same."
        )
    return ""
