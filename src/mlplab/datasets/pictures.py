"""Pictures of any size and kind → one uint8 array: decoded in parallel, and kept in the cache folder.

`decode` is how every image gets its size and colours: the images of a data set, and new ones for a run that was trained
on it.
"""

import contextlib
import hashlib
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image, ImageOps

from mlplab import files, npz
from mlplab.datasets.cache import cache_folder
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError
from mlplab.progress import Progress, bar

T = TypeVar("T")
R = TypeVar("R")

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF")
_KINDS = "PNG, JPEG, WebP, BMP or TIFF"
_MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 2**26
_LARGE = 2**24
"""Pixels of an image that is decoded while no other large one is, so that memory is bounded."""
_ONE_LARGE = threading.Lock()
_SIDES = (16, 28, 32, 48, 64)
"""Sizes that suit a dense network, one of which a message suggests."""
_SQUARE = 1.3
"""A longer side that is less than this many times the shorter one counts as equal."""
_GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")
_PNG = b"\x89PNG\r\n\x1a\n"
_VERSION = 1
"""Of what this module makes of a picture: another number makes cached arrays unused."""


class Header(NamedTuple):
    """Size and kind of an image, which are known before it is decoded."""

    height: int
    width: int
    is_grey: bool


def read_pictures(pictures: Sequence[Picture], reading: Reading, *, quiet: bool) -> tuple[np.ndarray, list[str]]:
    """Read and decode pictures, or take them from the cache.

    Args:
        pictures: at least one.
        reading: their size and colours.
        quiet: no progress bar.

    Returns:
        uint8 (n, h, w) or (n, h, w, 3), and the hexadecimal SHA-256 of each picture's bytes.

    Raises:
        DataError: for a picture that cannot be read; for pictures of different sizes where no size is given; and if the
            array is larger than this machine's memory.
    """
    digests = each(pictures, lambda picture: hashlib.sha256(picture.read()).hexdigest(), "reading", quiet)
    options = [_VERSION, reading.size, reading.crop, reading.colour, reading.invert]
    key = hashlib.sha256("\n".join([repr(options), *digests]).encode()).hexdigest()
    path = cache_folder() / "pictures" / f"{key[:32]}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError):  # a damaged file is written again
        return npz.read(path)["images"], digests
    images = decode(pictures, reading, quiet=quiet)
    with files.optional(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_arrays(path, images=images)
    return images, digests


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
    colour = colour or reading.colour
    size, is_grey = reading.size, colour == "grey"
    if size is None or colour is None:
        headers = each(pictures, _header, "looking at images", quiet)
        size = size or _one_size(pictures, headers)
        is_grey = is_grey or (colour is None and all(header.is_grey for header in headers))
    shape = (len(pictures), *size) if is_grey else (len(pictures), *size, 3)
    try:
        npz.require_memory(int(np.prod(shape, dtype=object)))
    except ValueError as error:
        smaller = Advice("size=28", "--size 28")
        raise DataError(
            f"The images do not fit in memory: {error}. Give a smaller size: {smaller}.", advice=[smaller]
        ) from error
    images = np.empty(shape, np.uint8)
    side = None if reading.size is None else max(reading.size)

    def put(row: int) -> None:
        images[row] = decode_one(pictures[row], side, lambda image: as_read(image, reading, is_grey))

    each(range(len(pictures)), put, "decoding images", quiet)
    if colour is None and not is_grey and _all_equal(images):
        images = np.ascontiguousarray(images[..., 0])
    return images


def prepare_arrays(images: np.ndarray, reading: Reading, what: str) -> np.ndarray:
    """Return images of an array, uint8 (n, h, w) or (n, h, w, c), with the size and the colours of a reading.

    Raises:
        DataError: for anything but 8-bit images, if the reading changes them. Messages name them as `what`.
    """
    if not (reading.size or reading.colour or reading.invert):
        return images
    if images.dtype != np.uint8 or images.ndim < 3 or images.shape[3:] not in ((), (1,), (3,)):
        raise DataError(
            f"A size, a colour and inverting are for 8-bit images (n, h, w), grey or rgb. {what} has {images.dtype} of "
            f"shape {images.shape}: leave them out, or give such images."
        )
    flat = images[..., 0] if images.shape[3:] == (1,) else images
    colour = reading.colour or ("grey" if flat.ndim == 3 else "rgb")
    return np.stack([as_read(Image.fromarray(image), reading, colour == "grey") for image in flat])


def decode_one(picture: Picture, side: int | None, finish: Callable[[Image.Image], R]) -> R:
    """Decode one picture, and return what a function makes of it while at most one large image is in memory.

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
        with _ONE_LARGE if image.width * image.height > _LARGE else contextlib.nullcontext():
            return finish(_eight_bits(ImageOps.exif_transpose(image), picture.name))


def as_read(image: Image.Image, reading: Reading, is_grey: bool) -> np.ndarray:
    """Return an image as a reading says: uint8 (h, w) or (h, w, 3)."""
    image = image.convert("L" if is_grey else "RGB")
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
    array = np.asarray(image)
    edges = (array[0], array[-1], array[:, 0], array[:, -1])
    median = np.median(np.concatenate([edge.reshape(-1, *array.shape[2:]) for edge in edges]), axis=0)
    return int(median) if median.ndim == 0 else tuple(int(each) for each in median)


def _eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Return an image in grey or rgb of 8 bits, on white where it is transparent."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(f"{name} has numbers of 32 bits: expected 8 or 16 bits a pixel. Convert it.")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("L" if image.mode in (*_GREY, "La") else "RGB")
    return image.convert("L" if image.mode in _GREY else "RGB")


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
        if content.startswith(_PNG) and content.find(_PNG, 1) > 0:
            raise DataError(f"{picture.name} holds several PNG images one after the other: write one image a file.")
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise Image.DecompressionBombError(f"{image.width}×{image.height} pixels")
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
            f"{picture.name} is a damaged image: {str(error) or type(error).__name__}. Copy it again, or remove it."
        ) from error


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


def _all_equal(images: np.ndarray) -> bool:
    """Return whether all images (n, h, w, 3) are grey: three equal channels."""
    return all((image[..., :1] == image[..., 1:]).all() for image in images)


def each(items: Sequence[T], call: Callable[[T], R], title: str, quiet: bool) -> list[R]:
    """Call a function for each item in parallel, and return the results in order. Shows a progress bar.

    Pillow, hashing and reading leave the other threads room while they work. The first error, in the order of the
    items, ends it.
    """
    at_once = max(1, min(256, len(items) // 64))
    starts = range(0, len(items), at_once)

    def some(start: int) -> list[R]:
        return [call(item) for item in items[start : start + at_once]]

    results: list[R] = []
    Image.init()  # not thread-safe
    with warnings.catch_warnings(), bar(0 if quiet else "auto", title) as progress:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", module="PIL")
        with ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
            pending = pool.map(some, starts)
            try:
                for done in pending:
                    results += done
                    progress(Progress(len(results), len(items)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return results
