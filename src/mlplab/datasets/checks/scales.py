"""MLP-D09 to MLP-D11: values on another scale in train and test, or in some images; images of two values."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey

_OTHER_SCALE = 8
"""Values that are this many times larger are on another scale: 0 to 16 beside 0 to 255, or 0 to 1 beside either."""

_TWO_VALUES = 0.99

SPLITS = Kind(
    "MLP-D09",
    "train and test on different scales",
    "The network learns from values of one size and is tested on values of another, so the test accuracy says nothing.",
    "Scale both in the same way, or neither: a training scales inputs itself.",
)
ROWS = Kind(
    "MLP-D10",
    "some images on another scale",
    "Values from 0 to 1 beside values up to 16 or 255: to the network the smaller ones are nearly black.",
    "Bring all images to one scale where they are read.",
)
TWO_VALUES = Kind(
    "MLP-D11",
    "images of two values",
    "At least 99 % of the pixels have one of two values: grey levels were lost, or never there. Networks learn from "
    "such images, but images to predict must be made black and white in the same way.",
    "If you have the original images, use them with their grey levels.",
)


def scales(survey: Survey) -> Iterator[Finding]:
    """Find a split, or images, on another scale than the rest."""
    ends = [[np.median(end[part]) for end in (survey.low, survey.high)] for part in (~survey.is_test, survey.is_test)]
    sizes = [np.median(survey.largest[part]) for part in (~survey.is_test, survey.is_test)]
    is_signed = [low < -0.05 * max(high, 1e-9) for low, high in ends]
    lowest = [survey.low[part].min() for part in (~survey.is_test, survey.is_test)]
    shifted = any(is_signed[a] and lowest[1 - a] >= 0 for a in (0, 1)) and survey.has_images
    if max(sizes) > _OTHER_SCALE * min(sizes) or shifted:
        (low, high), (test_low, test_high) = ends
        title = (
            f"a usual row goes from {low:.4g} to {high:.4g} in the training set, and from {test_low:.4g} to "
            f"{test_high:.4g} in the test set"
        )
        yield Finding(SPLITS, "error", title)
    if survey.is_off_scale.any():
        rows = survey.by_split(survey.is_off_scale)
        largest = survey.largest[survey.is_off_scale]
        others = np.median(survey.largest[~survey.is_off_scale])
        says = "has" if len(largest) == 1 else "have"
        title = f"{survey.counts(rows)} {says} values up to {largest.max():.4g}, most others up to {others:.4g}"
        yield Finding(ROWS, "error", title, rows)


def two_values(survey: Survey) -> Iterator[Finding]:
    """Find out whether the images are black and white."""
    if not survey.has_images:
        return
    values, counts = np.unique(survey.sample, return_counts=True)
    common = np.argsort(counts)[::-1][:2]
    share = counts[common].sum() / counts.sum()
    if len(common) == 2 and share >= _TWO_VALUES:
        low, high = sorted(values[common].tolist())
        title = f"{100 * share:.0f} % of the pixels are {low:.4g} or {high:.4g}"
        yield Finding(TWO_VALUES, "information", title)
