"""Pictures of any size and kind → one uint8 array, decoded in parallel, and kept in the cache folder.

`as_read` gives an image its size and colours: those of a data set, and new ones for a run that was trained on it.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.datasets.images.image_files import Header, content_of, decode_one, header_of, in_mode, pillow_in_threads
from mlplab.datasets.images.parallel import map_in_groups, map_parallel
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError

_SIDES = (16, 28, 32, 48, 64)
"""Sizes that suit a dense network, one of which a message suggests."""
_SQUARE = 1.3
"""A longer side that is less than this many times the shorter one counts as equal."""
_VERSION = 2
"""Part of every cache key; raise it when pictures are decoded differently."""


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
    digests = map_parallel(pictures, _sha256, "reading", quiet)
    options = [_VERSION, reading.size, reading.crop, reading.colour, reading.invert]
    name = decoded.key(*options, *digests)
    if (kept := decoded.find(name)) is not None:
        return kept.array, name, digests
    return _decode(pictures, reading, name, quiet, keep=True), name, digests


def decode(pictures: Sequence[Picture], reading: Reading) -> np.ndarray:
    """Decode pictures as a reading says, and keep nothing.

    An image that is to be kept whole gets margins of the colour that its border mostly has.

    Args:
        pictures: at least one.
        reading: their size and colours.

    Returns:
        uint8 (n, h, w) or (n, h, w, 3).

    Raises:
        DataError: as in `read_pictures`.
    """
    name = decoded.key("not kept", *(picture.name for picture in pictures))
    return _decode(pictures, reading, name, quiet=True, keep=False)


def _sha256(picture: Picture) -> str:
    with content_of(picture) as content:
        return hashlib.sha256(content).hexdigest()


@pillow_in_threads()
def _decode(pictures: Sequence[Picture], reading: Reading, name: str, quiet: bool, keep: bool) -> np.ndarray:
    """Decode pictures, into a file of this name if they are many, or if it is to be kept."""
    size, is_grey = reading.size, reading.colour == "grey"
    if size is None or reading.colour is None:
        headers = map_parallel(pictures, header_of, "looking at images", quiet)
        size = size or _one_size(pictures, headers)
        is_grey = is_grey or (reading.colour is None and all(header.is_grey for header in headers))
    seem_grey = reading.colour is None and not is_grey
    expected = len(pictures) * math.prod(size) * (1 if is_grey else 3)
    side = None if reading.size is None else max(reading.size)

    def one(picture: Picture) -> np.ndarray:
        return decode_one(picture, side, lambda image: as_read(image, reading, is_grey))

    with decoding.Writer(name, None, expected=expected, always=keep) as writer:
        for group in map_in_groups(pictures, one, "decoding images", quiet):
            block = np.stack(group)
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
    if not changes_images(reading):
        return images, content
    if not are_images(images):
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


def changes_images(reading: Reading) -> bool:
    """Return whether a reading changes 8-bit images of an array: their size, colours, or black and white."""
    return bool(reading.size or reading.colour or reading.invert)


def are_images(array: np.ndarray) -> bool:
    """Return whether an array has 8-bit images: uint8 (n, h, w), (n, h, w, 1) or (n, h, w, 3)."""
    return array.dtype == np.uint8 and array.ndim > 2 and array.shape[3:] in ((), (1,), (3,))


def as_read(image: Image.Image, reading: Reading, is_grey: bool) -> np.ndarray:
    """Return an image as a reading says: uint8 (h, w) or (h, w, 3)."""
    image = in_mode(image, "L" if is_grey else "RGB")
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
        f"the size that all are to have: {good}, height and width.",
        advice=[good],
    )
