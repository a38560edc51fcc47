"""Labelled rows with their predictions, from a run or from plain arrays: the input of every inspection."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from mlplab import scores
from mlplab.datasets import Data
from mlplab.datasets.images.thumbnails import Thumbnails
from mlplab.errors import DataError, FetchError, UsageError, require_unmasked, unknown_name
from mlplab.inspection.checked_arrays import checked
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.run import Predictions

SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled rows with their predictions.

    Attributes:
        name: data set, split and run, for titles.
        index: int (n,), positions in the data set.
        labels: int (n,), true classes.
        probabilities: float (n, classes), predicted; bool, one-hot, where only the predicted classes are known.
        class_names: one for each class.
        inputs: raw inputs (n, h, w), (n, h, w, c) or (n, d); None if they are not available.
        thumbnails: pictures of inputs that are features; None if there are none.
        files: the name of each row's file; None where rows have no files, or the data set is not available.
    """

    name: str
    index: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    inputs: np.ndarray | None = None
    thumbnails: Thumbnails | None = None
    files: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_probabilities(self) -> bool:
        """Whether probabilities are known, and not only the predicted classes."""
        return self.probabilities.dtype != bool

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """The class with the highest probability, int (n,); the first in a tie."""
        return self.probabilities.argmax(1)

    @functools.cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, (n,)."""
        return self.probabilities.max(1)

    @functools.cached_property
    def true_probability(self) -> np.ndarray:
        """The probability of the true class, (n,)."""
        return self.probabilities[np.arange(len(self)), self.labels]

    @functools.cached_property
    def losses(self) -> np.ndarray:
        """The log-loss of each row, float64 (n,)."""
        return scores.log_losses(self.labels, self.probabilities)

    @functools.cached_property
    def correct(self) -> np.ndarray:
        """Whether the predicted class is the label, bool (n,)."""
        return self.predicted == self.labels

    def file_column(self, positions: np.ndarray) -> dict[str, np.ndarray]:
        """Return a column `file` of a table about some rows; none where rows have no files."""
        return {} if self.files is None else {"file": np.array(self.files, object)[positions]}

    @property
    def images(self) -> np.ndarray | Thumbnails | None:
        """What a person sees of the rows, by row numbers: the inputs if they are images, else thumbnails or None."""
        return self.inputs if self.inputs is not None and self.inputs.ndim > 2 else self.thumbnails

    def names(self, classes: np.ndarray) -> np.ndarray:
        """Return the names of class numbers."""
        return np.array(self.class_names, dtype=object)[classes]


Source: TypeAlias = Run | Examples | ArrayLike
"""A run or its directory, probabilities, or the `Examples` that `examples_of` returned."""


def open_run(source: Any) -> Run:
    """Return a run, or open its directory. Raises `UsageError` for anything else."""
    if isinstance(source, str | Path):
        return Run(source)
    if not isinstance(source, Run):
        raise UsageError(f"Give a run, as mlplab.Run(path) opens it, or its directory; got {type(source).__name__}.")
    return source


def examples_of(
    source: Source,
    y: ArrayLike | None = None,
    X: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
    inputs: bool = True,
    need_probabilities: bool = True,
) -> Examples:
    """Check and collect labelled rows with their predictions.

    Args:
        source: a run or its directory; or probabilities (n, classes), or (n,) or (n, 1) of the second of two classes;
            or the `Examples` that this function returned.
        y: labels of the probabilities, (n,): column numbers, or names, or other values, of which the columns then have
            one each in sorted order; or one-hot (n, classes).
        X: inputs (n, …) of the probabilities, for functions that draw images.
        split: rows of the run: "test", "validation" or "train" (predicted once, then kept in the run).
        class_names: names for the columns of the probabilities; "0", "1", … by default, or the labels.
        data: the arrays that the run was trained on, if it was trained on arrays.
        inputs: whether to load the run's inputs; None takes their place if the data set is not available.
        need_probabilities: False: the source may also be predicted classes, integers (n,).

    Raises:
        UsageError: for arguments that contradict each other.
        DataError: for arrays that do not fit together.
        RunError: for a run without these predictions.
    """
    if isinstance(source, Examples):
        if need_probabilities and not source.has_probabilities:
            raise DataError("Probabilities are needed here, and these examples have predicted classes only.")
        return source
    if isinstance(source, Run | str | Path):
        if y is not None or X is not None or class_names is not None:
            raise UsageError("A run has its own labels, inputs and class names: leave out y, X and class_names.")
        return _from_run(open_run(source), split, data, inputs)
    if y is None:
        raise UsageError(
            "Give a run, or probabilities (n, classes) and labels: (predictions, y_test), and X_test to see images. "
            f"Got {type(source).__name__} alone."
        )
    for name, values in (("Predictions", source), ("y", y), ("X", X)):
        require_unmasked(name, values)
    try:
        arrays = np.asarray(source), np.asarray(y), None if X is None else np.asarray(X)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"Expected an array, or lists of one length: {error}") from error
    labels, probabilities, names = checked(*arrays, class_names, need_probabilities)
    return Examples("predictions", np.arange(len(labels)), labels, probabilities, names, arrays[2])


def _from_run(run: Run, split: str, data: Any, inputs: bool) -> Examples:
    if split not in SPLITS:
        raise UsageError(unknown_name("split", split, SPLITS))
    if split == "train" and not run.members and not run.directory.has_predictions("train"):
        data = data_of(run, data, quiet=True)
        predictions = _train_predictions(run, data)
    else:
        predictions = run.predictions(split)
    rows = thumbnails = files = None
    if inputs and (loaded := available_data(run, data)[0]) is not None:
        part = loaded.test if split == "test" else loaded.train
        part = part if len(predictions.index) == len(part) else part.select(predictions.index)
        rows, thumbnails, files = part.inputs, part.thumbnails, part.files
    name = f"{run.config.data['name']}, {split} set, {run.path.name}"
    known = predictions.index, predictions.label, predictions.probabilities
    return Examples(name, *known, run.class_names, rows, thumbnails, files)


def available_data(run: Run, data: Any = None) -> tuple[Data | None, str]:
    """Return the run's data set, or None and the reason. Predictions and labels are in the run in either case.

    Raises:
        DataError: if `data` is given and differs from the run's data set.
    """
    if data is None and run.config.data["source"] is None:
        return None, "This run was trained on arrays, so there are no images here."
    try:
        return data_of(run, data, quiet=True), ""
    except (FetchError, DataError) as error:
        if data is not None:
            raise
        return None, f"The data set is not available, so there are no images here. {error}"


def _train_predictions(run: Run, data: Data) -> Predictions:
    """Predict the rows that the run was trained on, and keep the predictions in predictions-train.npz."""
    run.require_finished()
    index = run.split["train"]
    predictions = Predictions(index, data.train.labels[index], run.predict(data.train.inputs, index))
    run.directory.keep_predictions("train", predictions)
    return predictions
