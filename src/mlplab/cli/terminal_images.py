"""Small pictures in a terminal with colours: two pixels a character, drawn as the upper half block."""

from collections.abc import Sequence

import numpy as np
from rich.color import Color
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

_MAX_SIDE = 16
_GAP = 2
_COLOURS = ("truecolor", "256")


def can_show_images(console: Console) -> bool:
    """Whether the console is a terminal with enough colours and with the character we draw with."""
    return console.is_terminal and console.color_system in _COLOURS and console.encoding.startswith("utf")


def print_images(console: Console, images: Sequence[np.ndarray]) -> None:
    """Print images side by side, as many in a line as the console is wide; large ones are made smaller.

    Args:
        console: one for which `can_show_images`.
        images: (h, w) or (h, w, c), all of one shape. The smallest value is shown black, the largest white.
    """
    low, high = min(image.min() for image in images), max(image.max() for image in images)
    scale = 255 / max(float(high) - float(low), 1e-9)
    pixels = [_pixels((image - float(low)) * scale) for image in images]
    across = max(1, (console.width + _GAP) // (pixels[0].shape[1] + _GAP))
    for start in range(0, len(pixels), across):
        console.print(Segments(_half_blocks(pixels[start : start + across])), end="")
        console.print()


def _pixels(image: np.ndarray) -> np.ndarray:
    """Return uint8 (h, w, 3) of values from 0 to 255: the first one or three channels, averaged to fit; h made even."""
    from PIL import Image

    channels = image if image.ndim == 3 and image.shape[2] >= 3 else image.reshape(*image.shape[:2], -1)[:, :, :1]
    colours = np.broadcast_to(channels[:, :, :3], (*image.shape[:2], 3)).round().astype(np.uint8)
    small = Image.fromarray(colours).reduce(-(-max(image.shape[:2]) // _MAX_SIDE))
    return np.pad(np.asarray(small), ((0, small.height % 2), (0, 0), (0, 0)))


def _half_blocks(images: Sequence[np.ndarray]) -> list[Segment]:
    segments = []
    for top in range(0, len(images[0]), 2):
        for image in images:
            for upper, lower in zip(image[top].tolist(), image[top + 1].tolist(), strict=True):
                style = Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))
                segments.append(Segment("▀", style))
            segments.append(Segment(" " * _GAP))
        segments.append(Segment("\n"))
    return segments
