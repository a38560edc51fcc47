"""What more rows are worth: a network trained on parts of the training rows, each part with several seeds.

All networks take the same number of steps, as many as the epochs over all rows have: with epochs over its own rows, a
part would also be trained less, and what more steps gain would be taken for what more rows gain. So the rows of a part
come round more often. What a small part loses by it, training for too long, early stopping gives back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Member, Rows, checks, fit_members, keras, predict
from mlplab.errors import TrainingError, UsageError, require, require_whole
from mlplab.experiments.cross_validation import Progress, begun_anew, targets_of
from mlplab.runs import Run, Settings
from mlplab.runs.settings import is_kind
from mlplab.training import splits
from mlplab.training.session import monitored

_PARTS = 64
"""The smallest part, by default, is one of so many."""
_HELD_OUT = 0.1


@dataclass(frozen=True, eq=False)
class SizesTrained:
    """How networks fare that were trained on parts of the rows.

    Attributes:
        sizes: int (n,), rising: rows of each part.
        accuracy: float (n, seeds), in the epoch that counts, on the rows trained on. NaN: diverged.
        right: float (n, seeds, held out), 1 where a row held out is predicted right. NaN likewise.
        epochs: passes over all rows that have as many steps as each network took.
    """

    sizes: np.ndarray
    accuracy: np.ndarray
    right: np.ndarray
    epochs: int

    @property
    def val_accuracy(self) -> np.ndarray:
        """float (n, seeds), on the rows held out, the same for all."""
        return self.right.mean(2)

    @property
    def held_out(self) -> int:
        """Rows held out."""
        return self.right.shape[2]


def train_sizes(
    source: Run | Settings,
    data: Data,
    *,
    sizes: Sequence[int] | None = None,
    seeds: int = 3,
    progress: Progress | None = None,
) -> SizesTrained:
    """Train a network on parts of the training rows, all parts and seeds as one population.

    A part has each class in the share that it has of all rows, and a larger part holds the smaller ones of its seed.
    Where the settings have early stopping, the best epoch counts, else the last.

    Args:
        source: the network and its training: settings, or a run, whose network is begun anew.
        data: the test set is not looked at. A part of the training rows is held out, one for all networks.
        sizes: rows; by default 1/64, 1/32, … of those there are, and all.
        seeds: networks for each size; each has its own weights, order and parts.
        progress: see `Progress`.

    Raises:
        UsageError: for sizes or seeds that cannot be.
        TrainingError: if all networks diverged.
    """
    settings = source if isinstance(source, Settings) else source.config.settings
    rows, held_out = _rows(settings, data)
    sizes = checked_sizes(sizes, len(rows), len(data.class_names))
    require_whole("seeds", seeds, 1)
    population = _Population(source, settings, data, rows, held_out)
    members = [population.member(number, size) for size in sizes for number in range(seeds)]
    total = len(members) * settings.epochs * members[0].source.steps
    fit_members(members, progress=None if progress is None else lambda done, _: progress(done, total))
    if all(member.failure for member in members):
        raise TrainingError(f"All {len(members)} networks diverged. The first: {members[0].failure}")
    accuracy = [_accuracy(member, best=settings.early_stopping > 0) for member in members]
    right = np.array([_right(member, data.train.labels[held_out]) for member in members])
    shape = (len(sizes), seeds)
    return SizesTrained(np.array(sizes), np.reshape(accuracy, shape), right.reshape(*shape, -1), settings.epochs)


def checked_sizes(sizes: Sequence[int] | None, rows: int, classes: int) -> list[int]:
    """Sizes of parts, rising. Raises `UsageError` for those that cannot be."""
    if sizes is None:
        halved = (rows // 2**power for power in range(_PARTS.bit_length() - 1, -1, -1))
        return sorted({size for size in halved if size >= classes} | {rows})
    found = sorted(set(sizes))
    valid = found and all(is_kind(size, int) for size in found) and found[0] >= classes
    require(bool(valid), "sizes", list(sizes), f"numbers of rows, at least {classes}, one a class")
    if found[-1] > rows:
        raise UsageError(f"There are {rows:,} rows to train on; a size of {found[-1]:,} is too many.")
    return [int(size) for size in found]


def nested_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Positions of all rows in an order of which every beginning has its share of each class."""
    shuffled = np.random.default_rng((seed, 0x512E)).permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = shuffled[labels[shuffled] == label]
        places[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    return shuffled[np.argsort(places[shuffled], kind="stable")]


class _Population:
    """Makes the members: their models, and sources over one copy of the rows on the device."""

    def __init__(self, source: Run | Settings, settings: Settings, data: Data, rows: np.ndarray, held_out: np.ndarray):
        self._source, self._settings, self._data, self._rows = source, settings, data, rows
        scaling = splits.fit_preprocessing(data.train.inputs, rows, settings.standardize)
        self._batch = Rows(preprocess=scaling if isinstance(source, Settings) else source.config.preprocessing)
        self._held_out = held_out
        self._validation: ArraySource | None = None

    def member(self, number: int, size: int) -> Member:
        """The network of a seed, to be trained on a part."""
        model, seed = begun_anew(self._source, self._data, len(self._rows), number)
        if self._validation is None:
            arrays = (self._data.train.inputs, targets_of(self._data, model), None)
            self._validation = ArraySource(*arrays, batch=self._batch, batch_size=1000, subset=self._held_out)
        part = self._rows[nested_order(self._data.train.labels[self._rows], seed)[:size]]
        # As often as makes one epoch of all rows: so all sizes have steps of the same shapes, and share a program.
        source = ArraySource(
            *self._validation.arrays,
            batch=self._batch,
            batch_size=self._settings.batch_size,
            shuffle=True,
            seed=seed,
            subset=np.resize(part, len(self._rows)),
        )
        checks.build(model, source)  # for its metrics
        patience = self._settings.early_stopping
        stop = keras.callbacks.EarlyStopping(**monitored(model), patience=patience, restore_best_weights=True)
        callbacks = [stop] if patience else []
        return Member(model, source, self._validation, epochs=self._settings.epochs, callbacks=callbacks)


def _rows(settings: Settings, data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the rows to train on, and of those held out."""
    settings = Settings(validation=settings.validation or _HELD_OUT, labelled=settings.labelled, seed=settings.seed)
    split = splits.split(data.train, settings)
    return split["train"], split["validation"]


def _accuracy(member: Member, best: bool) -> float:
    """On the rows trained on, in the epoch that counts; NaN where it is not known."""
    history = member.model.history.history
    if member.failure is not None or "accuracy" not in history:
        return np.nan
    return history["accuracy"][int(np.argmax(history["val_accuracy"])) if best else -1]


def _right(member: Member, labels: np.ndarray) -> np.ndarray:
    """1 for each row held out that is predicted right, float (n,)."""
    if member.failure is not None:
        return np.full(len(labels), np.nan)
    return (predict(member.model, member.validation, verbose=0).argmax(1) == labels).astype(float)
