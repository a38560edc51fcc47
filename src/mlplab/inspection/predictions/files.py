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
from mlplab.datasets.preparation import Preparation
from mlplab.datasets.readers.rows import Picture, Rows, shown
from mlplab.errors import DataError
from mlplab.inspection.calibration import at_temperature, calibrate, is_vague
from mlplab.inspection.examples import open_run
from mlplab.inspection.predictions.result import FilePredictions
from mlplab.inspection.predictions.rows import numbers_of_labels, read_rows, sources_of
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
    calibration = calibrate(run) if calibrated else None
    temperature = None if calibration is None else calibration["temperature"]
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
        sources=sources_of(rows),
        temperature=temperature,
        temperature_is_vague=calibration is not None and is_vague(calibration),
    )


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


def _chosen(values: Sequence[Any] | None, index: np.ndarray) -> tuple[Any, ...] | None:
    """Return the values of some rows."""
    return None if values is None else tuple(values[row] for row in index.tolist())
