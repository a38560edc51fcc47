"""Labelled rows with their predictions: what all of inspection looks at, of a run or of plain arrays."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab.datasets import Data
from mlplab.datasets.classes import class_number
from mlplab.errors import DataError, FetchError, UsageError, unknown_name
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.run import Predictions

SPLITS = ("test", "validation", "train")


@dataclass(frozen=True, eq=False)
class Examples:
    """Labelled rows with their predictions.

    Attributes:
        name: where they come from, for titles.
        index: int (n,), positions in the data set.
        labels: int (n,), the classes given.
        probabilities: float (n, classes), predicted.
        class_names: one for each class.
        inputs: raw, (n, h, w), (n, h, w, c) or (n, d); None where there are none at hand.
    """

    name: str
    index: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: tuple[str, ...]
    inputs: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """The class with the highest probability, int (n,); the first of several."""
        return self.probabilities.argmax(1)

    @functools.cached_property
    def confidence(self) -> np.ndarray:
        """The probability of the predicted class, (n,)."""
        return self.probabilities.max(1)

    @functools.cached_property
    def given(self) -> np.ndarray:
        """The probability of the true class, (n,)."""
        return self.probabilities[np.arange(len(self)), self.labels]

    @functools.cached_property
    def correct(self) -> np.ndarray:
        """Whether the prediction is the label, bool (n,)."""
        return self.predicted == self.labels

    @property
    def images(self) -> np.ndarray | None:
        """The inputs, if they are images."""
        return self.inputs if self.inputs is not None and self.inputs.ndim > 2 else None

    def names(self, classes: np.ndarray) -> np.ndarray:
        """The names of classes given by number."""
        return np.array(self.class_names, dtype=object)[classes]

    def class_number(self, wanted: str | int) -> int:
        """A class by name or by number. Raises `UsageError` with the nearest names where there is none."""
        return class_number(wanted, self.class_names)


def opened(source: Any) -> Run:
    """A run, or the one in a directory. Raises `UsageError` for anything else."""
    if isinstance(source, str | Path):
        return Run(source)
    if not isinstance(source, Run):
        raise UsageError(f"Give a run, as mlplab.Run(path) opens it, or its directory; got {type(source).__name__}.")
    return source


def examples_of(
    source: Run | ArrayLike,
    y: ArrayLike | None = None,
    X: ArrayLike | None = None,
    *,
    split: str = "test",
    class_names: Sequence[str] | None = None,
    data: Any = None,
    inputs: bool = True,
) -> Examples:
    """The rows to look at, checked.

    Args:
        source: a run, or its directory; or probabilities (n, classes), or of the second of two classes (n,) or (n, 1).
        y: with probabilities, the labels: integers (n,), or one-hot (n, classes).
        X: with probabilities, the inputs (n, …), if images should be seen.
        split: of a run: "test", "validation" or "train" (predicted when first asked for, then kept in the run).
        class_names: with probabilities; "0", "1", … by default.
        data: for runs that were begun with arrays: the same arrays.
        inputs: whether the run's inputs are wanted. Where they are not at hand, they are left out.

    Raises:
        UsageError: for arguments that contradict each other.
        DataError: for arrays that do not belong together.
        RunError: for a run without such predictions.
    """
    if isinstance(source, Run | str | Path):
        if y is not None or X is not None or class_names is not None:
            raise UsageError("A run has its own labels, inputs and class names: leave out y, X and class_names.")
        return _of_run(opened(source), split, data, inputs)
    if y is None:
        raise UsageError(
            "Give a run, or probabilities (n, classes) and labels: (predictions, y_test), and X_test to see images. "
            f"Got {type(source).__name__} alone."
        )
    return _of_arrays(_array(source), _array(y), None if X is None else _array(X), class_names)


def _array(values: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"Expected an array, or lists of one length: {error}") from error


def _of_run(run: Run, split: str, data: Any, inputs: bool) -> Examples:
    if split not in SPLITS:
        raise UsageError(unknown_name("split", str(split), SPLITS))
    if split == "train" and not run.members and not run.directory.has_predictions("train"):
        data = data_of(run, data, quiet=True)
        kept = _train_predictions(run, data)
    else:
        kept = run.predictions(split)
    rows = None
    if inputs and (loaded := data_at_hand(run, data)[0]) is not None:
        part = loaded.test if split == "test" else loaded.train
        rows = part.inputs if len(kept.index) == len(part) else part.inputs[kept.index]
    name = f"{run.config.data['name']}, {split} set, {run.path.name}"
    return Examples(name, kept.index, kept.label, kept.probabilities, run.class_names, rows)


def data_at_hand(run: Run, data: Any = None) -> tuple[Data | None, str]:
    """The run's data set; or None, and why it is not at hand: predictions and labels are in the run all the same.

    Raises:
        DataError: if `data` is given, and is not what the run began with.
    """
    if data is None and run.config.data["source"] is None:
        return None, "This run was begun with arrays, so there are no images here."
    try:
        return data_of(run, data, quiet=True), ""
    except (FetchError, DataError) as error:
        if data is not None:
            raise
        return None, f"The data set is not at hand, so there are no images here. {error}"


def _train_predictions(run: Run, data: Data) -> Predictions:
    """Predict the rows that the run was trained on, and keep that in the run: predictions-train.npz."""
    run.require_finished()
    index = run.split["train"]
    part = data.train if len(index) == len(data.train) else data.train.select(index)
    found = Predictions(index, part.labels, run.predict(part.inputs))
    run.directory.keep_predictions("train", found)
    return found


def _of_arrays(
    probabilities: np.ndarray, labels: np.ndarray, inputs: np.ndarray | None, class_names: Sequence[str] | None
) -> Examples:
    if probabilities.dtype.kind != "f" or not 1 <= probabilities.ndim <= 2 or not len(probabilities):
        raise DataError(
            "Predictions must be probabilities, floats of shape (n, classes), as model.predict gives them. "
            f"Got {probabilities.dtype} of shape {probabilities.shape}."
        )
    single = class_names is not None and len(class_names) == 1
    if probabilities.ndim == 1 or (probabilities.shape[1] == 1 and not single):  # one sigmoid unit
        second = probabilities.reshape(-1)
        probabilities = np.stack([1 - second, second], 1)
    if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1 + 1e-4:
        raise DataError(
            "Probabilities must lie between 0 and 1. A model that ends without softmax gives logits: "
            "put them through keras.ops.softmax first."
        )
    n, classes = probabilities.shape
    if labels.ndim == 2 and labels.shape[1] == classes and classes > 1:  # one-hot
        labels = labels.argmax(1)
    labels = labels.reshape(-1) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    whole = labels.dtype.kind in "uib" or (labels.dtype.kind == "f" and np.array_equal(labels, np.floor(labels)))
    if labels.shape != (n,) or not whole:
        raise DataError(
            f"Expected {n} labels, class numbers (n,) or one-hot (n, {classes}); got {labels.dtype} of shape "
            f"{labels.shape}."
        )
    labels = labels.astype(np.int64)
    if labels.min() < 0 or labels.max() >= classes:
        raise DataError(
            f"Labels must number the {classes} classes of the predictions, 0 to {classes - 1}; "
            f"got {labels.min()} to {labels.max()}."
        )
    if inputs is not None and (not 2 <= inputs.ndim <= 4 or len(inputs) != n or inputs.dtype.kind not in "uifb"):
        raise DataError(f"Expected {n} inputs, numbers (n, h, w), (n, h, w, c) or (n, d); got {inputs.shape}.")
    names = tuple(map(str, range(classes) if class_names is None else class_names))
    if len(names) != classes or len(set(names)) != classes:
        raise DataError(
            f"Expected {classes} different class names, one for each column of the predictions; got {len(set(names))}."
        )
    return Examples("predictions", np.arange(n), labels, probabilities, names, inputs)
