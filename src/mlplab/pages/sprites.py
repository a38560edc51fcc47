"""Many images → a few JPEG pictures, each with many images side by side, as data URIs for a page."""

import base64
import io
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
    return _data_uri(image, "PNG", optimize=True)


def _encode(images: np.ndarray, side: int, quality: int) -> Sprites:
    """Encode images whose longer side has at most `side` pixels."""
    pixels = _smaller(as_bytes(images), side)
    count, height, width = pixels.shape[:3]
    block = BLOCK if pixels.ndim == 3 else 2 * BLOCK
    cell_height, cell_width = (-(-length // block) * block for length in (height, width))
    # Each image is in the middle of its cell; its edge pixels are repeated outwards.
    down, across = cell_height - height, cell_width - width
    margins = [(0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)]
    cells = np.pad(pixels, margins[: pixels.ndim], mode="edge")
    columns, subsampling = min(50, count), 0 if quality >= 75 else 2
    sheets = tuple(
        _data_uri(_sheet(cells[start : start + PER_SHEET], columns), "JPEG", quality=quality, subsampling=subsampling)
        for start in range(0, count, PER_SHEET)
    )
    return Sprites(sheets, count, width, height, cell_width, cell_height, columns, PER_SHEET, quality)


def _sheet(cells: np.ndarray, columns: int) -> np.ndarray:
    """Lay out cells (n, h, w[, 3]) as one picture with `columns` cells in a row. Empty places are black."""
    height, width, *channels = cells.shape[1:]
    rows = -(-len(cells) // columns)
    grid = np.zeros((rows * columns, *cells.shape[1:]), np.uint8)
    grid[: len(cells)] = cells
    ordered = grid.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    return ordered.reshape(rows * height, columns * width, *channels)


def _smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    """Scale images down until their longer side is at most `side` pixels."""
    from PIL import Image

    height, width = pixels.shape[1:3]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.stack([np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX)) for image in pixels])


def _data_uri(pixels: np.ndarray, kind: str, **options: object) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
