"""MLP-D18: photographs, for which a dense network is the wrong tool."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey

_SMOOTH = 0.7
"""Photographs are smooth: neighbouring pixels correlate by at least this much. In noise they do not."""

_FLAT = 0.2
"""Photographs have many shades: at most this part of the values are equal. Scans and drawings have a background."""

_LEAST_SIDE = 16

MOSTLY = 0.5
"""From this share of photographs on, a data set is one of photographs."""

PHOTOGRAPHS = Kind(
    "MLP-D18",
    "photographs",
    "Neighbouring pixels of these images are alike, and no shade is frequent, as in photographs. What they show may be "
    "anywhere in the picture, and a dense network must learn it for each place anew.",
    "A convolutional network would win, above all one that was trained on millions of photographs and is fine-tuned on "
    "yours. Or train a dense network on the features that such a network computes. On the pixels it often does "
    "better with standardize=True (mlplab train --standardize).",
)


def photographs(survey: Survey) -> Iterator[Finding]:
    """Find out whether most images of the sample look like photographs."""
    share = photograph_share(survey)
    if share >= MOSTLY:
        title = f"{100 * share:.0f} % of the images{_sampled(survey)} look like photographs{_colours(survey.sample)}"
        yield Finding(PHOTOGRAPHS, "information", title)


def photograph_share(survey: Survey) -> float:
    """Return the share of images in the sample that look like photographs; 0 for small images and for features."""
    if not survey.has_images or min(survey.data.train.inputs.shape[1:3]) < _LEAST_SIDE:
        return 0.0
    images = survey.sample
    left, right = (part.reshape(len(images), -1) for part in (images[:, :, :-1], images[:, :, 1:]))
    means = [part.mean(1, keepdims=True) for part in (left, right)]
    covariance = ((left - means[0]) * (right - means[1])).mean(1)
    smooth = covariance / np.maximum(left.std(1) * right.std(1), 1e-12)
    flat = _most_frequent(images)
    return float(((flat <= _FLAT) & (smooth >= _SMOOTH)).mean())


def _most_frequent(images: np.ndarray) -> np.ndarray:
    """Return the share of the most frequent of 256 shades in each image, (n,)."""
    low, high = images.min(), images.max()
    shades = ((images - low) * (255 / max(high - low, 1e-12))).astype(np.uint8).reshape(len(images), -1)
    return np.array([np.bincount(image).max() / len(image) for image in shades])


def _sampled(survey: Survey) -> str:
    return f" in a sample of {len(survey.sample)}" if len(survey.sample) < len(survey) else ""


def _colours(images: np.ndarray) -> str:
    """Return " in colour" if the channels differ in most images."""
    if images.ndim < 4 or images.shape[-1] < 3:
        return ""
    differ = np.ptp(images[..., :3], axis=-1).mean((1, 2)) > 0.02 * images.max()
    return " in colour" if differ.mean() > 0.5 else ""
