"""Load a data set, from its name, a file or arrays."""

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from mlplab.datasets.arrays import check_ranges, inputs_alike, plain_labels
from mlplab.datasets.catalog import CATALOG, Arrays, Entry, find_entry
from mlplab.datasets.classes import Classes
from mlplab.datasets.dataset import Data, Dataset, Provenance
from mlplab.datasets.fetch import Fetched, fetch_entry
from mlplab.datasets.idx import read_idx
from mlplab.datasets.npz import check_suffix, read_npz
from mlplab.errors import UsageError

ArrayPairs = tuple[Arrays, Arrays]
"""((x_train, y_train), (x_test, y_test)), as returned by `keras.datasets`."""


def load(
    source: str | os.PathLike[str] | tuple[tuple[ArrayLike, ArrayLike], tuple[ArrayLike, ArrayLike]] | Data,
    *,
    class_names: Sequence[str] | Classes | None = None,
    quiet: bool = False,
) -> Data:
    """Load a training and a test set, with class names and provenance.

    Args:
        source: the name of a data set ("fashion-mnist", "mnist", "digits"); or the path of an `.npz` file with the
            arrays x_train, y_train, x_test, y_test; or arrays, ((x_train, y_train), (x_test, y_test)); or `Data`,
            which is returned unchanged. Inputs are images (n, h, w) or (n, h, w, c), or features (n, d); tables of
            pandas are arrays too. Whole numbers from 0 to 255 become uint8, whatever their dtype and shape, all other
            inputs float32. Nothing is rescaled. Labels are one a row: whole numbers, texts or booleans, or one-hot.
        class_names: names of the classes of a file or of arrays, in the order of the labels; by default those in the
            file, or the labels that occur, sorted. Labels are then positions in `class_names`, or names.
        quiet: if True, fetching a named data set prints nothing on standard error.

    Raises:
        UsageError: for any other `source`, an unknown name, or class names for a named data set.
        DataError: if the arrays are not a data set.
        FetchError: if the named data set cannot be fetched.

    Example:
        data = mlplab.load("digits")
        print(data.train.images.shape, data.class_names)
    """
    if isinstance(source, Data) or (isinstance(source, str) and not is_path(source)):
        if class_names is not None:
            raise UsageError("class_names is for files and arrays. A named data set has class names: leave it out.")
        return source if isinstance(source, Data) else _load_named(find_entry(source), quiet)
    if isinstance(source, str | os.PathLike):
        return _load_npz(Path(source), class_names)
    return _load_arrays(source, class_names)


def load_data(name: str, *, quiet: bool = False) -> ArrayPairs:
    """Load a named data set in the form of `keras.datasets`: ((x_train, y_train), (x_test, y_test)).

    Images are uint8 (n, h, w), not rescaled, and labels uint8 (n,). The arrays are writable.

    Raises:
        UsageError: if there is no such data set.
        FetchError: if it cannot be fetched.

    Example:
        (x_train, y_train), (x_test, y_test) = mlplab.load_data("digits")
    """
    entry = find_entry(name)
    return _arrays(entry, fetch_entry(entry, quiet=quiet))


def is_path(source: str) -> bool:
    """Return whether `load` treats this text as a path (True) or as the name of a data set (False)."""
    return source not in CATALOG and (
        source.endswith(".npz") or os.sep in source or "/" in source or os.path.exists(source)
    )


def _arrays(entry: Entry, files: dict[str, Fetched]) -> ArrayPairs:
    if entry.bundled:
        return entry.bundled()
    x_train, y_train, x_test, y_test = (
        read_idx(files[payload.file].content, ndim=ndim, name=payload.file)
        for payload, ndim in zip(entry.payloads, (3, 1, 3, 1), strict=True)
    )
    return (x_train, y_train), (x_test, y_test)


def _load_named(entry: Entry, quiet: bool) -> Data:
    files = fetch_entry(entry, quiet=quiet)
    parts = []
    payloads_of_parts = (entry.payloads[:2], entry.payloads[2:])
    for name, arrays, payloads in zip(("train", "test"), _arrays(entry, files), payloads_of_parts, strict=True):
        origins = sorted({files[payload.file].origin for payload in payloads}) or ["scikit-learn"]
        hashes = {payload.file: payload.sha256 for payload in payloads}
        provenance = Provenance(entry.name, name, hashes, ", ".join(origins), entry.licence)
        parts.append(Dataset(*arrays, entry.class_names, provenance))
    return Data(entry.name, *parts)


def _load_npz(path: Path, class_names: Sequence[str] | Classes | None) -> Data:
    check_suffix(path)
    train, test, names, sha256 = read_npz(path)
    return _data(path.stem, train, test, class_names or names, {path.name: sha256}, str(path))


def _load_arrays(source: Any, class_names: Sequence[str] | Classes | None) -> Data:
    try:
        (x_train, y_train), (x_test, y_test) = source
    except (TypeError, ValueError) as error:
        raise UsageError(
            "Expected a data set's name, the path of an .npz file, or ((x_train, y_train), (x_test, y_test))."
            f" Got {type(source).__name__}. Of one table, sklearn.model_selection.train_test_split makes both."
        ) from error
    x_train, y_train, x_test, y_test = map(_copy, (x_train, y_train, x_test, y_test))
    return _data("arrays", (x_train, y_train), (x_test, y_test), class_names, {}, "arrays")


def _copy(values: Any) -> Any:
    """Copy an array, so that a later change in place is not seen; a list becomes another array in any case."""
    return copy.deepcopy(values) if hasattr(values, "__array__") else values


def _data(
    name: str,
    train: Arrays,
    test: Arrays,
    class_names: Sequence[str] | Classes | None,
    sha256: dict[str, str],
    source: str,
) -> Data:
    inputs = inputs_alike(train[0], test[0], name)
    origins = [Provenance(name, split, sha256, source) for split in ("train", "test")]
    labels = [plain_labels(part[1], str(origin)) for part, origin in zip((train, test), origins, strict=True)]
    classes = class_names if isinstance(class_names, Classes) else Classes.of(labels[0], labels[1], class_names, name)
    parts = [
        Dataset(x, classes.numbers(y, str(origin)), classes.names, origin)
        for x, y, origin in zip(inputs, labels, origins, strict=True)
    ]
    data = Data(name, parts[0], parts[1], labels=None if classes.are_numbered else classes.labels)
    check_ranges(data.train.inputs, data.test.inputs, name)
    return data
