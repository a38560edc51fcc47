"""The rows to predict, of several images or of one file: read, and their labels found among the classes of a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets.arrays import plain_labels, plain_texts
from mlplab.datasets.classes import Classes
from mlplab.datasets.readers.rows import Rows, shown
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError

_MISSING = ("", "None", "nan", "NaN", "<NA>")
"""How tables write that there is no label."""


def read_rows(paths: Sequence[Path], reading: Reading, shape: tuple[int, ...]) -> Rows:
    """Return the rows of all paths: images of any number of them, or the rows of one file.

    Args:
        paths: images, folders of images, or a single file with rows.
        reading: how the data of the run was read.
        shape: of one input of the run.

    Raises:
        UsageError, DataError: as `predict_files` does.
    """
    if not paths:
        raise UsageError("Give an image, a folder or a file to predict: several images, or one file with rows.")
    parts = []
    for path in paths:
        part = read_rows_to_predict(path, reading, shape)
        if len(paths) > 1 and not (isinstance(part.inputs, list) and part.ids is None):
            raise UsageError(f"{shown(path)} is a file with rows: give it alone, or images and folders of images.")
        if not len(part.inputs):
            raise DataError(f"{shown(path)} has no rows: there is nothing to predict.")
        if part.labels is not None and len(part.labels) != len(part.inputs):
            raise DataError(
                f"{shown(path)} has {len(part.inputs):,} rows and {len(part.labels):,} labels: expected as many."
            )
        parts.append(part)
    if len(parts) == 1:
        return parts[0]
    pictures = [picture for part in parts for picture in part.inputs]
    labels = [each for part in parts for each in (part.labels if part.labels is not None else [None] * len(part))]
    names = tuple(picture.name for picture in pictures)
    return Rows(pictures, labels, names, paths=tuple(path for part in parts for path in part.paths))


def sources_of(rows: Rows) -> frozenset[Path]:
    """Return the files that were read, without links in their paths."""
    pictures = rows.inputs if isinstance(rows.inputs, list) else []
    paths = [*rows.paths, *(picture.path for picture in pictures if picture.path is not None)]
    return frozenset(path.resolve() for path in paths)


def numbers_of_labels(rows: Rows, classes: Classes) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the class numbers of rows, int (n,), -1 where not known, and the labels that are no class, each once.

    None in place of numbers where no row has a label that is a class. Raises `DataError` for texts that are none.
    """
    if rows.labels is None:
        return None, ()
    labels = rows.labels if isinstance(rows.inputs, list) else _plain(rows.labels)
    numbers = classes.find(labels)
    texts = [str(label).strip() for label, number in zip(labels, numbers, strict=True) if number < 0]
    strange = tuple(text for text in dict.fromkeys(texts) if text not in _MISSING)
    return (numbers if (numbers >= 0).any() else None), strange


def _plain(labels: Any) -> Any:
    """Return labels of an array or a column, (n,), as `plain_labels` does; some may be missing."""
    array = plain_texts(np.asarray(labels), "The labels of the file")
    return plain_labels(array, "the file") if array.ndim > 1 else array
