"""MLP-D12 and MLP-D13: images with a light background, all of them, or some among dark ones."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.photographs import MOSTLY, photograph_share
from mlplab.datasets.checks.survey import Survey

_PLAIN = 0.15
"""A border is plain if at least three of four pixels are within this part of the usual range from their median."""

_MOSTLY = 0.9
"""Part of the images whose backgrounds are the usual ones."""

_LEAST_PLAIN = 0.6
"""Where fewer images have a plain border, backgrounds are what the pictures show, and no mistake."""

ALL = Kind(
    "MLP-D12",
    "a light background in all images",
    "Ink is dark and paper light. Data sets such as MNIST are the other way round, with a background of 0, and a "
    "network that was trained on those expects it.",
    "Invert the images if you combine them with such a data set (mlplab train --invert, or 255 - images).",
)
SOME = Kind(
    "MLP-D13",
    "some images inverted",
    "Most images have a background of one kind and these the other, so they look like negatives to the network.",
    "Invert these images where they are read: 255 - images, or 1 - images.",
)


def backgrounds(survey: Survey) -> Iterator[Finding]:
    """Find images with a plain light border among dark ones, or the other way round."""
    low, high = survey.usual_range
    if not survey.has_images or min(survey.data.train.inputs.shape[1:3]) < 4 or high <= low:
        return
    shade, is_plain = _borders(survey, high - low)
    judged = is_plain & ~survey.is_blank & ~survey.is_off_scale
    if judged.sum() < _LEAST_PLAIN * len(survey) or photograph_share(survey) >= MOSTLY:
        return
    is_light = judged & (shade > low + 0.75 * (high - low))
    is_dark = judged & (shade < low + 0.25 * (high - low))
    light, dark = int(is_light.sum()), int(is_dark.sum())
    if light >= _MOSTLY * judged.sum():
        title = f"{100 * light / judged.sum():.0f} % of the images with a plain border have a light background"
        yield Finding(ALL, "information", title)
    if min(light, dark):
        odd, kinds = (is_light, ("a light", "a dark")) if light <= dark else (is_dark, ("a dark", "a light"))
        rows = survey.by_split(odd)
        says = "has" if odd.sum() == 1 else "have"
        yield Finding(
            SOME, "warning", f"{survey.counts(rows)} {says} {kinds[0]} background, most others {kinds[1]} one", rows
        )


def _borders(survey: Survey, usual: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the median value of each image's border, float32 (n,), and whether the border is plain, bool (n,)."""
    height, width = survey.data.train.inputs.shape[1:3]
    edge = np.ones((height, width), bool)
    edge[1:-1, 1:-1] = False
    channels = survey.width // edge.size
    columns = np.flatnonzero(np.repeat(edge.ravel(), channels))
    shades, plain = [], []
    for chunk in survey.chunks():
        border = chunk[:, columns].astype(np.float32)
        shade = np.median(border, axis=1)
        near = np.abs(border - shade[:, None]) <= _PLAIN * usual
        shades.append(shade)
        plain.append(near.mean(1) >= 0.75)
    return np.concatenate(shades), np.concatenate(plain)
