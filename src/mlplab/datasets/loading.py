"""Load a data set, from its name, a file or arrays."""

import copy
import dataclasses
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.datasets.alike import inputs_alike
from mlplab.datasets.arrays import plain_labels
from mlplab.datasets.classes import Classes, listed
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.idx import read_idx
from mlplab.datasets.images.thumbnails import Thumbnails
from mlplab.datasets.published.catalog import CATALOG, Arrays, Entry, find_entry
from mlplab.datasets.published.fetch import fetch_entry
from mlplab.datasets.readers import SUFFIXES
from mlplab.datasets.readers.rows import Rows, shown
from mlplab.datasets.reading import Reading, ReadingArguments, Source
from mlplab.datasets.sources import read_source
from mlplab.errors import DataError, UsageError, unknown_name

_OTHER_SCALE = 50
"""Inputs that are this many times larger than others are on another scale."""

ArrayPairs = tuple[Arrays, Arrays]
"""((x_train, y_train), (x_test, y_test)), as returned by `keras.datasets`."""


def load(
    source: str | os.PathLike[str] | tuple[tuple[ArrayLike, ArrayLike], tuple[ArrayLike, ArrayLike]] | Source | Data,
    *,
    class_names: Sequence[str] | Classes | None = None,
    quiet: bool = False,
    **reading: Unpack[ReadingArguments],
) -> Data:
    """Load a training and a test set, with class names and provenance.

    Of files and arrays, training and test inputs on other scales and test labels that no training row has are warned
    about; `mlplab.check_data` finds more.

    Args:
        source: the name of a data set ("fashion-mnist", "mnist", "kmnist", "emnist-balanced", "emnist-letters",
            "emnist-digits", "digits"); or the path of a folder with a folder of images for each class, or of an `.npz`
            file with the arrays x_train, y_train, x_test, y_test; or arrays, ((x_train, y_train), (x_test, y_test)); or
            `Data`, which is returned unchanged. Inputs are images (n, h, w) or (n, h, w, c), or features (n, d); tables
            of pandas are arrays too. Whole numbers from 0 to 255 become uint8, whatever their dtype and shape, all
            other inputs float32. Nothing is rescaled. Labels are one a row: whole numbers, texts or booleans, or
            one-hot.
        class_names: names of the classes of a file, a folder or of arrays, in the order of the labels; by default those
            in the file, or the labels that occur, sorted. Labels are then positions in `class_names`, or names.
        quiet: if True, fetching a named data set prints nothing on standard error, and reading shows no progress bar.
        reading: how a file or folder is read: size (height and width of all images: 28 or "48x32"), crop, colour
            ("grey" or "rgb"), invert, label (a column), group (a column, or a pattern of file names), thumbnails (a
            column), test (the fraction of rows to test on where the source has no test set), split_seed. See
            `datasets.reading.Reading`.

    Raises:
        UsageError: for any other `source`, an unknown name, or class names for a named data set.
        DataError: if the arrays are not a data set, or a file cannot be read.
        FetchError: if the named data set cannot be fetched.

    Example:
        data = mlplab.load("digits")
        print(data.train.images.shape, data.class_names)
    """
    data = load_for_check(source, class_names=class_names, quiet=quiet, **reading)
    if data is not source and (data.origin is not None or data.name not in CATALOG):
        warn_of_parts(data, stacklevel=3)
    return data


def load_for_check(
    source: Any,
    *,
    class_names: Sequence[str] | Classes | None = None,
    quiet: bool = False,
    **reading: Unpack[ReadingArguments],
) -> Data:
    """Load as `load` does, without its warnings: for callers that check the data, which finds the same and more."""
    is_named = isinstance(source, str) and not is_path(source)
    is_file = isinstance(source, Source) or (isinstance(source, str | os.PathLike) and not is_named)
    if reading and not is_file:
        names = ", ".join(reading)
        raise UsageError(f"{names}: only for files and folders, which a reading is for. Leave out.", arguments=reading)
    if isinstance(source, Data) or (isinstance(source, str) and is_named):
        if class_names is not None:
            raise UsageError("class_names is for files and arrays. A named data set has class names: leave it out.")
        return source if isinstance(source, Data) else _load_named(find_entry(source), quiet)
    if isinstance(source, str | os.PathLike):
        source = Source(Path(source), _reading(reading, class_names))
    if isinstance(source, Source):
        return _load_source(source, class_names, quiet)
    return _load_arrays(source, class_names)


def warn_of_parts(data: Data, stacklevel: int) -> None:
    """Warn of a part that seems to be scaled while the other is not, and of test labels that no training row has.

    `stacklevel`: as in `warnings.warn`: the caller that the warning is about.
    """
    ranges = [mapped.value_range(part.inputs) for part in (data.train, data.test)]
    small, large = sorted(max(-low, high) for low, high in ranges)
    if large > _OTHER_SCALE * small and large > 1:
        (low, high), (test_low, test_high) = ranges
        warnings.warn(
            f"The training inputs of {data.name} go from {low:g} to {high:g}, and its test inputs from {test_low:g} to "
            f"{test_high:g}: if only one part was scaled, scale both in the same way, or neither.",
            stacklevel=stacklevel,
        )
    trained, tested = (np.bincount(part.labels, minlength=len(data.class_names)) for part in (data.train, data.test))
    if unknown := [data.classes.labels[number] for number in np.flatnonzero((tested > 0) & (trained == 0))]:
        warnings.warn(
            f"No training row of {data.name} has the test labels {listed(unknown)}, so a network cannot learn them. "
            "Add such training rows, correct the labels, or remove these test rows.",
            stacklevel=stacklevel,
        )


