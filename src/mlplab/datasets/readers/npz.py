"""NPZ files: Keras's `mnist.npz`, MedMNIST's, and arrays under names that a person gives."""

import dataclasses
import functools
import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from mlplab import npz
from mlplab.datasets import decoded, decoding
from mlplab.datasets.arrays import plain_texts, require_8_bits
from mlplab.datasets.readers.files import sha256_of
from mlplab.datasets.readers.rows import Found, Rows, in_parts, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import Advice, DataError, UsageError, brief

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
_LABELS = {labels for parts in _PARTS for _, labels in parts.values()}
_CLASSES, _THUMBNAILS = "class_names", "thumbnails"
_PART_NAMES = {"train": "train", "validation": "val", "test": "test"}
_WRITTEN_BY = "np.savez_compressed('data.npz', x_train=…, y_train=…, x_test=…, y_test=…)"
_VERSION = 1
"""Part of every cache key; raise it when files are decoded differently."""


def read_npz(path: Path, reading: Reading) -> Found:
    """Return the arrays of a file.

    They are called x_train, y_train, x_test, y_test, or train_images, train_labels, val_images, val_labels,
    test_images, test_labels, of which those for testing and validation may be missing; or x and y, images and labels,
    data and target. If `reading.label` names the labels, the inputs are the only other array with as many rows. An
    array `class_names` has the names of classes. An array `thumbnails`, or thumbnails_train, thumbnails_val and
    thumbnails_test, or those that `reading.thumbnails` names, have pictures of the rows.

    Raises:
        DataError: if the file is missing, damaged or has other arrays. Pickled objects are not loaded.
        UsageError: if it has no array with the name of `reading.label` or `reading.thumbnails`.
    """
    sha256 = sha256_of(path)
    thumbnails, *thumbnails_of_parts = _names_of_thumbnails(reading)
    usual = {*_NAMES, _CLASSES, *filter(None, [reading.group]), thumbnails, *thumbnails_of_parts}
    arrays = _arrays(path, sha256, None if reading.label else usual, reading)
    groups = arrays.pop(reading.group) if reading.group in arrays else None
    names = arrays.pop(_CLASSES, None)
    pictures = {name: arrays.pop(name) for name in (thumbnails, *thumbnails_of_parts) if name in arrays}
    if reading.thumbnails and not pictures:
        raise UsageError(f"{shown(path)} has no array {reading.thumbnails!r}. Got {_listed(arrays)}.")
    parts = _told(arrays, reading.label, path) if reading.label else _known(arrays, path)
    whole = pictures.get(thumbnails) if len(parts) == 1 else None
    rows = {
        part: _rows(
            Rows(x, y, content=decoded.key(sha256, part, reading.label)),
            groups,
            pictures.get(f"{thumbnails}_{_PART_NAMES[part]}", whole),
            path,
        )
        for part, (x, y) in parts.items()
    }
    train, test = in_parts(rows, path)
    if names is not None:
        names = tuple(map(str, plain_texts(names.reshape(-1), f"The class names of {shown(path)}").tolist()))
    return Found(train, test, {shown(path.name): sha256}, names)


def _rows(rows: Rows, groups: np.ndarray | None, thumbnails: np.ndarray | None, path: Path) -> Rows:
    """Return the rows of a part with groups and thumbnails. Raises `DataError` where there is not one for each row."""
    x, y = np.shape(rows.inputs), np.shape(rows.labels)
    if not x or not (y or rows.labels is None):
        raise DataError(f"{shown(path)} must have inputs (n, …) and labels (n,). Got the shapes {x} and {y}.")
    if thumbnails is not None and not thumbnails.ndim:
        raise DataError(f"{shown(path)} must have one thumbnail for each of its {y[0]:,} rows. Got a number.")
    if groups is not None and groups.shape != y[:1]:
        raise DataError(
            f"{shown(path)} must have one group for each of its {y[0]:,} rows. Got an array of shape {groups.shape}."
        )
    return dataclasses.replace(rows, groups=None if groups is None else groups.tolist(), thumbnails=thumbnails)


