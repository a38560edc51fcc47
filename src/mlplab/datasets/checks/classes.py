"""MLP-D14 to MLP-D17: classes of very different sizes, with few rows, or with none."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey
from mlplab.figures import shortened

_IMBALANCE = 10
"""A class this many times larger than another: guessing the larger is then right in at least 90 % of the two."""

_FEW = 10
"""With fewer training rows, a validation split of 10 % has none; with fewer test rows, one row is over 10 points."""

IMBALANCE = Kind(
    "MLP-D14",
    "classes of very different sizes",
    "A network that never answers with a rare class loses little accuracy, so the accuracy hides how rare classes do.",
    "Look at balanced accuracy and at the recall of each class. Collect rows of the rare classes, or count them more: "
    "class_weight='balanced' (mlplab train --class-weight balanced).",
)
NO_TRAINING = Kind(
    "MLP-D15",
    "a class without training rows",
    "The network cannot learn the class, and gets all its test rows wrong.",
    "Add training rows of the class, or remove the class. If the split was sorted by class, split at random.",
)
NO_TEST = Kind(
    "MLP-D16",
    "a class without test rows",
    "The test accuracy says nothing about the class.",
    "Add test rows of the class. If the split was sorted by class, split at random, the same part of each class.",
)
FEW = Kind(
    "MLP-D17",
    "a class with very few rows",
    "From fewer than 10 training rows little is learnt, and a validation split may have none of them. With fewer than "
    "10 test rows, the accuracy of the class changes by more than 10 points with a single row.",
    "Collect more rows of the class, or join it with a similar one.",
)


def classes(survey: Survey) -> Iterator[Finding]:
    """Find classes that are missing in a split, have few rows, or are far smaller than others."""
    names = np.array(survey.data.class_names, object)
    short = np.array([shortened(name, 40) for name in names], object)
    train, test = (np.bincount(part.labels, minlength=len(names)) for part in survey.parts)
    present = np.flatnonzero(train)
    small, large = present[train[present].argmin()], present[train[present].argmax()]
    if train[large] >= _IMBALANCE * train[small]:
        title = (
            f"{train[large]:,} training {survey.kind} of class {short[large]}, and {train[small]:,} of {short[small]}"
        )
        yield Finding(IMBALANCE, "warning", title, classes=(str(names[large]), str(names[small])))
    for kind, severity, missing, split in (
        (NO_TRAINING, "error", train == 0, "training"),
        (NO_TEST, "warning", test == 0, "test"),
    ):
        if missing.any():
            which = "class" if missing.sum() == 1 else "classes"
            title = f"no {split} {survey.kind} of {which} {_listed(short[missing])}"
            yield Finding(kind, severity, title, classes=tuple(names[missing]))
    few = ((train > 0) & (train < _FEW)) | ((test > 0) & (test < _FEW))
    if few.any():
        few_of = [f"{short[c]} ({train[c]:,} training, {test[c]:,} test)" for c in np.flatnonzero(few)]
        of = "class" if len(few_of) == 1 else f"{len(few_of):,} classes:"
        yield Finding(FEW, "warning", f"very few {survey.kind} of {of} {_listed(few_of)}", classes=tuple(names[few]))


def _listed(names: object) -> str:
    names = list(map(str, names))  # pyright: ignore[reportArgumentType, reportCallIssue]
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more classes" if len(names) > 5 else "")
