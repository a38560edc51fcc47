"""The images of a run as a page needs them: how new ones are prepared, and some test images to choose from."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets.images.framing import INK
from mlplab.datasets.preparation import Preparation
from mlplab.errors import ModelError
from mlplab.exports.checking import Checked, rows_in_batch
from mlplab.runs import Run
from mlplab.runs.preparation import preparation_of

_MOST_SHOWN, _FEWEST_SHOWN, _BYTES_SHOWN = 40, 12, 2**17
"""Test images on a page: at most, at least, and what they should take before compression."""
_THICK = 0.3
"""Part of an image's pixels that differ from the background: above it, shapes are filled, below it, lines are drawn."""


@dataclass(frozen=True, eq=False)
class Images:
    """What a page has to know about the images of a run.

    Attributes:
        preparation: how new ones become inputs.
        white: the number that a white pixel has in the training images.
        blank: an empty image: one number, or one for each channel.
        shown: positions of test rows that a person can choose; none without the data set.
        characters: whether each class is named by one character, such as a digit.
        thick: whether shapes are filled rather than drawn with lines.
    """

    preparation: Preparation
    white: int
    blank: tuple[float, ...]
    shown: np.ndarray
    characters: bool
    thick: bool

    @property
    def are_grey(self) -> bool:
        return self.preparation.shape[2:] != (3,)

    @property
    def are_bytes(self) -> bool:
        return self.preparation.dtype == "uint8"

    @property
    def background(self) -> str | None:
        """The kind of background that the training images have, "dark" or "light"; None if it is not plain."""
        return None if self.preparation.framing is None else self.preparation.framing.background

    def raw(self, inputs: np.ndarray) -> bytes:
        """Return images (n, …) as the bytes that the page reads."""
        return np.ascontiguousarray(inputs, np.uint8 if self.are_bytes else "<f4").tobytes()

    def for_script(self) -> dict[str, Any]:
        """Return how images are prepared, for preparation.js."""
        reading, framing = self.preparation.reading, self.preparation.framing
        return {
            "height": self.preparation.shape[0],
            "width": self.preparation.shape[1],
            "channels": 1 if self.are_grey else 3,
            "white": self.white,
            "whole": self.are_bytes,
            "low": 0,
            "high": self.white,
            "framing": None if framing is None else framing.to_json(),
            "reading": {"size": reading.size is not None, "crop": reading.crop, "invert": reading.invert},
        }


def images_of(run: Run, rows: Checked) -> Images:
    """Return what a page has to know about the images of a run.

    Raises:
        ModelError: if it was not trained on images whose range of numbers is known.
    """
    shape = run.config.input_shape
    if len(shape) < 2 or shape[2:] not in ((), (1,), (3,)):
        dtype = (run.config.input_range or {"dtype": rows.inputs.dtype.name})["dtype"]
        others = "onnx, keras, safetensors or c" if dtype == "uint8" else "onnx, keras or safetensors"
        raise ModelError(
            f"A page is for networks of images: a person draws one, or drops one on it. {run.path.name} was trained on "
            f"rows of {' × '.join(map(str, shape))} numbers. Export it as {others}."
        )
    preparation = preparation_of(run)
    if preparation.white is None:
        raise ModelError(
            "A page turns pixels from 0 to 255 into the numbers that the network takes. "
            f"{run.path.name} was trained on images with numbers below 0 or above 255, and how these come from pixels "
            "is not known. Export it as onnx, keras or safetensors."
        )
    background = None if preparation.framing is None else preparation.framing.background
    white = preparation.white
    if background is not None:
        blank: tuple[float, ...] = (float(white if background == "light" else 0),)
    else:
        sample = np.asarray(rows.inputs[: rows_in_batch(rows.inputs)], np.float64)
        blank = tuple(sample.mean((0, 1, 2) if shape[2:] == (3,) else None).reshape(-1).tolist())
    return Images(
        preparation=preparation,
        white=white,
        blank=blank,
        shown=_chosen(rows, math.prod(shape) * (1 if preparation.dtype == "uint8" else 4)),
        characters=all(len(name) == 1 for name in run.class_names),
        thick=background is not None and _share_of_ink(rows.inputs, blank[0], white) > _THICK,
    )


def _share_of_ink(inputs: np.ndarray, blank: float, white: int) -> float:
    sample = np.asarray(inputs[: rows_in_batch(inputs)], np.float32)
    return float((np.abs(sample - blank) > INK * white).mean())


def _chosen(rows: Checked, bytes_each: int) -> np.ndarray:
    """Return positions of test rows, as many of each class, evenly spaced, classes in turn."""
    if rows.labels is None:
        return np.zeros(0, np.int64)
    most = min(_MOST_SHOWN, max(_FEWEST_SHOWN, _BYTES_SHOWN // bytes_each))
    known = np.unique(rows.labels)
    each = max(1, most // len(known))
    chosen = []
    for label in known:
        of_class = np.flatnonzero(rows.labels == label)
        places = np.linspace(0, len(of_class) - 1, min(each, len(of_class))).astype(int)
        chosen.append(of_class[places])
    turns = [column[turn] for turn in range(each) for column in chosen if turn < len(column)]
    return np.array(turns[:most], np.int64)