def _decode(
    name: str, member: IO[bytes], header: npz.Header, path: Path, sha256: str, thumbnails: Collection[str]
) -> np.ndarray:
    """Return an array of a file with this hash that is too large for memory.

    Floats stay floats here: whether they become uint8 depends on the other part too, see `inputs_alike`. Images that
    are not thumbnails are refused beyond 8 bits, which they would not show any more as floats.
    """
    rows = header.shape[0]
    blocks = decoding.blocks_of(member, header.dtype, header.shape)
    are_whole = header.dtype.kind in "iub"
    if are_whole and len(header.shape) > 2 and name not in thumbnails:
        blocks = _of_8_bits(blocks, f"{shown(path.name)} {shown(name)}")
    options = {"expected": math.prod(header.shape) * (1 if are_whole else 4), "narrow": are_whole}
    key = decoded.key("npz", _VERSION, sha256, name)
    return decoding.stored(key, blocks, rows, "unpacking", **options)


def _of_8_bits(blocks: Iterator[np.ndarray], what: str) -> Iterator[np.ndarray]:
    """Yield blocks of images. Raises `DataError` behind the last one if their numbers are not from 0 to 255."""
    low, high = math.inf, -math.inf
    for block in blocks:
        low, high = min(low, int(block.min())), max(high, int(block.max()))
        if low >= 0 and high <= 255:
            yield block
    require_8_bits(low, high, what)


def arrays_to_predict(path: Path, reading: Reading) -> Rows:
    """Return the inputs of a file that a network is to predict, with their labels if it has them.

    The arrays are those for testing, else for validation, else for training, by the names that `read_npz` knows, or the
    inputs beside the labels that `reading.label` names, or the only array that is not beside inputs.

    Raises:
        DataError: as `read_npz` does, and if it cannot be seen which array has the inputs.
    """
    sha256 = sha256_of(path)
    arrays = _arrays(path, sha256, {*_NAMES, *filter(None, [reading.label])}, reading)
    beside = {_CLASSES, reading.group, *_names_of_thumbnails(reading)}
    arrays = {name: array for name, array in arrays.items() if name not in beside}
    if reading.label is not None and reading.label in arrays:
        read = _arrays(path, sha256, arrays, reading)
        inputs, labels = _told({name: read[name] for name in arrays}, reading.label, path)["train"]
        return _rows(Rows(inputs, labels, content=decoded.key(sha256, "train", reading.label)), None, None, path)
    for parts in _PARTS:
        for part in ("test", "validation", "train"):
            x, y = parts.get(part, ("", ""))
            if x in arrays:
                return _rows(Rows(arrays[x], arrays.get(y), content=decoded.key(sha256, x)), None, None, path)
    if len(arrays) != 1:
        raise DataError(
            f"{shown(path)} must hold an array x_test, x, images or data, or a single array. Got {_listed(arrays)}."
        )
    (name,) = arrays
    inputs = _arrays(path, sha256, arrays, reading)[name]
    return _rows(Rows(inputs, None, content=decoded.key(sha256, name)), None, None, path)


def _arrays(path: Path, sha256: str, names: Collection[str] | None, reading: Reading) -> dict[str, np.ndarray]:
    """Read the arrays of a file with this hash, see `npz.read`; large inputs are mapped, or decoded into the cache.

    Raises:
        DataError: if the file is damaged or holds objects.
    """
    in_memory = {*([reading.label] if reading.label else _LABELS), *filter(None, [reading.group]), _CLASSES}
    decode = functools.partial(_decode, path=path, sha256=sha256, thumbnails=_names_of_thumbnails(reading))
    try:
        return npz.read(path, names, decode, in_memory)
    except DataError:
        raise
    except (OSError, ValueError) as error:
        raise DataError(
            f"{shown(path)} is not a readable NPZ file of plain arrays ({brief(error)}). Copy it again, or write it by "
            f"{_WRITTEN_BY}."
        ) from error


def _names_of_thumbnails(reading: Reading) -> list[str]:
    """Return the names of arrays with thumbnails: of all rows, and of those of each part."""
    name = reading.thumbnails or _THUMBNAILS
    return [name, *(f"{name}_{part}" for part in _PART_NAMES.values())]


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
            f"{_listed(fitting)}. Write it by {_WRITTEN_BY}."
        )
    return {"train": (arrays[fitting[0]], labels)}


def _listed(names: Sequence[str] | Mapping[str, np.ndarray]) -> str:
    return brief(", ".join(sorted(names))) or "none"