def _reading(given: ReadingArguments, class_names: Sequence[str] | Classes | None) -> Reading:
    known = ReadingArguments.__annotations__
    if unknown := [name for name in given if name not in known]:
        raise UsageError(unknown_name("argument", unknown[0], known))
    names = None if class_names is None or isinstance(class_names, Classes) else tuple(map(str, class_names))
    return Reading.of(**given, class_names=names)


def load_data(name: str, *, quiet: bool = False) -> ArrayPairs:
    """Load a named data set in the form of `keras.datasets`: ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, h, w), not rescaled, and labels uint8 (n,), positions in the class names of `load`. The arrays
    are writable.

    Raises:
        UsageError: if there is no such data set.
        FetchError: if it cannot be fetched.

    Example:
        (x_train, y_train), (x_test, y_test) = mlplab.load_data("digits")
    """
    entry = find_entry(name)
    files = fetch_entry(entry, quiet=quiet)
    return _arrays(entry, {name: file.content for name, file in files.items()})


def is_path(source: str) -> bool:
    """Return whether `load` treats this text as a path (True) or as the name of a data set (False)."""
    return source not in CATALOG and (
        source.lower().endswith(SUFFIXES) or os.sep in source or "/" in source or os.path.exists(source)
    )


def _arrays(entry: Entry, contents: dict[str, memoryview]) -> ArrayPairs:
    if entry.bundled:
        return entry.bundled()
    x_train, y_train, x_test, y_test = (
        read_idx(contents[payload.file], ndim=ndim, name=payload.file)
        for payload, ndim in zip(entry.payloads, (3, 1, 3, 1), strict=True)
    )
    if entry.is_transposed:
        x_train, x_test = (np.ascontiguousarray(images.swapaxes(1, 2)) for images in (x_train, x_test))
    if entry.first_label:
        y_train, y_test = (labels - np.uint8(entry.first_label) for labels in (y_train, y_test))
    return (x_train, y_train), (x_test, y_test)


def _load_named(entry: Entry, quiet: bool) -> Data:
    files = fetch_entry(entry, quiet=quiet)
    contents = {name: file.content.toreadonly() for name, file in files.items()}  # the device then needs no copy
    parts = []
    payloads_of_parts = (entry.payloads[:2], entry.payloads[2:])
    for name, arrays, payloads in zip(("train", "test"), _arrays(entry, contents), payloads_of_parts, strict=True):
        origins = sorted({files[payload.file].origin for payload in payloads}) or ["scikit-learn"]
        hashes = {payload.file: files[payload.file].sha256 for payload in payloads}
        provenance = Provenance(entry.name, name, hashes, ", ".join(origins), entry.licence)
        parts.append(Dataset(*arrays, entry.class_names, provenance))
    return Data(entry.name, *parts)


def _load_source(source: Source, class_names: Sequence[str] | Classes | None, quiet: bool) -> Data:
    try:
        with decoded.kept_together(), decoding.quietly(quiet):
            contents = read_source(source, quiet=quiet)
            name = shown(source.path.stem if os.path.isfile(source.path) else source.path.resolve().name)
            names = class_names or contents.class_names
            data = _data(name, contents.train, contents.test, names, contents.sha256, str(source.path))
    except MemoryError as error:
        raise DataError(
            f"{shown(source.path)} does not fit in the memory of this machine. Give fewer rows or smaller images."
        ) from error
    return dataclasses.replace(data, origin=source)


def _load_arrays(source: Any, class_names: Sequence[str] | Classes | None) -> Data:
    try:
        (x_train, y_train), (x_test, y_test) = source
    except (TypeError, ValueError) as error:
        raise UsageError(
            "Expected a data set's name, the path of a file or folder, or ((x_train, y_train), (x_test, y_test))."
            f" Got {type(source).__name__}. Of one table, sklearn.model_selection.train_test_split makes both."
        ) from error
    x_train, y_train, x_test, y_test = map(_copy, (x_train, y_train, x_test, y_test))
    return _data("arrays", Rows(x_train, y_train), Rows(x_test, y_test), class_names, {}, "arrays")


def _copy(values: Any) -> Any:
    """Copy an array, so that a later change in place is not seen; a list becomes another array in any case."""
    return copy.deepcopy(values) if hasattr(values, "__array__") else values


def _data(
    name: str,
    train: Rows,
    test: Rows,
    class_names: Sequence[str] | Classes | None,
    sha256: dict[str, str],
    source: str,
) -> Data:
    inputs = inputs_alike(train, test, name)
    origins = [Provenance(name, split, sha256, source) for split in ("train", "test")]
    labels = [plain_labels(part.labels, str(origin)) for part, origin in zip((train, test), origins, strict=True)]
    classes = class_names if isinstance(class_names, Classes) else Classes.of(labels[0], labels[1], class_names, name)
    parts = [
        Dataset(
            *(x, classes.numbers(y, str(origin)), classes.names, origin, part.files, _texts(part.groups)),
            thumbnails=None if part.thumbnails is None else Thumbnails(part.thumbnails),
        )
        for x, y, origin, part in zip(inputs, labels, origins, (train, test), strict=True)
    ]
    return Data(name, parts[0], parts[1], labels=None if classes.are_numbered else classes.labels)


def _texts(values: Sequence[Any] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(map(str, values))
