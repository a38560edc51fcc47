"""How the images of a data set lie in their frames: the kind of background, the size of what is drawn, its place.

MNIST's digits, for example, fill a box of 20×20 pixels, and their centre of mass lies in the middle of 28×28. What is
measured here is how a new drawing has to be framed for a network that was trained on such images.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab import mapped

_SAMPLE = 1000
"""Images, evenly spaced, that are looked at; fewer large ones."""
_SAMPLE_PIXELS = 2**24
_LEAST_SIDE = 4
_PLAIN, _PLAIN_PIXELS = 0.15, 0.75
"""A border is plain if at least the second part of its pixels is within the first part of the range from the
background."""
_LEAST_PLAIN = 0.6
"""Least fraction of images with a plain border."""
_MOSTLY = 0.9
"""Least fraction of plain-bordered images with the same background."""
_DARK, _LIGHT = 0.25, 0.75
"""Parts of the range: backgrounds below the first are dark, above the second light."""
_SAME_SIZE = 0.8
"""Part of the images in which the longer side of what is drawn is the usual one, or a pixel less or more."""
INK = 0.1
"""Part of the usual range by which a pixel differs from the background if something is drawn there."""


@dataclass(frozen=True)
class Framing:
    """How images lie in their frames.

    Attributes:
        background: "dark" or "light".
        box: pixels of the longer side of what is drawn, which is the same in nearly all images; None: it varies.
        centre: row and column, from 0, at which the centre of mass of what is drawn lies; None: it varies more than the
            middle of what is drawn, which is then put into the middle of the frame.
    """

    background: str
    box: int | None = None
    centre: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        centre = None if self.centre is None else list(self.centre)
        return {"background": self.background, "box": self.box, "centre": centre}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Framing":
        """The inverse of `to_json`."""
        centre = value["centre"]
        return cls(value["background"], value["box"], None if centre is None else (centre[0], centre[1]))


def framing_of(inputs: np.ndarray) -> Framing | None:
    """Measure the framing of grey images (n, h, w) or (n, h, w, 1), of any dtype, on a sample of them.

    None for colour images and features, for images without a plain background, and where backgrounds are of two kinds.
    """
    if inputs.ndim not in (3, 4) or inputs.shape[3:] not in ((), (1,)) or min(inputs.shape[1:3]) < _LEAST_SIDE:
        return None
    most = min(len(inputs), _SAMPLE, max(1, _SAMPLE_PIXELS // math.prod(inputs.shape[1:])))
    rows = np.unique(np.linspace(0, len(inputs) - 1, most).astype(int))
    images = inputs[rows].astype(np.float32).reshape(len(rows), *inputs.shape[1:3])
    mapped.release(inputs)
    low, high = float(np.median(images.min((1, 2)))), float(np.median(images.max((1, 2))))
    if high <= low:
        return None
    border = border_of(images)
    shade = np.median(border, axis=1)
    is_plain = is_mostly(is_near(border, shade[:, None], high - low))
    images, shade = images[is_plain], shade[is_plain]
    if len(images) < _LEAST_PLAIN * len(rows):
        return None
    for background, is_such in zip(("dark", "light"), are_dark_and_light(shade, low, high), strict=True):
        if is_such.mean() >= _MOSTLY:
            ink = np.abs(images[is_such] - shade[is_such, None, None])
            return Framing(background, *_box_and_centre(ink, INK * (high - low)))
    return None


def border_of(images: np.ndarray) -> np.ndarray:
    """Return the outermost pixels of images (…, h, w), (…, n)."""
    return np.concatenate([images[..., 0, :], images[..., -1, :], images[..., 1:-1, 0], images[..., 1:-1, -1]], axis=-1)


def is_near(border: np.ndarray, background: np.ndarray | float, full: float) -> np.ndarray:
    """Return which pixels of borders (…, n) are like the background. `full`: the difference of black and white."""
    return np.abs(border - background) <= _PLAIN * full


def is_mostly(near: np.ndarray) -> np.ndarray:
    """Return for which borders (…, n) enough pixels are like the background, so that they are plain: bool (…,)."""
    return near.mean(-1) >= _PLAIN_PIXELS


def are_dark_and_light(shade: np.ndarray | float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which backgrounds (…,) are dark and which are light, of a range from `low` to `high`."""
    part = (np.asarray(shade) - low) / (high - low)
    return part < _DARK, part > _LIGHT


def _box_and_centre(ink: np.ndarray, threshold: float) -> tuple[int | None, tuple[float, float] | None]:
    """Return the box and the centre of mass, see `Framing`, of how much ink each pixel of images (n, h, w) has."""
    is_ink = ink > threshold
    ink = ink[is_ink.any((1, 2))]
    is_ink = is_ink[is_ink.any((1, 2))]
    ends = [_ends(is_ink.any(axis)) for axis in (2, 1)]
    longest = np.maximum(*(last - first + 1 for first, last in ends))
    box = int(np.bincount(longest).argmax()) if len(longest) else 0
    if not box or (np.abs(longest - box) <= 1).mean() < _SAME_SIZE:
        return None, None
    mass = ink.sum((1, 2))
    centres = np.stack([(ink.sum(axis) * np.arange(ink.shape[3 - axis])).sum(1) / mass for axis in (2, 1)], axis=1)
    middles = np.stack([(first + last) / 2 for first, last in ends], axis=1)
    return box, tuple(centres.mean(0).tolist()) if centres.var(0).sum() < middles.var(0).sum() else None


def _ends(is_ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the first and the last True in each row of a mask (n, side)."""
    return is_ink.argmax(1), is_ink.shape[1] - 1 - is_ink[:, ::-1].argmax(1)
