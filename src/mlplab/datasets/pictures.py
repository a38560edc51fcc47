"""Pictures of any size and kind → one uint8 array: decoded in parallel, and kept in the cache folder.

`decode` is how every image gets its size and colours: the images of a data set, and new ones for a run that was trained
on it.
"""

import contextlib
import hashlib
import io
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError, brief
from mlplab.progress import Progress, bar

T = TypeVar("T")
R = TypeVar("R")

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_KINDS = "PNG, JPEG, WebP, BMP or TIFF"
_MOST_PIXELS = 2**26
"""Of an image; and of all that are decoded at once, so that memory is bounded, below 1 GB."""
_MOST_SCANNED = 2**31
"""Pixels of a progressive JPEG times its scans, each of which takes as long as decoding it once."""
_BAND = 256
"""Lines of an image that are put on white at a time."""
_SIDES = (16, 28, 32, 48, 64)
"""Sizes that suit a dense network, one of which a message suggests."""
_SQUARE = 1.3
"""A longer side that is less than this many times the shorter one counts as equal."""
_GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
_PNG = b"\x89PNG\r\n\x1a\n"
_SCAN = b"\xff\xda"
"""Begins a scan of a JPEG file."""
_AHEAD = 64
"""Groups of items that are worked on in parallel before the next ones begin."""
_VERSION = 2
"""Part of every cache key; raise it when pictures are decoded differently."""


