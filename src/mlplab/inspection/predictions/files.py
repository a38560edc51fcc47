"""Images, folders and files with rows → predictions of a run, batch by batch."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import decoding
from mlplab.datasets.arrays import plain_labels, plain_texts
from mlplab.datasets.classes import Classes
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.readers.rows import Picture, Rows, shown
from mlplab.datasets.readers.to_predict import read_rows_to_predict
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError
from mlplab.inspection.calibration import at_temperature, calibrate
from mlplab.inspection.examples import open_run
from mlplab.inspection.predictions.result import FilePredictions
from mlplab.progress import Progress, bar
from mlplab.runs import Run
from mlplab.runs.preparation import preparation_of
from mlplab.runs.probabilities import mean_probabilities

_STEP = 1000
"""Rows of a compiled step, of which a batch has a whole number where it can."""
_AT_ONCE = 2**24
"""Numbers of inputs in a batch, at most: 64 MB as float32."""
_MOST = 2000
"""Rows in a batch, at most, so that the progress bar moves."""
_KEPT = 60
"""Inputs that the result keeps, to be looked at."""
_STRANGE = 5
"""Labels that are no class of the run, of which the result names so many."""
_MISSING = ("", "None", "nan", "NaN", "<NA>")
"""How tables write that there is no label."""


def predict_files(
    run: Run | str | Path,
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    as_is: bool = False,
    calibrated: bool = False,
    verbose: int | str = "auto",
) -> FilePredictions:
    """Predict the classes of images and of rows in files, with labels or without. `Run.predict` does so for arrays.

    Images get the size of the run's, and what its data had: colours, inversion, margins or a cut. Where the run's
    images were not resized and all lie in their frames alike, as MNIST's do (a digit fills a box of 20×20 pixels, and
    its centre of mass is in the middle), a drawing or a photo on a plain background is brought into that form, with a
    background as dark or light as theirs.

    Args:
        run: a finished run or its directory. A population predicts the mean of its networks' probabilities.
        paths: images, or folders of images; or one file with rows (.csv, .tsv, .parquet, .npz, .npy, IDX), or a folder
            with such a file. Labels may be there or not: a column, an array, the folders that images are in.
        as_is: images go in pixel for pixel: those of another size are refused, and nothing is inverted or centred.
        calibrated: probabilities at the temperature that `calibrate` fits to the run's validation rows.
        verbose: 0: no progress bars.

    Raises:
        UsageError: for no paths, or files with rows beside others.
        DataError: if there is nothing to predict, rows have another size, or every image is unreadable. Some unreadable
            images are listed in the result.
        RunError: if the run is not finished, or has no validation rows for `calibrated`.

    Example:
        from PIL import Image

        Image.fromarray(np.full((60, 40), 255, np.uint8)).save("photo.png")
        predictions = mlplab.predict_files(run, ["photo.png"])
        print(predictions.table["predicted"], predictions.probabilities)
    """
    listed = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]
    with decoding.quietly(verbose == 0):
        return _predict(open_run(run), listed, as_is, calibrated, verbose)


def _predict(run: Run, paths: Sequence[Path], as_is: bool, calibrated: bool, verbose: int | str) -> FilePredictions:
    """Predict as `predict_files` does."""
    run.require_finished()
    temperature = calibrate(run)["temperature"] if calibrated else None
    preparation = preparation_of(run, as_is=as_is)
    rows = read_rows(paths, preparation.reading, run.config.input_shape)
    batches = _batches(run, rows, preparation, shown(paths[0]))
    found = _Predicted()
    with bar(verbose, "predicting") as progress:
        for batch in batches:
            found.add(run, batch)
            progress(Progress(batch.stop, len(rows)))
    if not found.index:
        error = found.unreadable[0][1]
        raise DataError(f"None of {len(rows):,} images can be predicted. {error}", arguments=error.arguments)
    index = np.concatenate(found.index)
    labels, strange = numbers_of_labels(rows, run.config.classes)
    probabilities = np.concatenate(found.probabilities)
    return FilePredictions(
        run=run,
        index=index,
        files=_chosen(rows.files, index),
        ids=None if rows.ids is None else (rows.ids[0], _chosen(rows.ids[1], index) or ()),
        probabilities=probabilities if temperature is None else at_temperature(probabilities, temperature),
        agreeing=np.concatenate(found.agreeing) if run.members else None,
        networks=found.networks,
        labels=None if labels is None else labels[index],
        strange=strange,
        prepared=tuple(found.prepared) if isinstance(rows.inputs, list) else None,
        unreadable=tuple(found.unreadable),
        inputs=np.concatenate(found.inputs),
        sources=_sources(rows),
        temperature=temperature,
    )


def _sources(rows: Rows) -> frozenset[Path]:
    """Return the files that were read, without links in their paths."""
    pictures = rows.inputs if isinstance(rows.inputs, list) else []
    paths = [*rows.paths, *(picture.path for picture in pictures if picture.path is not None)]
    return frozenset(path.resolve() for path in paths)


@dataclass(frozen=True, eq=False)
class _Batch:
    """Rows that are prepared.

    Attributes:
        index: int (n,), their positions in the source.
        inputs: (n, …).
        prepared: what was done to each picture.
        unreadable: names of the pictures before `stop` that are left out, and why.
        stop: the position after the last row.
    """

    index: np.ndarray
    inputs: np.ndarray
    stop: int
    prepared: Sequence[str] = ()
    unreadable: Sequence[tuple[str, DataError]] = ()


@dataclass
class _Predicted:
    """What the batches gave so far, see `FilePredictions`."""

    index: list[np.ndarray] = field(default_factory=list)
    probabilities: list[np.ndarray] = field(default_factory=list)
    agreeing: list[np.ndarray] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, DataError]] = field(default_factory=list)
    networks: int = 1

    def add(self, run: Run, batch: _Batch) -> None:
        """Predict a batch, and add what comes out."""
        self.unreadable += batch.unreadable
        if not len(batch.index):
            return
        if not self.index:
            run.config.warn_of_range(batch.inputs)
        each = run.predict_each(batch.inputs)
        probabilities = mean_probabilities(each) if run.members else each[0]
        self.inputs.append(np.array(batch.inputs[: max(0, _KEPT - sum(map(len, self.inputs)))]))
        self.index.append(batch.index)
        self.probabilities.append(probabilities)
        self.agreeing.append((each.argmax(2) == probabilities.argmax(1)).sum(0))
        self.prepared += batch.prepared
        self.networks = len(each)


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
    return Rows(pictures, labels, tuple(picture.name for picture in pictures))


def _batches(run: Run, rows: Rows, preparation: Preparation, what: str) -> Iterator[_Batch]:
    """Prepare rows batch by batch, so that memory is bounded. Messages name them as `what`."""
    at_once = max(1, _AT_ONCE // math.prod(run.config.input_shape))
    at_once = min(at_once // _STEP * _STEP or at_once, _MOST)
    are_pictures = isinstance(rows.inputs, list)
    numbers = None if are_pictures else preparation.rows(rows.inputs, what, rows.content)
    for start in range(0, len(rows), at_once):
        index = np.arange(start, min(start + at_once, len(rows)))
        stop = int(index[-1]) + 1
        if numbers is None:
            yield _of_pictures(rows.inputs[start:stop], index, preparation)
        else:
            yield _Batch(index, numbers[start:stop], stop)
            mapped.release(numbers)


def _of_pictures(pictures: Sequence[Picture], index: np.ndarray, preparation: Preparation) -> _Batch:
    """Return the pictures that can be read, prepared, and the names of the others."""
    results = preparation.pictures(pictures)
    unreadable = [
        (picture.name, result)
        for picture, result in zip(pictures, results, strict=True)
        if isinstance(result, DataError)
    ]
    readable = [result for result in results if not isinstance(result, DataError)]
    return _Batch(
        index=index[[not isinstance(result, DataError) for result in results]],
        inputs=np.stack([image for image, _ in readable]) if readable else np.empty(0),
        stop=int(index[-1]) + 1,
        prepared=[done for _, done in readable],
        unreadable=unreadable,
    )


def numbers_of_labels(rows: Rows, classes: Classes) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the class numbers of rows, int (n,), -1 where not known, and the first labels that are no class.

    None in place of numbers where no row has a label that is a class. Raises `DataError` for texts that are none.
    """
    if rows.labels is None:
        return None, ()
    labels = rows.labels if isinstance(rows.inputs, list) else _plain(rows.labels)
    numbers = classes.find(labels)
    texts = [str(label).strip() for label, number in zip(labels, numbers, strict=True) if number < 0]
    strange = tuple([text for text in dict.fromkeys(texts) if text not in _MISSING][:_STRANGE])
    return (numbers if (numbers >= 0).any() else None), strange


def _plain(labels: Any) -> Any:
    """Return labels of an array or a column, (n,), as `plain_labels` does; some may be missing."""
    array = plain_texts(np.asarray(labels), "The labels of the file")
    return plain_labels(array, "the file") if array.ndim > 1 else array


def _chosen(values: Sequence[Any] | None, index: np.ndarray) -> tuple[Any, ...] | None:
    """Return the values of some rows."""
    return None if values is None else tuple(values[row] for row in index.tolist())
