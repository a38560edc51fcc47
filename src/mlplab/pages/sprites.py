"""Many images → a few JPEG pictures, each with many images side by side, as data URIs for a page."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

BLOCK = 8
"""JPEG compresses blocks of 8×8 pixels (16×16 for colours). With cells of whole blocks, neighbours do not mix."""

PER_SHEET = 2500
"""Images in one picture. A browser decodes a picture as a whole, so that showing a few images decodes few of them."""

QUALITIES = (75, 60, 45, 30)
"""JPEG qualities to try, the best first."""

SIDES = (64, 48, 32, 24)
"""Limits for the longer side of an image, in pixels."""


@dataclass(frozen=True)
class Sprites:
    """Images of one size in a grid, on one or more sheets. Image i is on sheet `i // per_sheet`.

    Attributes:
        sheets: data URIs of JPEG pictures.
        count: number of images on all sheets.
        width, height: size of an image on the sheet, in pixels.
        cell_width, cell_height: size of a cell of the grid, multiples of 8, or of 16 with colours.
        columns: cells in a row.
        per_sheet: images on each sheet but the last.
        quality: JPEG quality, 0 to 100.
    """

    sheets: tuple[str, ...]
    count: int
    width: int
    height: int
    cell_width: int
    cell_height: int
    columns: int
    per_sheet: int
    quality: int

    @property
    def bytes(self) -> int:
        """The total length of the data URIs."""
        return sum(map(len, self.sheets))

    def for_script(self) -> dict[str, Any]:
        """Return the values from which the page's script makes its `Sprites` (page.js)."""
        return {name: value for name, value in vars(self).items() if name != "quality"} | {
            "left": (self.cell_width - self.width) // 2,
            "top": (self.cell_height - self.height) // 2,
        }


def sprites(images: np.ndarray, most_bytes: int = 4_000_000) -> Sprites | None:
    """Pack images into sprites. If they exceed `most_bytes`, lower the quality, then the size.

    Args:
        images: (n, h, w) or (n, h, w, c), see `as_bytes`.
        most_bytes: limit for the data URIs of all images together.

    Returns:
        None if there are no images, or if they exceed the limit at the lowest quality and a longer side of 24 pixels.
    """
    if not len(images):
        return None
    longer = max(images.shape[1:3])
    sides = sorted({min(longer, side) for side in SIDES}, reverse=True)
    few = images[:: max(1, len(images) // 400)]
    for side in sides:
        for quality in QUALITIES:
            expected = _encode(few, side, quality).bytes * len(images) / len(few)
            if expected <= most_bytes and (packed := _encode(images, side, quality)).bytes <= most_bytes:
                return packed
    return None


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Convert images of any numbers to uint8, (n, h, w) in grey or (n, h, w, 3) in colour.

    Bytes that use the upper half of their range stay unchanged. All other images are rescaled together, so that their
    smallest value becomes 0 and their largest 255 (`digits` has bytes from 0 to 16). Two channels, or more than three,
    are averaged.
    """
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    elif images.ndim == 4 and images.shape[-1] != 3:
        images = images.mean(-1, dtype=np.float32).astype(images.dtype)
    if images.dtype == np.uint8 and images.max() >= 128:
        return images
    finite = np.nan_to_num(images.astype(np.float32))
    low, high = finite.min(), finite.max()
    return ((finite - low) * (255 / max(high - low, 1e-9))).round().astype(np.uint8)


def picture(image: np.ndarray) -> str:
    """Encode one image, uint8 (h, w), (h, w, 3), or (h, w, 4) with opacity, as the data URI of a PNG file."""
    return _data_uri(_pillow(image), "PNG", optimize=True)


def _encode(images: np.ndarray, side: int, quality: int) -> Sprites:
    pixels = _smaller(as_bytes(images), side)
    count, height, width = pixels.shape[:3]
    block = BLOCK if pixels.ndim == 3 else 2 * BLOCK
    cell_height, cell_width = (-(-length // block) * block for length in (height, width))
    columns = min(50, count)
    sheets = tuple(
        _data_uri(_pillow(sheet), "JPEG", quality=quality, subsampling=0 if quality >= 75 else 2)
        for sheet in _sheets(_padded(pixels, cell_height, cell_width), columns)
    )
    return Sprites(sheets, count, width, height, cell_width, cell_height, columns, PER_SHEET, quality)


def _sheets(cells: np.ndarray, columns: int) -> Iterator[np.ndarray]:
    """Lay out cells (n, h, w[, 3]) as pictures with `columns` cells in a row. Empty places are black."""
    for start in range(0, len(cells), PER_SHEET):
        part = cells[start : start + PER_SHEET]
        rows = -(-len(part) // columns)
        grid = np.zeros((rows * columns, *cells.shape[1:]), np.uint8)
        grid[: len(part)] = part
        height, width, *channels = cells.shape[1:]
        ordered = grid.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
        yield ordered.reshape(rows * height, columns * width, *channels)


def _padded(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Put each image in the middle of a cell, and repeat its edge pixels outwards."""
    down, across = height - pixels.shape[1], width - pixels.shape[2]
    margins = [(0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2)]
    return np.pad(pixels, [*margins, *[(0, 0)] * (pixels.ndim - 3)], mode="edge")


def _smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    """Scale images down until their longer side is at most `side` pixels."""
    height, width = pixels.shape[1:3]
    if max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    from PIL import Image

    return np.stack([np.asarray(_pillow(image).resize(size, Image.Resampling.BOX)) for image in pixels])


def _pillow(pixels: np.ndarray):
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(pixels))


def _data_uri(image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
