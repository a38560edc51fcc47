"""Images without labels, of a file or an array, in the form of a data set's inputs."""

import gzip
import os
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from mlplab import npz
from mlplab.datasets.arrays import normal_inputs, whole_bytes
from mlplab.datasets.dataset import Dataset, Unlabelled
from mlplab.datasets.idx import read_content, read_header, read_idx
from mlplab.datasets.readers.files import opened
from mlplab.errors import DataError, brief

_NAMES = ("x", "x_train", "train_images")
_EXPECTED = (
    "Expected a file of images without labels: .npz with an array x or x_train or with a single array, .npy, or IDX, "
    "plain or gzipped"
)
_NPZ, _NPY, _GZIP, _IDX = b"PK", b"\x93NUMPY", b"\x1f\x8b", b"\0\0"
"""The bytes with which files begin."""
_OTHER_SCALE = 10
"""Images whose largest number is this many times another one are on another scale."""


def read_unlabelled(source: Any, train: Dataset) -> Unlabelled:
    """Read images without labels, and check that they are like those of a training set.

    Args:
        source: an array (n, …) of the shape of the training inputs; or the path of an .npz file with the array x,
            x_train or train_images, or with a single array; of an .npy file; or of an IDX file, plain or gzipped.
        train: the training set. If its inputs are uint8, whole numbers from 0 to 255 of any dtype become uint8; if
            they are float32, all numbers become float32. Nothing is rescaled.

    Raises:
        DataError: for a file that cannot be read, or has no images; for images of another size or number of channels,
            and for numbers of another kind or range.
    """
    if not isinstance(source, str | os.PathLike):
        return Unlabelled(_like(source, train, "unlabelled"))
    return Unlabelled(_like(_read(Path(source)), train, str(source)), str(Path(source).resolve()))


def check_images(path: Path) -> bytes:
    """Return the bytes with which a file begins. Raises `DataError` for a file of no kind that has images."""
    with opened(path) as file:
        start = file.read(len(_NPY))
    if not start.startswith((_NPZ, _NPY, _GZIP, _IDX)):
        raise DataError(f"{path} {f'begins with {start!r}' if start else 'is empty'}. {_EXPECTED}.")
    return start


def _read(path: Path) -> np.ndarray:
    start = check_images(path)
    try:
        with opened(path) as file:
            if start.startswith(_NPZ):
                return _of_npz(file, path)
            if start.startswith(_NPY):
                return npz.read_array(file, path.name)
            plain: Any = gzip.GzipFile(fileobj=file) if start.startswith(_GZIP) else file
            content = read_content(plain, read_header(plain))
        return read_idx(content, ndim=3, name=str(path))
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {brief(error)}. {_EXPECTED}.") from error


def _of_npz(file: IO[bytes], path: Path) -> np.ndarray:
    arrays = npz.read(file, names=_NAMES)
    name = next((name for name in _NAMES if name in arrays), None)
    if name is not None:
        return arrays[name]
    if len(arrays) != 1:
        raise DataError(f"{path} has the arrays {brief(', '.join(sorted(arrays))) or 'none'}. {_EXPECTED}.")
    (images,) = npz.read(file).values()
    return images


def _like(images: Any, train: Dataset, what: str) -> np.ndarray:
    """Return images in the form of the training inputs. Messages name them as `what`."""
    inputs, name = normal_inputs(images, what), train.provenance.name
    kind = "images" if train.has_images else "rows"
    shape, expected = ("×".join(map(str, array.shape[1:])) for array in (inputs, train.inputs))
    if shape != expected:
        raise DataError(
            f"{what} must hold {kind} of the size of those of {name}, {expected}. Got {shape}. Give them that size and "
            "number of channels."
        )
    low, high = float(inputs.min()), float(inputs.max())
    if train.inputs.dtype == np.uint8:
        whole = whole_bytes(inputs)
        if whole is None:
            raise DataError(
                f"{what} must hold whole numbers from 0 to 255, as {name} does. Got {inputs.dtype} from {low:g} to "
                f"{high:g}. Give them as they were before they were scaled."
            )
        inputs = whole
    _require_range((low, high), (float(train.inputs.min()), float(train.inputs.max())), what, name)
    inputs = inputs.astype(train.inputs.dtype, copy=False)
    inputs.flags.writeable = False
    return inputs


def _require_range(given: tuple[float, float], trained: tuple[float, float], what: str, name: str) -> None:
    """Raise `DataError` for numbers that seem to be scaled in another way than the training inputs."""
    small, large = sorted(max(-low, high) for low, high in (given, trained))
    if large > _OTHER_SCALE * small or given[0] < 0 <= trained[0]:
        raise DataError(
            f"{what} must hold numbers in the range of those of {name}, from {trained[0]:g} to {trained[1]:g}. Got "
            f"numbers from {given[0]:g} to {given[1]:g}. Scale them in the same way."
        )
