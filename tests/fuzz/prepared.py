"""Inputs of a network, prepared from a file of a stranger as `mlplab predict` does, without a network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.datasets.classes import Classes
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError
from mlplab.inspection.predictions.rows import numbers_of_labels, read_rows


@dataclass(frozen=True)
class Prepared:
    """What a network is to predict: inputs of this shape, one for each row, and the numbers of their classes."""

    inputs: list[np.ndarray]
    shape: tuple[int, ...]
    labels: np.ndarray | None
    texts: tuple[str, ...]


def prepare(path: Path, shape: tuple[int, ...], *, quiet: bool = True, **reading: Any) -> Prepared:
    """Read and prepare what a network is to predict. Raises the error of the first image that cannot be read."""
    del quiet  # nothing is shown
    kept = Reading.of(**reading)
    rows = read_rows([path], kept, shape)
    labels, strange = numbers_of_labels(rows, Classes(("a", "b"), (0, 1)))
    preparation = Preparation.of(shape, kept, None, None, as_is=False)
    if not isinstance(rows.inputs, list):
        return Prepared(list(preparation.rows(rows.inputs, path.name, rows.content)), shape, labels, strange)
    images = []
    for result in preparation.pictures(rows.inputs):
        if isinstance(result, DataError):
            raise result
        images.append(result[0])
    return Prepared(images, shape, labels, (*strange, *(rows.files or ())))


def check_prepared(prepared: Prepared) -> None:
    assert prepared.inputs
    for array in prepared.inputs:
        assert array.shape == prepared.shape
        assert array.dtype in (np.uint8, np.float32)
        assert np.isfinite(array).all()
    if prepared.labels is not None:
        assert len(prepared.labels) == len(prepared.inputs)
        assert set(prepared.labels.tolist()) <= {-1, 0, 1}
    for text in prepared.texts:
        assert text.encode() or not text
