"""Convert a drawing, or a photo of one, to the size, position and background of the training images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mlplab.datasets.images.framing import INK, Framing, are_dark_and_light, border_of, is_mostly, is_near

_LEAST_CONTRAST = 0.1
"""What is drawn differs from the background by at least this part of the full range."""
_SPECK = 0.02
"""Connected pixels that are fewer than this part of the largest such group are specks of dirt."""
_NOISE = 4.5
"""Differences from the background up to this many times their median size on the border are noise: three standard
deviations of normal noise."""


@dataclass(frozen=True, eq=False)
class Ink:
    """What is drawn on a plain background.

    Attributes:
        amount: float32 (h, w), how much of it each pixel has, from 0 to 1.
        on_light: whether the background is lighter than what is drawn.
    """

    amount: np.ndarray
    on_light: bool


def find_ink(image: np.ndarray) -> Ink | None:
    """Find what is drawn in a grey image, uint8 (h, w): a scan, a photo of paper, a screenshot.

    The background is the plane that fits the border best, so that light may fall from one side. Noise and specks are
    left out. The full amount is the usual difference of drawn pixels from the background.

    None if the border is not plain, or nothing is drawn.
    """
    values = image.astype(np.float32) / 255
    background = _background(values)
    if background is None:
        return None
    on_light = bool((background - values).clip(0).max() >= (values - background).clip(0).max())
    difference = (background - values if on_light else values - background).clip(0)
    if difference.max() < _LEAST_CONTRAST:
        return None
    noise = _NOISE * float(np.median(np.abs(border_of(values - background))))
    full = float(np.percentile(difference[difference >= _otsu(difference)], 75))
    if full < _LEAST_CONTRAST or full <= noise:
        return None
    amount = ((difference - noise) / (full - noise)).clip(0, 1)
    return Ink(np.where(_without_specks(amount > INK), amount, 0), on_light)


def has_light_background(image: np.ndarray) -> bool | None:
    """Return whether the background of a grey image, uint8 (h, w), is light; None if it is not plain, or of neither
    kind."""
    border = border_of(image)
    shade = float(np.median(border))
    is_dark, is_light = are_dark_and_light(shade, 0, 255)
    return bool(is_light) if is_mostly(is_near(border, shade, 255)) and (is_dark or is_light) else None


def framed(ink: Ink, framing: Framing, shape: tuple[int, int]) -> np.ndarray:
    """Return what is drawn, as large and in the same place as the framing says, on a background of its kind.

    Args:
        ink: what is drawn.
        framing: of the data set; its box is known.
        shape: height and width of the result.

    Returns:
        uint8 (h, w), from 0 to 255.
    """
    assert framing.box is not None
    rows, columns = (np.flatnonzero((ink.amount > INK).any(axis)) for axis in (1, 0))
    drawn = ink.amount[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    factor = framing.box / max(drawn.shape)
    size = [max(1, round(side * factor)) for side in reversed(drawn.shape)]
    resized = Image.fromarray(drawn).resize((size[0], size[1]), Image.Resampling.BICUBIC)
    small = np.asarray(resized).clip(0, 1)
    small = small / max(float(small.max()), 1e-9)
    image = _in_frame(small, framing.centre, shape)
    return np.rint(255 * (image if framing.background == "dark" else 1 - image)).astype(np.uint8)


def _in_frame(small: np.ndarray, centre: tuple[float, float] | None, shape: tuple[int, int]) -> np.ndarray:
    """Return a frame with an image in it: its centre of mass at a place, or the image in the middle."""
    image, cut, mass = np.zeros(shape, np.float32), [], small.sum()
    for axis in (0, 1):
        side, length = shape[axis], small.shape[axis]
        start = round((side - length) / 2)
        if centre is not None:
            start = round(centre[axis] - float((small.sum(1 - axis) * np.arange(length)).sum() / mass))
        cut.append((slice(max(0, start), min(side, start + length)), slice(max(0, -start), min(length, side - start))))
    (rows, of_rows), (columns, of_columns) = cut
    image[rows, columns] = small[of_rows, of_columns]
    return image


def _background(values: np.ndarray) -> np.ndarray | None:
    """Return the background of an image (h, w), a plane through its border; None if the border is not plain."""
    at = np.moveaxis(np.indices(values.shape), 0, -1).astype(np.float32)
    border = border_of(values)
    places = np.stack([border_of(at[..., 0]), border_of(at[..., 1]), np.ones_like(border)], axis=1)
    is_plain = np.ones(len(border), bool)
    plane = np.array([0, 0, np.median(border)], np.float32)
    for _ in range(3):  # what is drawn over the border is left out
        is_plain = is_near(border, places @ plane, 1)
        if not is_mostly(is_plain):
            return None
        plane = np.linalg.lstsq(places[is_plain], border[is_plain], rcond=None)[0]
    return at[..., 0] * plane[0] + at[..., 1] * plane[1] + plane[2]


def _otsu(values: np.ndarray) -> float:
    """Return the threshold between the two kinds of values from 0 to 1 (Otsu 1979, IEEE Trans. SMC 9)."""
    counts = np.histogram(values, 256, (0, 1))[0].astype(np.float64)
    levels = (np.arange(256) + 0.5) / 256
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    sums = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nanargmax(between) + 1) / 256


def _without_specks(is_ink: np.ndarray) -> np.ndarray:
    """Return a mask (h, w) of large connected groups of pixels, and of the pixels beside them."""
    from scipy import ndimage  # takes a moment, and only drawings need it

    labelled: Any = ndimage.label(is_ink, np.ones((3, 3)))
    groups, count = labelled
    sizes = np.bincount(groups.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = (sizes >= _SPECK * sizes.max())[groups]
    return ndimage.binary_dilation(large, np.ones((3, 3)), iterations=2)
