"""An image file that anybody may have made → a Pillow image in grey or rgb of 8 bits, in bounded memory.

Whatever Pillow raises for foreign bytes becomes a `DataError` with the image's name. `MemoryError`, and errors of the
code that is called with the decoded image, are raised as they are.
"""

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from mlplab.datasets.readers.files import LARGEST_IMAGE_FILE
from mlplab.datasets.readers.rows import Picture
from mlplab.errors import DataError, brief

R = TypeVar("R")

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_KINDS = "PNG, JPEG, WebP, BMP or TIFF"
_MOST_PIXELS = 2**26
"""Largest number of pixels of an image, and of all that are decoded at the same time, together. One image of this size
took 0.4 GB (BMP) to 1.06 GB (WebP with an alpha channel), its file included."""
_MOST_SCANNED = 2**31
"""Pixels of a progressive JPEG times its scans, each of which takes as long as decoding it once."""
_BAND = 256
"""Lines of an image that are put on white at a time."""
_GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
"""Pillow's modes of images that have no colour."""
_PNG = b"\x89PNG\r\n\x1a\n"
_SCAN = b"\xff\xda"
"""Begins a scan of a JPEG file."""


class _Budget:
    """A semaphore counted in pixels, or in bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._left, self._changed = most, most, threading.Condition()

    @contextlib.contextmanager
    def take(self, amount: int) -> Iterator[None]:
        """Wait until an amount is left, and give it back at the end. More than there is counts as all of it."""
        amount = min(amount, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= amount)
            self._left -= amount
        try:
            yield
        finally:
            with self._changed:
                self._left += amount
                self._changed.notify_all()


_BYTES, _PIXELS = _Budget(LARGEST_IMAGE_FILE), _Budget(_MOST_PIXELS)
"""Bytes of files that are in memory at the same time, and pixels that are decoded. Bytes are always taken first, so
that no two threads wait for each other."""


class Header(NamedTuple):
    """Size and kind of an image, which are known before it is decoded."""

    height: int
    width: int
    is_grey: bool


@contextlib.contextmanager
def content_of(picture: Picture) -> Iterator[bytes]:
    """Read the bytes of a picture, once there is room for them beside those of other threads.

    Raises:
        DataError: if the picture cannot be read.
    """
    with _BYTES.take(picture.size()):
        yield picture.read()


@contextlib.contextmanager
def pillow_in_threads() -> Iterator[None]:
    """Prepare Pillow for threads, and silence its warnings: they are about images that are refused, or read all the
    same."""
    Image.init()  # not thread-safe
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def header_of(picture: Picture) -> Header:
    """Return size and kind of an image. Raises `DataError` if it cannot be read."""
    with content_of(picture) as content, _opened(picture.name, content) as image:
        is_turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        size = (image.width, image.height) if is_turned else (image.height, image.width)
        return Header(*size, is_grey=image.mode in _GREY)


def decode_one(picture: Picture, side: int | None, finish: Callable[[Image.Image], R]) -> R:
    """Decode one picture, and return what a function makes of it while few large images are in memory.

    The alpha channel is put on white, and 16 bits become 8. A photo is turned upright.

    Args:
        picture: that is decoded.
        side: pixels of the result's longer side, if it is known: a JPEG file is decoded at a part of its size, no less
            than twice this.
        finish: gets the upright image, in grey or rgb of 8 bits.

    Raises:
        DataError: if the picture cannot be read.
    """
    with content_of(picture) as content, contextlib.ExitStack() as stack:
        with _opened(picture.name, content) as image:
            if side is not None:
                image.draft(None, (2 * side, 2 * side))
            stack.enter_context(_PIXELS.take(image.width * image.height))
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            decoded = _eight_bits(image, picture.name)
        return finish(decoded)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in a mode of Pillow: the image itself if it has it."""
    return image if image.mode == mode else image.convert(mode)


@contextlib.contextmanager
def _opened(name: str, content: bytes) -> Iterator[Image.Image]:
    """Open an image. Errors of Pillow, here or in the body, which makes nothing but calls of it, become `DataError`."""
    if kind := _joined_kind(content):
        raise DataError(f"{name} holds several {kind} images one after the other: write one image a file.")
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _require_size(image, content)
            yield image
    except (DataError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name} claims to be too large ({error}); expected at most {_MOST_PIXELS:,} pixels. Make it smaller, or "
            "remove it."
        ) from error
    except Image.UnidentifiedImageError as error:
        kind = f"begins with {content[:8]!r}" if content else "is empty"
        raise DataError(f"{name} is no image ({kind}). Expected {_KINDS}. Remove it, or convert it.") from error
    except Exception as error:  # of a damaged image Pillow raises SyntaxError, struct.error, EOFError, and more
        raise DataError(
            f"{name} is a damaged image: {brief(error) or type(error).__name__}. Copy it again, or remove it."
        ) from error


def _require_size(image: Image.Image, content: bytes) -> None:
    """Raise Pillow's own error for an image that takes too much memory or time."""
    pixels = image.width * image.height
    if pixels > _MOST_PIXELS:
        raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels")
    if image.info.get("progressive") and pixels * (scans := content.count(_SCAN)) > _MOST_SCANNED:
        raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels in {scans:,} scans")


def _joined_kind(content: bytes) -> str | None:
    """Return the kind of images of which a file holds several, one after the other; None if it does not.

    What follows a JPEG image may belong to it: cameras append previews and films.
    """
    if content.startswith(_PNG):
        return "PNG" if content.find(_PNG, 1) > 0 else None
    if content.startswith(b"RIFF"):
        size = 8 + int.from_bytes(content[4:8], "little")
        return "WebP" if content.startswith(b"RIFF", size + size % 2) else None
    if content.startswith(b"BM"):
        size = int.from_bytes(content[2:6], "little")
        return "BMP" if size and content.startswith(b"BM", size) else None
    return None


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Return an image in grey or rgb of 8 bits, on white where it is transparent."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(f"{name} has numbers of 32 bits: expected 8 or 16 bits a pixel. Convert it.")
    if image.has_transparency_data:
        return _on_white(image, "L" if image.mode in (*_GREY, "La") else "RGB")
    return in_mode(image, "L" if image.mode in _GREY else "RGB")


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    """Return a transparent image on white, in grey or rgb. Some lines at a time, because that takes four copies."""
    result = Image.new(mode, image.size)
    for top in range(0, image.height, _BAND):
        box = (0, top, image.width, min(top + _BAND, image.height))
        rgba = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        result.paste(Image.alpha_composite(white, rgba).convert(mode), box)
    return result
