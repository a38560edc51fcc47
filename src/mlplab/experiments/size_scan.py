"""A network trained on parts of the training rows of several sizes, each with several seeds.

All networks take the same number of steps: those of the epochs over all rows. With epochs over its rows alone, a small
part would also be trained for fewer steps, and the gain of more steps would be taken for the gain of more rows. So the
rows of a small part come round more often. If a small part is trained for too long that way, early stopping helps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import Member, checks, keras, predict
from mlplab.errors import TrainingError, UsageError, plain_number, require, require_whole
from mlplab.experiments.population import ModelBuilder, hold_out, train_members
from mlplab.progress import ProgressListener
from mlplab.runs import Run, Settings
from mlplab.runs.probabilities import class_outputs, takes_logits
from mlplab.runs.setting import is_kind
from mlplab.training import averages, splits
from mlplab.training.device_data import DeviceData
from mlplab.training.network import require_memory
from mlplab.training.session import EarlyStopping
from mlplab.training.weight_averaging import weight_averaging

_SMALLEST_PART = 64
"""The smallest part, by default, is one row in this many."""


@dataclass(frozen=True, eq=False)
class SizeScan:
    """Accuracies of networks that were trained on parts of the rows.

    Attributes:
        sizes: int (n,), rising: rows of each part.
        accuracy: float (n, seeds), of the epoch that counts, on the rows trained on. NaN: diverged.
        right: float (n, seeds, held out), 1 where a row held out is predicted right. NaN likewise.
        labels: int (held out,), classes of the rows held out.
    """

    sizes: np.ndarray
    accuracy: np.ndarray
    right: np.ndarray
    labels: np.ndarray

    @property
    def val_balanced_accuracy(self) -> np.ndarray:
        """float (n, seeds), the mean over classes of the accuracy on their rows held out."""
        return np.mean([self.right[:, :, self.labels == label].mean(2) for label in np.unique(self.labels)], axis=0)

    @property
    def val_accuracy(self) -> np.ndarray:
        """float (n, seeds), on the rows held out, the same rows for all networks."""
        return self.right.mean(2)

    @property
    def held_out(self) -> int:
        """The number of rows held out."""
        return self.right.shape[2]


def train_sizes(
    source: Run | Settings,
    data: Data,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 3,
    progress: ProgressListener | None = None,
) -> SizeScan:
    """Train a network on parts of the training rows, all parts and seeds as one population.

    A part has each class in its share of all rows, and a larger part contains the smaller parts of its seed. With
    early stopping in the settings the best epoch counts, else the last.

    Args:
        source: the network and its training: settings, or a run, whose network is rebuilt.
        data: the test set is not used. A part of the training rows is held out, the same for all networks.
        sizes: rows; by default 1/64, 1/32, … of the rows to train on, and all.
        seeds: networks for each size. Each seed has its own weights, order and parts.
        progress: called with the training steps done, over all networks.

    Raises:
        UsageError: for bad sizes or seeds.
        TrainingError: if all networks diverged.
    """
    builder = ModelBuilder.of(source)
    settings = builder.settings
    split = hold_out(data, settings)
    rows, held_out = split["train"], split["validation"]
    sizes = checked_sizes(sizes, len(rows), len(data.class_names))
    seeds = require_whole("seeds", seeds)
    if isinstance(source, Run):
        preprocessing = source.config.preprocessing
    else:
        preprocessing = splits.fit_preprocessing(data.train.inputs, rows, settings.standardize)
    require_memory(settings, data, len(sizes) * seeds)
    networks = [builder.build(number, data, len(rows)) for _ in sizes for number in range(seeds)]
    device_data = DeviceData.of(data)
    validation = device_data.validation_source(networks[0][0], held_out, preprocessing=preprocessing)
    members = []
    for (model, seed), size in zip(networks, np.repeat(sizes, seeds), strict=True):
        part = rows[nested_order(data.train.labels[rows], seed)[:size]]
        # Repeated up to one epoch of all rows, so that all sizes have steps of the same shapes and share a program.
        repeated = np.resize(part, len(rows))
        part_source = device_data.training_source(model, repeated, settings, preprocessing=preprocessing, seed=seed)
        swap, averaging = averages.averages(settings), weight_averaging(settings, model, part_source)
        callbacks: list[keras.callbacks.Callback] = [each for each in (swap, averaging) if each is not None]
        if settings.early_stopping:
            checks.build(model, part_source)  # early stopping looks at its metrics
            callbacks.append(EarlyStopping(model, settings.early_stopping, swap))
        members.append(Member(model, part_source, validation, epochs=settings.epochs, callbacks=callbacks))
    train_members(members, progress)
    if all(member.failure for member in members):
        raise TrainingError(f"All {len(members)} networks diverged. The first: {members[0].failure}")
    accuracy = [_accuracy(member, best=settings.early_stopping > 0) for member in members]
    labels = data.train.labels[held_out]
    right = np.array([_right(member, labels, len(data.class_names)) for member in members])
    shape = (len(sizes), seeds)
    return SizeScan(np.array(sizes), np.reshape(accuracy, shape), right.reshape(*shape, -1), labels)


def checked_sizes(sizes: Sequence[int] | None, rows: int, classes: int) -> list[int]:
    """Return the sizes of the parts, rising. Raises `UsageError` for sizes that are too small or too large."""
    if sizes is None:
        halved = (rows // 2**power for power in range(_SMALLEST_PART.bit_length() - 1, -1, -1))
        return sorted({size for size in halved if size >= classes} | {rows})
    given = [plain_number(size) for size in sizes] if isinstance(sizes, Iterable) else []
    valid = bool(given) and all(is_kind(size, int) and size >= classes for size in given)
    require(valid, "sizes", sizes, f"numbers of rows, at least {classes}, one a class")
    rising = sorted(set(given))
    if rising[-1] > rows:
        raise UsageError(f"There are {rows:,} rows to train on; a size of {rising[-1]:,} is too many.")
    return rising


def nested_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Return the positions of all rows in an order in which the first rows, however many, are stratified by class."""
    shuffled = np.random.default_rng((seed, 0x512E)).permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = shuffled[labels[shuffled] == label]
        places[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    return shuffled[np.argsort(places[shuffled], kind="stable")]


def _accuracy(member: Member, best: bool) -> float:
    """Return the accuracy on the rows trained on, in the epoch that counts; NaN where it is not known."""
    history = member.model.history.history
    if member.failure is not None or "accuracy" not in history:
        return np.nan
    return history["accuracy"][int(np.argmax(history["val_accuracy"])) if best else -1]


def _right(member: Member, labels: np.ndarray, classes: int) -> np.ndarray:
    """Return 1 for each row held out that is predicted right, else 0: float (n,)."""
    if member.failure is not None:
        return np.full(len(labels), np.nan)
    outputs = predict(member.model, member.validation, verbose=0)
    return (class_outputs(outputs, classes, takes_logits(member.model)).argmax(1) == labels).astype(float)
