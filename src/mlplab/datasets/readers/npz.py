"""NPZ files: Keras's `mnist.npz`, MedMNIST's, and arrays under names that a person gives."""

import hashlib
import io
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.datasets.readers.files import read_file
from mlplab.datasets.readers.rows import Found, Rows, in_parts, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError, UsageError

_PARTS = (
    {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")},
    {
        "train": ("train_images", "train_labels"),
        "validation": ("val_images", "val_labels"),
        "test": ("test_images", "test_labels"),
    },
    *({"train": pair} for pair in (("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"))),
)
"""Names of inputs and labels of each part, in the order in which they are looked for."""
_NAMES = {name for parts in _PARTS for pair in parts.values() for name in pair}
_CLASSES = "class_names"
_WRITTEN_BY = "np.savez_compressed('data.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
_LARGEST = 2**40


def read_npz(path: Path, reading: Reading) -> Found:
    """Return the arrays of a file.

    They are called x_train, y_train, x_test, y_test, or train_images, train_labels, val_images, val_labels,
    test_images, test_labels, of which those for testing and validation may be missing; or x and y, images and labels,
    data and target. If `reading.label` names the labels, the inputs are the only other array with as many rows. An
    array `class_names` has the names of classes.

    Raises:
        DataError: if the file is missing, damaged or has other arrays. Pickled objects are not loaded.
        UsageError: if it has no array with the name of `reading.label`.
    """
    content = read_file(path, _LARGEST)
    told = [name for name in (reading.label, reading.group) if name is not None]
    arrays = _arrays(path, content, None if reading.label else {*_NAMES, _CLASSES, *told})
    groups = arrays.pop(reading.group).tolist() if reading.group in arrays else None
    names = arrays.pop(_CLASSES, None)
    parts = _told(arrays, reading.label, path) if reading.label else _known(arrays, path)
    train, test = in_parts({part: Rows(x, y, groups=groups) for part, (x, y) in parts.items()}, path)
    sha256 = {shown(path.name): hashlib.sha256(content).hexdigest()}
    return Found(train, test, sha256, None if names is None else tuple(map(str, names.reshape(-1))))


def arrays_to_predict(path: Path, reading: Reading) -> Rows:
    """Return the inputs of a file that a network is to predict, with their labels if it has them.

    The arrays are those for testing, else for validation, else for training, by the names that `read_npz` knows, or the
    inputs beside the labels that `reading.label` names, or the only array with several axes.

    Raises:
        DataError: as `read_npz` does, and if it cannot be seen which array has the inputs.
    """
    content = read_file(path, _LARGEST)
    arrays = _arrays(path, content, {*_NAMES, *filter(None, [reading.label])})
    if reading.label is not None and reading.label in arrays:
        inputs, labels = _told(_arrays(path, content, None), reading.label, path)["train"]
        return Rows(inputs, labels)
    for parts in _PARTS:
        for part in ("test", "validation", "train"):
            x, y = parts.get(part, ("", ""))
            if x in arrays:
                return Rows(arrays[x], arrays.get(y))
    if len(arrays) != 1:
        raise DataError(
            f"{shown(path)} must hold an array x_test, x, images or data, or a single array. Got {_listed(arrays)}."
        )
    (inputs,) = _arrays(path, content, None).values()
    return Rows(inputs, None)


def _arrays(path: Path, content: bytes, names: Collection[str] | None) -> dict[str, np.ndarray]:
    """Read the arrays of a file, see `npz.read`. Raises `DataError` if it is damaged or holds objects."""
    try:
        return npz.read(io.BytesIO(content), names)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)} is not a readable NPZ file of plain arrays ({error}). Copy it again, or write it by "
            f"{_WRITTEN_BY}."
        ) from error


def _known(arrays: Mapping[str, np.ndarray], path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return inputs and labels of each part by the names that are usual."""
    for parts in _PARTS:
        if set(parts["train"]) <= set(arrays):
            for x, y in parts.values():
                if x in arrays and y not in arrays:
                    warnings.warn(f"{shown(path)} has {x} without labels {y}: {x} is not used.", stacklevel=2)
            return {part: (arrays[x], arrays[y]) for part, (x, y) in parts.items() if x in arrays and y in arrays}
    label = Advice("label=NAME", "--label NAME")
    raise DataError(
        f"{shown(path)} must hold the arrays x_train, y_train, x_test, y_test. Got {_listed(arrays)}. Write it by "
        f"{_WRITTEN_BY}, or say which array has the labels: {label}.",
        advice=[label],
    )


def _told(arrays: Mapping[str, np.ndarray], label: str, path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the array of labels that a person named, and the inputs that belong to it."""
    if label not in arrays:
        raise UsageError(f"{shown(path)} has no array {label!r}. Got {_listed(arrays)}.")
    labels = arrays[label]
    fitting = [name for name, array in arrays.items() if array.ndim > 1 and len(array) == len(labels) and name != label]
    if labels.ndim == 0 or len(fitting) != 1:
        raise DataError(
            f"{shown(path)} must have one array of inputs (n, …) with as many rows as {label!r}, {labels.shape}. Got "
            f"{', '.join(fitting) or 'none'}. Write it by {_WRITTEN_BY}."
        )
    return {"train": (arrays[fitting[0]], labels)}


def _listed(names: Sequence[str] | Mapping[str, np.ndarray]) -> str:
    return ", ".join(sorted(names)) or "none"
