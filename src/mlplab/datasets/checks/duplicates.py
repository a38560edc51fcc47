"""MLP-D01 to MLP-D04: the same image several times, within a split, across both, or with different labels."""

from collections.abc import Iterator, Sequence

import numpy as np

from mlplab.datasets.checks.equal_rows import equal_rows
from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey, severity

IN_TRAIN = Kind(
    "MLP-D01",
    "the same image several times in the training set",
    "These images count more than others in the training. Where one copy is held out for validation and another is "
    "trained on, the validation accuracy is too high.",
    "Keep one of each group, unless the copies are meant as a weight.",
)
IN_TEST = Kind(
    "MLP-D02",
    "the same image several times in the test set",
    "One right or wrong answer counts several times, so the interval of the test accuracy is too narrow.",
    "Keep one of each group.",
)
ACROSS = Kind(
    "MLP-D03",
    "the same image in train and test",
    "The network has seen these test images with their labels, so the test accuracy is too high (leakage).",
    "Remove these images from the training set, then train again. If the split was drawn at random, remove copies "
    "before you split.",
)
CONTRADICTIONS = Kind(
    "MLP-D04",
    "the same image with different labels",
    "At most one of the labels is right. No network can get all of them right.",
    "Look at the images and correct the labels (mlplab train --corrected-labels FILE), or remove the images.",
)


def duplicates(survey: Survey) -> Iterator[Finding]:
    """Find groups of equal rows. A group whose rows have different labels is MLP-D04 and nothing else."""
    agreeing, contradicting = [], []
    for group in equal_rows(survey):
        (agreeing if len(set(survey.labels[group])) == 1 else contradicting).append(group)
    first_test = len(survey.data.train)
    across = [group for group in agreeing if group[0] < first_test <= group[-1]]
    train = [part for group in agreeing if len(part := group[group < first_test]) > 1]
    test = [part for group in agreeing if len(part := group[group >= first_test]) > 1]
    minor = "warning" if survey.has_images else "information"  # rows of few numbers are often equal by chance
    for kind, groups, split in ((IN_TRAIN, train, "training"), (IN_TEST, test, "test")):
        if groups:
            copies = sum(map(len, groups)) - len(groups)
            says = "is a copy of another" if copies == 1 else "are copies of others"
            title = f"{survey.count(copies, split)} {says} in the {split} set"
            yield _finding(survey, kind, minor, title, groups)
    if across:
        leaked = sum(int((group >= first_test).sum()) for group in across)
        says = "is" if leaked == 1 else "are"
        share = leaked / len(survey.data.test)
        title = f"{survey.count(leaked, 'test')} {says} in the training set too, {points(share)} of the test set"
        yield _finding(survey, ACROSS, severity(leaked, len(survey.data.test)), title, across)
    if contradicting:
        rows = sum(map(len, contradicting))
        title = f"{survey.count(rows)} are equal to others that have another label"
        level = severity(rows, len(survey)) if survey.has_images else "warning"
        yield _finding(survey, CONTRADICTIONS, level, title, contradicting)


def points(share: float) -> str:
    """Format a share in per cent, never as 0: "0.10 %", "< 0.01 %"."""
    return f"{100 * share:.2f} %" if share >= 0.0001 else "< 0.01 %"


def _finding(survey: Survey, kind: Kind, severity: str, title: str, groups: Sequence[np.ndarray]) -> Finding:
    places = tuple(tuple(survey.place(row) for row in group) for group in groups)
    return Finding(kind, severity, title, survey.by_split(np.concatenate(groups)), places)
