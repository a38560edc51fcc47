"""A name, a file or arrays → `Data`."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets.catalog import Arrays, Entry, IdxSplit, find_entry
from mlplab.datasets.classes import numbered_classes
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.fetch import Fetched, fetch_entry
from mlplab.datasets.idx import read_idx
from mlplab.datasets.npz import read_npz
from mlplab.errors import UsageError

ArrayPairs = tuple[Arrays, Arrays]
"""((x_train, y_train), (x_test, y_test)), as `keras.datasets` gives them."""


def load(
    source: str | os.PathLike[str] | tuple[tuple[ArrayLike, ArrayLike], tuple[ArrayLike, ArrayLike]] | Data,
    *,
    class_names: tuple[str, ...] | None = None,
    quiet: bool = False,
) -> Data:
    """A training and a test set, with class names and provenance.

    Args:
        source: the name of a data set ("fashion-mnist", "mnist", "digits"); or the path of an `.npz` file
            with the arrays x_train, y_train, x_test, y_test; or such arrays, ((x_train, y_train),
            (x_test, y_test)); or `Data`, which is returned as it is. Inputs are images (n, h, w) or
            (n, h, w, c), or features (n, d): images of whole numbers become uint8, all else float32, and
            nothing is rescaled. Labels are integers from 0.
        class_names: for a file or arrays, the classes' names in the order of the labels; by default those
            of the file, or "0", "1", ….
        quiet: if True, nothing is said on standard error where a named data set must be fetched.

    Raises:
        UsageError: if `source` is none of these, or an unknown name, or brings its own class names.
        DataError: if the arrays are no data set.
        FetchError: if no source has the named data set.
    """
    if isinstance(source, Data):
        _refuse_class_names(class_names)
        return source
    if isinstance(source, str) and not is_path(source):
        _refuse_class_names(class_names)
        return _load_named(find_entry(source), quiet)
    if isinstance(source, str | os.PathLike):
        return _load_npz(Path(source), class_names)
    return _pack("arrays", *_pairs(source), class_names=class_names)


def load_data(name: str, *, quiet: bool = False) -> ArrayPairs:
    """A named data set as `keras.datasets` gives it: ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, h, w), not rescaled, and labels uint8 (n,). The arrays are the caller's own, to write
    into.

    Raises:
        UsageError: if there is no such data set.
        FetchError: if no source has it.
    """
    return _arrays(find_entry(name), fetch_entry(find_entry(name), quiet=quiet))


def _refuse_class_names(class_names: object) -> None:
    if class_names is not None:
        raise UsageError("class_names is for files and arrays. A named data set has its own: leave it out.")


def is_path(source: str) -> bool:
    """Whether `load` takes this for a file's path, and not for a name."""
    return source.endswith(".npz") or os.sep in source or "/" in source


def _arrays(entry: Entry, files: dict[str, Fetched]) -> ArrayPairs:
    if entry.bundled:
        return entry.bundled()
    assert entry.train is not None
    assert entry.test is not None
    return _read_split(entry.train, files), _read_split(entry.test, files)


def _read_split(split: IdxSplit, files: dict[str, Fetched]) -> Arrays:
    images = read_idx(files[split.images.file].content, ndim=3, dtype=np.uint8, name=split.images.file)
    labels = read_idx(files[split.labels.file].content, ndim=1, dtype=np.uint8, name=split.labels.file)
    return images, labels


def _load_named(entry: Entry, quiet: bool) -> Data:
    files = fetch_entry(entry, quiet=quiet)
    train, test = _arrays(entry, files)
    parts = []
    for name, arrays, split in (("train", train, entry.train), ("test", test, entry.test)):
        payloads = (split.images, split.labels) if split else ()
        origins = sorted({files[payload.file].origin for payload in payloads}) or ["scikit-learn"]
        provenance = Provenance(
            entry.name,
            name,
            {payload.file: payload.sha256 for payload in payloads},
            ", ".join(origins),
            entry.licence,
        )
        parts.append(Dataset(*arrays, entry.class_names, provenance))
    return Data(entry.name, *parts)


def _load_npz(path: Path, class_names: tuple[str, ...] | None) -> Data:
    if path.suffix != ".npz":
        raise UsageError(f"A data set's file must be an .npz. Got {str(path)!r}.")
    content = read_npz(path)
    return _pack(
        path.stem,
        content.train,
        content.test,
        class_names=class_names or content.class_names,
        sha256={path.name: content.sha256},
        source=str(path),
    )


def _pairs(source: Any) -> ArrayPairs:
    """The two pairs, or UsageError."""
    try:
        (x_train, y_train), (x_test, y_test) = source
    except (TypeError, ValueError) as error:
        raise UsageError(
            "Expected a data set's name, the path of an .npz file, or ((x_train, y_train), (x_test, y_test))."
            f" Got {type(source).__name__}."
        ) from error
    return (x_train, y_train), (x_test, y_test)


def _pack(
    name: str,
    train: Arrays,
    test: Arrays,
    *,
    class_names: tuple[str, ...] | None,
    sha256: dict[str, str] | None = None,
    source: str = "arrays",
) -> Data:
    names = class_names or numbered_classes(train[1], test[1])
    parts = (
        Dataset(*arrays, names, Provenance(name, split, sha256 or {}, source))
        for split, arrays in (("train", train), ("test", test))
    )
    return Data(name, *parts)
