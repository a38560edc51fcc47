"""The split of the training set into rows for training and validation, and the scaling of inputs. NumPy only."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import Data, Dataset
from mlplab.datasets.arrays import full_scale
from mlplab.datasets.balanced import equally_many
from mlplab.datasets.splitting import by_group
from mlplab.errors import DataError, UsageError
from mlplab.runs import Preprocessing, Settings

_LARGE = 10
"""Root mean square of inputs that are too large."""


def split(train: Dataset, settings: Settings) -> dict[str, np.ndarray]:
    """Split a training set: row numbers of "train" and "validation", sorted int64, both stratified by class.

    Where the fraction is less than one row of every class, single rows of some classes are held out. Where rows have
    groups, no group is in both.

    For a ladder network also "unlabelled": all rows of the training set but those for validation.

    Raises:
        DataError: if all rows are of one class.
        UsageError: if a part would be empty, or `labelled` asks for more rows than there are, or a ladder network for
            fewer than one of each class.
    """
    if (train.labels == train.labels[0]).all():
        raise DataError(
            f"Training needs two classes or more, and all {len(train):,} rows of {train.provenance} are "
            f"{train.class_names[train.labels[0]]!r}: add rows of other classes."
        )
    rng = np.random.default_rng((settings.seed, 0x5B1))
    shuffled = [rng.permutation(np.flatnonzero(train.labels == c)) for c in range(len(train.class_names))]
    counts = [round(settings.validation * len(rows)) for rows in shuffled]
    if not any(counts):
        several = rng.permutation(np.flatnonzero([len(rows) > 1 for rows in shuffled]))
        counts = np.bincount(several[: round(settings.validation * len(train))], minlength=len(shuffled)).tolist()
    held_out = [rows[:count] for rows, count in zip(shuffled, counts, strict=True)]
    remaining = [rows[len(out) :] for rows, out in zip(shuffled, held_out, strict=True)]
    if train.groups is not None and settings.validation:
        fraction, what = settings.validation, str(train.provenance)
        is_held_out = by_group(train.labels, train.groups, fraction, settings.seed, what)
        held_out, remaining = ([rows[mask[rows]] for rows in shuffled] for mask in (is_held_out, ~is_held_out))
    unlabelled = {} if settings.ladder == "none" else {"unlabelled": np.sort(np.concatenate(remaining))}
    if settings.labelled is not None:
        _require_label_of_each_class(train, settings)
        remaining = equally_many(remaining, settings.labelled, train.class_names)
    parts = {"train": np.sort(np.concatenate(remaining)), "validation": np.sort(np.concatenate(held_out))} | unlabelled
    if len(parts["train"]) == 0 or (settings.validation and len(parts["validation"]) == 0):
        raise UsageError(
            f"validation={settings.validation} of {len(train)} rows leaves {len(parts['train'])} to train on and "
            f"{len(parts['validation'])} to validate with: choose another fraction.",
            arguments=("validation",),
        )
    return parts


def rows_of_epoch(split: Mapping[str, np.ndarray], data: Data) -> int:
    """Return the number of rows that an epoch of training reads: of a ladder network, those without labels.

    Among these are the images without labels beside the data set.
    """
    return len(split.get("unlabelled", split["train"])) + len(data.unlabelled or ())


def _require_label_of_each_class(train: Dataset, settings: Settings) -> None:
    classes = len(train.class_names)
    if settings.ladder != "none" and settings.labelled is not None and settings.labelled < classes:
        raise UsageError(
            f"A ladder network needs a labelled row of each of {classes} classes; got labelled={settings.labelled}. "
            f"Give labelled={classes} or more.",
            arguments=("labelled",),
        )


def fit_preprocessing(inputs: np.ndarray, rows: np.ndarray, standardize: bool) -> Preprocessing:
    """Fit the scaling of raw inputs to [0, 1], or to mean 0 and standard deviation 1.

    8-bit numbers are divided by the smallest full scale that holds them: 255 for images, 16 for `digits`, 1 for black
    and white. Floats stay as they are, unless standardised; large ones are warned about.

    Args:
        inputs: raw, (n, …).
        rows: the training rows, to which the scaling is fitted.
        standardize: images by one mean and standard deviation, each feature by its own.
    """
    of_all = rows if len(rows) < len(inputs) else None
    if standardize and inputs.dtype == np.uint8 and inputs.ndim > 2:
        parts = mapped.pieces(inputs, of_all)
        counts = sum(np.bincount(part.reshape(-1), minlength=256) for part in parts)
        values = np.arange(256)
        mean = float(np.average(values, weights=counts))
        return Preprocessing(float(np.sqrt(np.average((values - mean) ** 2, weights=counts))) or 1.0, mean)
    if standardize:
        mean, sd = _mean_and_sd(inputs, of_all)
        return Preprocessing(_numbers(np.where(sd == 0, 1.0, sd)), _numbers(mean))
    if inputs.dtype == np.uint8:
        high = 0
        for part in mapped.pieces(inputs, of_all):
            high = max(high, int(part.max()))
            if full_scale(high) == full_scale(255):
                break
        return Preprocessing(float(full_scale(high)))
    _warn_of_large(inputs, of_all)
    return Preprocessing()


def _mean_and_sd(inputs: np.ndarray, rows: np.ndarray | None) -> tuple[Any, Any]:
    """Return mean and standard deviation, float64: of each feature of rows (n, d), or of all values of images."""
    axis = 0 if inputs.ndim == 2 else None
    if mapped.map_of(inputs) is None:
        inputs = inputs if rows is None else inputs[rows]
        return inputs.mean(axis, dtype=np.float64), inputs.std(axis, dtype=np.float64)
    count, total, squares = 0, 0.0, 0.0
    for part in mapped.pieces(inputs, rows):
        count += len(part) if axis == 0 else part.size
        total = total + part.sum(axis, dtype=np.float64)
    mean = np.asarray(total / count)
    for part in mapped.pieces(inputs, rows):
        squares = squares + ((part - mean) ** 2).sum(axis)
    return mean, np.sqrt(np.asarray(squares / count))


def _warn_of_large(inputs: np.ndarray, rows: np.ndarray | None) -> None:
    """Warn of floats that stay as they are and are too large for a network to learn well from."""
    squares, size, low, high = 0.0, 0, np.inf, -np.inf
    for part in mapped.pieces(inputs, rows):
        flat = part.reshape(-1)
        squares, size = squares + float(np.dot(flat, flat)), size + flat.size
        low, high = min(low, flat.min()), max(high, flat.max())
    if squares > _LARGE**2 * size:
        warnings.warn(
            f"The inputs go from {low:g} to {high:g} and are not scaled; a network learns badly from "
            "numbers as large as these. Scale them by standardize=True (--standardize), or divide pixels by their "
            "largest value.",
            stacklevel=4,
        )


def _numbers(values: Any) -> float | tuple[float, ...]:
    return float(values) if values.ndim == 0 else tuple(values.tolist())
