"""Images → a few pictures with many images side by side, as a page can hold them: JPEG in data URIs."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BLOCK = 8
"""JPEG packs squares of 8×8 pixels, of colours twice that. Cells of whole squares keep images out of each other."""

PER_SHEET = 2500
"""Images in one picture: a browser unpacks a picture as a whole, so not all are unpacked when a few are looked at."""

QUALITIES = (75, 60, 45, 30)


@dataclass(frozen=True)
class Sprites:
    """Images of one size in a grid, on one or more sheets; image i is on sheet `i // per_sheet`.

    Attributes:
        sheets: data URIs of JPEG pictures.
        count: images in all.
        width, height: of one image, in pixels, as it is kept here.
        cell_width, cell_height: of the grid's cells, multiples of 8, or of 16 with colours.
        columns: cells in a row.
        per_sheet: images on each sheet but the last.
        quality: JPEG's, 0 to 100.
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
        """The length of all data URIs."""
        return sum(map(len, self.sheets))

    def layout(self) -> dict[str, int]:
        """All but the sheets, for the page's script (page.js, `Sprites`)."""
        names = ("count", "width", "height", "columns", "per_sheet")
        return {name: getattr(self, name) for name in names} | {
            "cell_width": self.cell_width,
            "cell_height": self.cell_height,
            "left": (self.cell_width - self.width) // 2,
            "top": (self.cell_height - self.height) // 2,
        }


def sprites(images: np.ndarray, most_bytes: int = 4_000_000, largest: int = 64) -> Sprites | None:
    """Images as sprites of at most `most_bytes` as data URIs: in lower quality, then smaller, where they must be.

    Args:
        images: (n, h, w) or (n, h, w, c), as `as_bytes` takes them.
        most_bytes: for all of them.
        largest: pixels of the longer side at most.

    Returns:
        None if they do not fit in the lowest quality and a longer side of 24 pixels, or if there are none.
    """
    if not len(images):
        return None
    longer = max(images.shape[1:3])
    sides = sorted({min(longer, side) for side in (largest, 48, 32, 24) if side <= largest}, reverse=True)
    few = images[:: max(1, len(images) // 400)]
    for side in sides:
        for quality in QUALITIES:
            expected = _encode(few, side, quality).bytes * len(images) / len(few)
            if expected <= most_bytes and (made := _encode(images, side, quality)).bytes <= most_bytes:
                return made
    return None


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images of any numbers as uint8, (n, h, w) of greys or (n, h, w, 3) of colours.

    8-bit images stay as they are. Others, and those of whom none is half bright (`digits` ends at 16), are stretched,
    all alike, from their smallest to their largest value. Of channels that are not three, the mean is taken.
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
    """One image as the data URI of a PNG file: uint8 (h, w), (h, w, 3), or (h, w, 4) with opacity."""
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
    """Cells (n, h, w[, 3]) as pictures of `columns` cells a row; the last picture's empty places are black."""
    for start in range(0, len(cells), PER_SHEET):
        part = cells[start : start + PER_SHEET]
        rows = -(-len(part) // columns)
        grid = np.zeros((rows * columns, *cells.shape[1:]), np.uint8)
        grid[: len(part)] = part
        height, width, *channels = cells.shape[1:]
        ordered = grid.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
        yield ordered.reshape(rows * height, columns * width, *channels)


def _padded(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Each image in the middle of a cell, its edge repeated outwards."""
    down, across = height - pixels.shape[1], width - pixels.shape[2]
    margins = [(0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2)]
    return np.pad(pixels, [*margins, *[(0, 0)] * (pixels.ndim - 3)], mode="edge")


def _smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    """Images whose longer side is more than `side`, made as small as that."""
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
