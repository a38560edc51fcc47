"""A file or a folder → arrays of a training and a test set: read, decoded, split."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import decoded
from mlplab.datasets.arrays import plain_labels, require_inputs
from mlplab.datasets.images.pictures import prepare_arrays, read_pictures
from mlplab.datasets.readers import reader_of
from mlplab.datasets.readers.rows import Rows, shown
from mlplab.datasets.reading import Reading, Source
from mlplab.datasets.splitting import by_group, groups_of, require_apart, stratified
from mlplab.errors import DataError, UsageError

READING = "(how it is read)"
"""The name, among the hashes of files, of the hash of a reading."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The content of a source, in the form of arrays.

    Attributes:
        train, test: with arrays as inputs.
        class_names: for the positions that the labels are, if the source has them.
        sha256: of each file that was read; of a folder of images one for all names and contents; and of the reading, if
            it is not the default.
    """

    train: Rows
    test: Rows
    class_names: tuple[str, ...] | None
    sha256: dict[str, str]


def read_source(source: Source, *, quiet: bool) -> Contents:
    """Read a file or folder, decode its images, and split it where it has one part only.

    Rows keep the order of the source, in both parts.

    Raises:
        UsageError: for a source that cannot be read in this way.
        DataError: for damaged or contradictory data.
    """
    path, reading = source.path, source.reading
    found = reader_of(path)(path, reading)
    sha256 = dict(found.sha256)
    parts = [part for part in (found.train, found.test) if part is not None]
    if not all(len(part) for part in parts):
        raise DataError(f"{shown(path)} has no rows{' in one of its parts' if len(parts) > 1 else ''}: add some.")
    inputs = _inputs(parts, source, sha256, quiet)
    names = [shown(path.name)] if len(parts) == 1 else [f"{shown(path.name)} {part}" for part in ("train", "test")]
    parts = [
        Rows(
            array,
            _checked_labels(part, array, name),
            part.files,
            _groups(part, source),
            _thumbnails(part, array, source),
            content,
        )
        for part, (array, content), name in zip(parts, inputs, names, strict=True)
    ]
    if len(parts) == 2 and parts[0].groups is not None and parts[1].groups is not None:
        require_apart(parts[0].groups, parts[1].groups, shown(path))
    train, test = parts if len(parts) == 2 else _split(parts[0], reading, shown(path))
    if how := reading.sha256():
        sha256[READING] = how
    return Contents(train, test, reading.class_names or found.class_names, sha256)


def _checked_labels(rows: Rows, inputs: np.ndarray, what: str) -> np.ndarray:
    """Return the labels of a part in plain form.

    All rows are checked here, where they have the numbers that they have in the file.
    """
    require_inputs(inputs, what)
    labels = plain_labels(rows.labels, what)
    if len(inputs) != len(labels):
        raise DataError(f"{what} has {len(inputs):,} inputs, and {len(labels):,} labels: expected a label for each.")
    return labels


def _inputs(
    parts: Sequence[Rows], source: Source, sha256: dict[str, str], quiet: bool
) -> list[tuple[np.ndarray, str | None]]:
    """Return the inputs of each part as an array, and what identifies it if it is large.

    Pictures are decoded, and their hash is added to the others.
    """
    path, reading = source.path, source.reading
    if not isinstance(parts[0].inputs, list):
        return [prepare_arrays(part.inputs, reading, shown(path), part.content) for part in parts]
    pictures = [picture for part in parts for picture in part.inputs]
    images, name, digests = read_pictures(pictures, reading, quiet=quiet)
    if all(part.files is not None for part in parts):
        names = [name for part in parts for name in part.files or ()]
        listed = "".join(f"{digest}  {name}\n" for digest, name in zip(digests, names, strict=True))
        sha256[shown(path.name) if path.is_dir() else "images"] = hashlib.sha256(listed.encode()).hexdigest()
    arrays = [images] if len(parts) == 1 else np.split(images, [len(parts[0])])
    return [(array, decoded.key(name, place)) for place, array in enumerate(arrays)]


def _groups(rows: Rows, source: Source) -> Sequence[Any] | None:
    if source.reading.group is None or rows.groups is not None:
        return rows.groups
    return groups_of(rows.files, source.reading.group_pattern(), shown(source.path))


def _thumbnails(rows: Rows, inputs: np.ndarray, source: Source) -> Any:
    """Return the thumbnails of features.

    Raises:
        UsageError: if they were asked for, and there are none or the inputs are images.
        DataError: if there is not one for each row.
    """
    asked, what = source.reading.thumbnails, shown(source.path)
    if asked is not None and (rows.thumbnails is None or inputs.ndim > 2):
        has = "has images" if inputs.ndim > 2 else "has none"
        raise UsageError(
            f"Thumbnails are pictures beside features, in a column or an NPZ file's array. {what} {has}: leave "
            f"thumbnails={asked!r} out.",
            arguments=("thumbnails",),
        )
    if rows.thumbnails is None or inputs.ndim > 2:
        return None
    if len(rows.thumbnails) != len(rows):
        raise DataError(f"{what} has {len(rows):,} rows, and {len(rows.thumbnails):,} thumbnails: give one for each.")
    return rows.thumbnails


def _split(rows: Rows, reading: Reading, what: str) -> tuple[Rows, Rows]:
    labels = np.asarray(rows.labels)
    if rows.groups is None:
        is_test = stratified(labels, reading.test, reading.split_seed, what)
    else:
        is_test = by_group(labels, rows.groups, reading.test, reading.split_seed, what)
    return rows.select(~is_test), rows.select(is_test)
