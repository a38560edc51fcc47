"""Rows and pictures of any kind → inputs of a network, prepared as those that it was trained on."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from mlplab.datasets.arrays import full_scale, normal_inputs, whole_bytes
from mlplab.datasets.images.drawings import find_ink, framed, has_light_background
from mlplab.datasets.images.framing import Framing
from mlplab.datasets.images.image_files import decode_one, pillow_in_threads
from mlplab.datasets.images.parallel import map_parallel
from mlplab.datasets.images.pictures import are_images, as_read, changes_images, prepare_arrays
from mlplab.datasets.readers.rows import Picture
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError

_LARGEST_SIDE = 256
"""Pixels of a side of the images in which something drawn is looked for, or more where the run's are larger."""

AS_IT_IS, RESIZED, INVERTED, FRAMED = "as it is", "resized", "inverted", "framed"
"""What was done to a picture."""


@dataclass(frozen=True)
class Preparation:
    """How new rows become inputs of a network.

    Attributes:
        shape: of one input.
        reading: how the training data was read.
        framing: how the training images lie in their frames, if they do so alike.
        white: the number that a white pixel becomes: 255; 16 for `digits`; 1 for black and white, and for fractions.
            None: it is not known, as the training inputs have numbers below 0 or above 255.
        dtype: "uint8" or "float32", of the training inputs.
        as_is: pixels go in as they are; only fractions are divided by 255.
    """

    shape: tuple[int, ...]
    reading: Reading
    framing: Framing | None
    white: int | None
    dtype: str
    as_is: bool

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        reading: Reading,
        trained: Mapping[str, Any] | None,
        framing: Framing | None,
        as_is: bool,
    ) -> "Preparation":
        """Return the preparation for training inputs of a `dtype`, from `low` to `high`; None: 8-bit images."""
        known = trained or {"dtype": "uint8", "low": 0, "high": 255}
        low, high, dtype = float(known["low"]), float(known["high"]), str(known["dtype"])
        white = None
        if low >= 0 and high <= 255:
            white = full_scale(high) if dtype == "uint8" else 1 if high <= 1 else 255
        return cls(shape, reading, framing, white, dtype, as_is)

    def rows(self, rows: Any, what: str, content: str | None) -> np.ndarray:
        """Return rows of numbers (n, …), uint8 or float32, in the shape of the training inputs. Nothing is rescaled.

        Args:
            rows: those of a mapped array stay in a file.
            what: names them in messages.
            content: identifies them; needed if they are mapped.

        Raises:
            DataError: for rows of another size, and for anything but finite numbers.
        """
        array = np.asarray(rows)
        if not self.as_is and changes_images(self.reading):
            reading = dataclasses.replace(self.reading, colour="grey" if self._is_grey else "rgb")
            array, _ = prepare_arrays(self._as_images(array, what), reading, what, content)
        if array.shape[1:] != self.shape and np.prod(array.shape[1:]) == np.prod(self.shape):
            pixels = whole_bytes(array)
            array = (array if pixels is None else pixels).reshape(-1, *self.shape)
        if array.shape[1:] != self.shape:
            raise DataError(
                f"{what} must have rows of the shape {_times(self.shape)}, as the run was trained on. Got "
                f"{array.dtype} of shape {array.shape}: give rows of that shape, in the same order of columns."
            )
        return normal_inputs(array, what)

    def pictures(self, pictures: Sequence[Picture]) -> "list[tuple[np.ndarray, str] | DataError]":
        """Return each picture as an input and what was done to it, or the error if it cannot be read.

        Args:
            pictures: at least one.

        Raises:
            DataError: if the network does not take pictures.
        """
        white = self._require_images(pictures[0].name)

        def one(picture: Picture) -> tuple[np.ndarray, str] | DataError:
            try:
                image, done = self._picture(picture)
                return self._in_range(image, white).reshape(self.shape), done
            except DataError as error:
                return error

        with pillow_in_threads():
            return map_parallel(pictures, one, "", quiet=True)

    def _as_images(self, array: np.ndarray, what: str) -> np.ndarray:
        """Return rows as 8-bit images, flat ones in the shape of the run's. Raises `DataError` for any others."""
        pixels = whole_bytes(array)
        if pixels is not None and pixels.ndim == 2 and pixels.shape[1] == np.prod(self.shape):
            pixels = pixels.reshape(-1, *self.shape)
        if pixels is None or not are_images(pixels):
            raise DataError(
                f"{what} must have images of whole numbers from 0 to 255, (n, h, w), grey or rgb, or flat rows of "
                f"{np.prod(self.shape)} such numbers: the run's own images got their size and colours as they were "
                f"read, and new ones get the same. Got {array.dtype} of shape {array.shape}. Give such images, or "
                "as_is if the rows are prepared already.",
                arguments=("as_is",),
            )
        return pixels

    @property
    def takes_pictures(self) -> bool:
        """Whether pictures become inputs: the network takes images, and how pixels become their numbers is known."""
        return self._has_images and self.white is not None

    @property
    def _has_images(self) -> bool:
        return len(self.shape) > 1 and self.shape[2:] in ((), (1,), (3,))

    def _require_images(self, name: str) -> int:
        """Return `white`. Raises `DataError` if the network does not take pictures, such as the one of this name."""
        if not self._has_images:
            raise DataError(
                f"{name} is a picture, with height and width, and the run was trained on rows of the shape "
                f"{_times(self.shape)}. Give a table or an array with such rows: .csv, .parquet, .npz, .npy."
            )
        if self.white is None:
            raise DataError(
                f"{name} is a picture, and the run was trained on numbers below 0 or above 255: how pixels become such "
                "numbers is not known. Scale them as before, and give them as an array: .npz or .npy."
            )
        return self.white

    @property
    def _is_grey(self) -> bool:
        return self.shape[2:] != (3,)

    def _picture(self, picture: Picture) -> tuple[np.ndarray, str]:
        """Return a picture, uint8 (h, w) or (h, w, 3) from 0 to 255, and what was done to it."""
        size = self.shape[0], self.shape[1]
        if self.as_is:
            image = decode_one(picture, None, lambda image: as_read(image, Reading(), self._is_grey))
            if image.shape[:2] != size:
                raise DataError(
                    f"{picture.name} has {_times(image.shape[:2])} pixels; expected {_times(size)}, since it goes in "
                    "unchanged. Give an image of that size, or leave as_is out.",
                    arguments=("as_is",),
                )
            return image, AS_IT_IS
        if self.reading.size is not None or not self._is_grey:
            reading = dataclasses.replace(self.reading, size=size)
            image, given = decode_one(
                picture, max(size), lambda image: (as_read(image, reading, self._is_grey), (image.height, image.width))
            )
            return image, AS_IT_IS if given == size else RESIZED
        image, given = decode_one(picture, max(_LARGEST_SIDE, *size), lambda image: _reduced(image, size))
        return self._drawing(image, given == size)

    def _drawing(self, image: Image.Image, is_native: bool) -> tuple[np.ndarray, str]:
        """Return a grey image as it is if it has the size of the run, else framed or resized; inverted if its
        background is of the other kind than those of the training images."""
        size = self.shape[0], self.shape[1]
        if self.framing is not None and self.framing.box is not None and not is_native:
            ink = find_ink(np.asarray(image))
            if ink is not None:
                return framed(ink, self.framing, size), FRAMED
        reading = dataclasses.replace(self.reading, size=size)
        pixels = as_read(image, reading, is_grey=True)
        is_light = None if self.framing is None else has_light_background(pixels)
        if self.framing is not None and is_light is not None and is_light != (self.framing.background == "light"):
            return 255 - pixels, INVERTED
        return pixels, AS_IT_IS if is_native else RESIZED

    def _in_range(self, image: np.ndarray, white: int) -> np.ndarray:
        """Return pixels from 0 to 255 as numbers of the training inputs' dtype and range."""
        if self.dtype != "uint8":
            return image.astype(np.float32) / np.float32(255 / white)
        if self.as_is or image.max() <= white:
            return image
        return np.rint(image * (white / 255)).astype(np.uint8)


def _reduced(image: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """Return an image in grey, much smaller if it is large, and its height and width before."""
    grey, side = image.convert("L"), max(_LARGEST_SIDE, *size)
    grey.thumbnail((side, side))
    return grey, (image.height, image.width)


def _times(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
