"""MLP-D18: photographs, for which a dense network is the wrong tool."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey

_SMOOTH = 0.7
"""Photographs are smooth: neighbouring pixels correlate by at least this much. In noise they do not."""

_FLAT = 0.25
"""Photographs have texture: at most this part of neighbouring pixels are equal. In drawings most are."""

_LEAST_SIDE = 16

PHOTOGRAPHS = Kind(
    "MLP-D18",
    "photographs",
    "Neighbouring pixels of these images are alike but rarely equal, as in photographs. What they show may be anywhere "
    "in the picture, and a dense network must learn it for each place anew.",
    "A convolutional network would win, above all one that was trained on millions of photographs and is fine-tuned on "
    "yours. Or train a dense network on the features that such a network computes.",
)


def photographs(survey: Survey) -> Iterator[Finding]:
    """Find out whether most images of the sample look like photographs."""
    if not survey.has_images or min(survey.data.train.inputs.shape[1:3]) < _LEAST_SIDE:
        return
    images = survey.sample
    step = 1 / 255 if images.max() <= 1 else 1
    left, right = (part.reshape(len(images), -1) for part in (images[:, :, :-1], images[:, :, 1:]))
    flat = (np.abs(left - right) < step / 2).mean(1)
    means = [part.mean(1, keepdims=True) for part in (left, right)]
    covariance = ((left - means[0]) * (right - means[1])).mean(1)
    smooth = covariance / np.maximum(left.std(1) * right.std(1), 1e-12)
    share = float(((flat <= _FLAT) & (smooth >= _SMOOTH)).mean())
    if share >= 0.5:
        title = f"{100 * share:.0f} % of the images{_sampled(survey)} look like photographs{_colours(images)}"
        yield Finding(PHOTOGRAPHS, "information", title)


def _sampled(survey: Survey) -> str:
    return f" in a sample of {len(survey.sample)}" if len(survey.sample) < len(survey) else ""


def _colours(images: np.ndarray) -> str:
    """Return " in colour" if the channels differ in most images."""
    is_coloured = images.ndim == 4 and images.shape[-1] >= 3
    return " in colour" if is_coloured and (np.ptp(images[..., :3], -1).mean((1, 2)) > 0.02 * images.max()).mean() > 0.5 else ""
