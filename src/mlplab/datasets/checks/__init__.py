"""What is wrong with a data set, before somebody trains on it.

finding.py          `Finding` and its `Kind`, which has a code
survey.py           what the checks look at: all rows, and what is measured of each
equal_rows.py       rows that are equal in every value
duplicates.py       MLP-D01 to D04: the same image several times, in train and test, with different labels
near_duplicates.py  MLP-D05, D06: images that are nearly equal
blank.py            MLP-D07: images with nothing on them
constant_pixels.py  MLP-D08: pixels and features that never change
scales.py           MLP-D09 to D11: values on another scale; images of two values
backgrounds.py      MLP-D12, D13: light backgrounds; inverted images
classes.py          MLP-D14 to D17: unbalanced, missing and small classes
photographs.py      MLP-D18: photographs
"""

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

import numpy as np

from mlplab.datasets.checks import (
    backgrounds,
    blank,
    classes,
    constant_pixels,
    duplicates,
    near_duplicates,
    photographs,
    scales,
)
from mlplab.datasets.checks.finding import SEVERITIES, Finding, Kind, known_codes
from mlplab.datasets.checks.survey import Survey
from mlplab.datasets.dataset import Data
from mlplab.progress import ProgressListener

__all__ = ["KINDS", "SEVERITIES", "Finding", "Kind", "brief_findings", "check_codes", "findings"]

KINDS = {
    kind.code: kind
    for kind in (
        *(duplicates.IN_TRAIN, duplicates.IN_TEST, duplicates.ACROSS, duplicates.CONTRADICTIONS),
        *(near_duplicates.ACROSS, near_duplicates.WITHIN),
        *(blank.BLANK, constant_pixels.CONSTANT),
        *(scales.SPLITS, scales.ROWS, scales.TWO_VALUES),
        *(backgrounds.ALL, backgrounds.SOME),
        *(classes.IMBALANCE, classes.NO_TRAINING, classes.NO_TEST, classes.FEW),
        photographs.PHOTOGRAPHS,
    )
}
"""All kinds of findings by their codes."""

_BRIEF: tuple[Callable[[Survey], Iterable[Finding]], ...] = (
    duplicates.duplicates,
    blank.blank,
    constant_pixels.constant_pixels,
    scales.scales,
    scales.two_values,
    backgrounds.backgrounds,
    classes.classes,
    photographs.photographs,
)
"""Checks that together take a fraction of a second for 70,000 images."""


_REMEMBERED: WeakKeyDictionary[Data, list[Finding]] = WeakKeyDictionary()


def check_codes(codes: Iterable[str]) -> frozenset[str]:
    """Return codes in capitals. Raises `UsageError` for one that no kind of finding has."""
    return known_codes(codes, KINDS)


def findings(data: Data, progress: ProgressListener = lambda _: None) -> list[Finding]:
    """Return all findings in a data set, the worst first.

    Args:
        data: a training and a test set.
        progress: called with the number of images whose neighbours have been searched.
    """
    survey = Survey(data)
    return _sorted([*_brief(survey), *near_duplicates.near_duplicates(survey, progress)])


def brief_findings(data: Data) -> list[Finding]:
    """Return what the quick checks find, which is all but nearly equal images, the worst first.

    The findings of a data set are remembered for as long as it is in memory, as a sweep trains on it again and again.
    """
    if data not in _REMEMBERED:
        _REMEMBERED[data] = _sorted(_brief(Survey(data)))
    return _REMEMBERED[data]


def _brief(survey: Survey) -> list[Finding]:
    with np.errstate(over="ignore", invalid="ignore"):  # of values as large as float32 holds
        return [finding for check in _BRIEF for finding in check(survey)]


def _sorted(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), finding.kind.code))