class _Budget:
    """Pixels that are decoded at once. Who wants more than are left waits."""

    def __init__(self, most: int) -> None:
        self._most, self._left, self._changed = most, most, threading.Condition()

    @contextlib.contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        pixels = min(pixels, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify_all()


_BUDGET = _Budget(_MOST_PIXELS)


class Header(NamedTuple):
    """Size and kind of an image, which are known before it is decoded."""

    height: int
    width: int
    is_grey: bool


def read_pictures(pictures: Sequence[Picture], reading: Reading, *, quiet: bool) -> tuple[np.ndarray, str, list[str]]:
    """Read and decode pictures, or take them from the cache.

    Args:
        pictures: at least one.
        reading: their size and colours.
        quiet: no progress bar.

    Returns:
        uint8 (n, h, w) or (n, h, w, 3), the name that identifies this array, and the hexadecimal SHA-256 of each
        picture's bytes.

    Raises:
        DataError: for a picture that cannot be read; for pictures of different sizes where no size is given; and if a
            large array cannot be kept in the cache folder.
    """
    digests = each(pictures, lambda picture: hashlib.sha256(picture.read()).hexdigest(), "reading", quiet)
    options = [_VERSION, reading.size, reading.crop, reading.colour, reading.invert]
    name = decoded.key(*options, *digests)
    if (kept := decoded.find(name)) is not None:
        return kept.array, name, digests
    return _decode(pictures, reading, reading.colour, name, quiet, keep=True), name, digests


def decode(
    pictures: Sequence[Picture], reading: Reading, *, colour: str | None = None, quiet: bool = True
) -> np.ndarray:
    """Decode pictures as a reading says.

    The alpha channel is put on white, and 16 bits become 8. A photo is turned upright. An image that is to be kept
    whole gets margins of the colour that its border mostly has.

    Args:
        pictures: at least one.
        reading: their size and colours.
        colour: "grey" or "rgb", in place of the reading's: that of the images which a run was trained on.
        quiet: no progress bar.

    Returns:
        uint8 (n, h, w) or (n, h, w, 3).

    Raises:
        DataError: as in `read_pictures`.
    """
    name = decoded.key("not kept", *(picture.name for picture in pictures))
    return _decode(pictures, reading, colour or reading.colour, name, quiet, keep=False)


def _decode(
    pictures: Sequence[Picture], reading: Reading, colour: str | None, name: str, quiet: bool, keep: bool
) -> np.ndarray:
    """Decode pictures, into a file of this name if they are many, or if it is to be kept."""
    size, is_grey = reading.size, colour == "grey"
    if size is None or colour is None:
        headers = each(pictures, _header, "looking at images", quiet)
        size = size or _one_size(pictures, headers)
        is_grey = is_grey or (colour is None and all(header.is_grey for header in headers))
    seem_grey = colour is None and not is_grey
    expected = len(pictures) * math.prod(size) * (1 if is_grey else 3)
    side = None if reading.size is None else max(reading.size)

    def one(picture: Picture) -> np.ndarray:
        return decode_one(picture, side, lambda image: as_read(image, reading, is_grey))

    with decoding.Writer(name, None, expected=expected, always=keep) as writer:
        for some in _in_order(pictures, one, "decoding images", quiet):
            block = np.stack(some)
            seem_grey = seem_grey and bool((block[..., :1] == block[..., 1:]).all())
            writer.add(block)
        if not seem_grey:
            return writer.finish()
        with decoding.Writer(name, None, always=keep) as grey:  # three equal channels
            for block in writer.blocks():
                grey.add(np.ascontiguousarray(block[..., 0]))
            return grey.finish()


def prepare_arrays(
    images: np.ndarray, reading: Reading, what: str, content: str | None
) -> tuple[np.ndarray, str | None]:
    """Return images of an array, uint8 (n, h, w) or (n, h, w, c), with the size and the colours of a reading.

    Also returns what identifies them. `content`: identifies the array that is given, if it is a mapped one.

    Raises:
        DataError: for anything but 8-bit images, if the reading changes them. Messages name them as `what`.
    """
    if not (reading.size or reading.colour or reading.invert):
        return images, content
    if images.dtype != np.uint8 or images.ndim < 3 or images.shape[3:] not in ((), (1,), (3,)):
        raise DataError(
            f"A size, a colour and inverting are for 8-bit images (n, h, w), grey or rgb. {what} has {images.dtype} of "
            f"shape {images.shape}: leave them out, or give such images."
        )
    is_grey = (reading.colour or ("grey" if images.shape[3:] != (3,) else "rgb")) == "grey"

    def all_as_read(some: np.ndarray) -> np.ndarray:
        flat = some[..., 0] if some.shape[3:] == (1,) else some
        return np.stack([as_read(Image.fromarray(image), reading, is_grey) for image in flat])

    if mapped.map_of(images) is None:
        return all_as_read(images), content
    name = decoded.key(content, _VERSION, reading.size, reading.crop, reading.colour, reading.invert)
    return decoding.stored(name, map(all_as_read, mapped.pieces(images)), len(images), "resizing"), name


def decode_one(picture: Picture, side: int | None, finish: Callable[[Image.Image], R]) -> R:
    """Decode one picture, and return what a function makes of it while few large images are in memory.

    Args:
        picture: as in `decode`.
        side: pixels of the result's longer side, if it is known: a JPEG file is decoded at a part of its size, no less
            than twice this.
        finish: gets the upright image, in grey or rgb of 8 bits.

    Raises:
        DataError: if the picture cannot be read.
    """
    with _opened(picture) as image:
        if side is not None:
            image.draft(None, (2 * side, 2 * side))
        with _BUDGET.take(image.width * image.height):
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return finish(_eight_bits(image, picture.name))


def as_read(image: Image.Image, reading: Reading, is_grey: bool) -> np.ndarray:
    """Return an image as a reading says: uint8 (h, w) or (h, w, 3)."""
    image = _in_mode(image, "L" if is_grey else "RGB")
    if reading.size is not None and (image.height, image.width) != reading.size:
        (height, width), method = reading.size, Image.Resampling.BICUBIC
        if reading.crop:
            image = ImageOps.fit(image, (width, height), method)
        else:
            image = ImageOps.pad(image, (width, height), method, color=_border(image))
    array = np.asarray(image)
    return 255 - array if reading.invert else array


def _border(image: Image.Image) -> Any:
    """Return the median colour of an image's outermost pixels, as Pillow takes it."""
    width, height = image.size
    boxes = ((0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height))
    edges = [np.asarray(image.crop(box)) for box in boxes]
    median = np.median(np.concatenate([edge.reshape(-1, *edge.shape[2:]) for edge in edges]), axis=0)
    return int(median) if median.ndim == 0 else tuple(int(each) for each in median)


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Return an image in grey or rgb of 8 bits, on white where it is transparent."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(f"{name} has numbers of 32 bits: expected 8 or 16 bits a pixel. Convert it.")
    if image.has_transparency_data:
        return _on_white(image, "L" if image.mode in (*_GREY, "La") else "RGB")
    return _in_mode(image, "L" if image.mode in _GREY else "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _on_white(image: Image.Image, mode: str) -> Image.Image:
    """Return a transparent image on white, in grey or rgb. Some lines at a time, because that takes four copies."""
    result = Image.new(mode, image.size)
    for top in range(0, image.height, _BAND):
        box = (0, top, image.width, min(top + _BAND, image.height))
        rgba = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        result.paste(Image.alpha_composite(white, rgba).convert(mode), box)
    return result


def _header(picture: Picture) -> Header:
    with _opened(picture) as image:
        height, width = image.height, image.width
        if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # a photo that lies on its side
            height, width = width, height
        return Header(height, width, image.mode in _GREY)


@contextlib.contextmanager
def _opened(picture: Picture) -> Iterator[Image.Image]:
    """Open an image. Whatever Pillow raises for foreign bytes, here or while it decodes them, is a `DataError`."""
    content = picture.read()
    try:
        if kind := _joined_kind(content):
            raise DataError(f"{picture.name} holds several {kind} images one after the other: write one image a file.")
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > _MOST_PIXELS:
                raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels")
            if image.info.get("progressive") and pixels * (scans := content.count(_SCAN)) > _MOST_SCANNED:
                raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels in {scans:,} scans")
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(
            f"{picture.name} claims to be too large ({error}); expected at most {_MOST_PIXELS:,} pixels. Make it "
            "smaller, or remove it."
        ) from error
    except Image.UnidentifiedImageError as error:
        kind = f"begins with {content[:8]!r}" if content else "is empty"
        raise DataError(f"{picture.name} is no image ({kind}). Expected {_KINDS}. Remove it, or convert it.") from error
    except Exception as error:  # of a damaged image Pillow raises SyntaxError, struct.error, EOFError, and more
        raise DataError(
            f"{picture.name} is a damaged image: {brief(error) or type(error).__name__}. Copy it again, or remove it."
        ) from error


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


def _one_size(pictures: Sequence[Picture], headers: Sequence[Header]) -> tuple[int, int]:
    """Return the size of all pictures. Raises `DataError` if there are several, with a size that would suit them."""
    first = headers[0]
    other = next((row for row, header in enumerate(headers) if header[:2] != first[:2]), None)
    if other is None:
        return first.height, first.width
    height, width = np.median([header[:2] for header in headers], axis=0)
    side = max([each for each in _SIDES if each <= min(height, width)], default=_SIDES[1])
    ratio = height / width
    is_square = max(ratio, 1 / ratio) < _SQUARE
    size = str(side) if is_square else f"{round(side * max(1, ratio))}x{round(side * max(1, 1 / ratio))}"
    good = Advice(f"size={size!r}" if "x" in size else f"size={size}", f"--size {size}")
    sizes = [f"{headers[row].height}×{headers[row].width}" for row in (0, other)]
    raise DataError(
        f"Images must have one size. {pictures[0].name} has {sizes[0]} pixels, {pictures[other].name} {sizes[1]}. Give "
        f"the size that all are to have: {good} (height × width; crop to cut off margins).",
        advice=[good],
    )


def each(items: Sequence[T], call: Callable[[T], R], title: str, quiet: bool) -> list[R]:
    """Call a function for each item in parallel, and return the results in order. Shows a progress bar."""
    return [result for some in _in_order(items, call, title, quiet) for result in some]


def _in_order(items: Sequence[T], call: Callable[[T], R], title: str, quiet: bool) -> Iterator[list[R]]:
    """Call a function for each item in parallel, and yield some results at a time, in order. Shows a progress bar.

    Pillow, hashing and reading leave the other threads room while they work. The first error, in the order of the
    items, ends it.
    """
    at_once = max(1, min(256, len(items) // 64))

    def some(start: int) -> list[R]:
        return [call(item) for item in items[start : start + at_once]]

    done = 0
    Image.init()  # not thread-safe
    with warnings.catch_warnings(), bar(0 if quiet else "auto", title) as progress:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
            try:
                for first in range(0, len(items), _AHEAD * at_once):  # no more results than these wait in memory
                    for results in pool.map(some, range(first, min(first + _AHEAD * at_once, len(items)), at_once)):
                        done += len(results)
                        progress(Progress(done, len(items)))
                        yield results
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
