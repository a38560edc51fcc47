"""Cross-validation: every training row predicted by a network that was not trained on it."""

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows, fit, keras
from mlplab.errors import RunError, UsageError
from mlplab.runs import Run, architecture, files
from mlplab.runs.run import probabilities_of
from mlplab.training.network import built, is_one_hot

Progress = Callable[[int, int], None]
"""Called a few times a second with the training steps done and those there are, over all folds."""


def cross_validate(run: Run, data: Data, *, folds: int = 5, progress: Progress | None = None) -> np.ndarray:
    """Out-of-sample probabilities of all training rows: each fold is predicted by a network trained on the others.

    The networks are the run's own, begun anew: its settings, preprocessing and seed. A fold has no validation
    split to stop early on, so each is trained for as many epochs as made the weights that the run kept, on the same
    schedule. All training rows take part, those that the run held out or left unlabelled too.

    The training set goes to the device once. All folds train on the same number of rows and predict the same number,
    so what is compiled for the first serves the others.

    Args:
        run: a finished run.
        data: its data set, as `runs.origin.data_of` gives it: with the labels that the run was trained with.
        folds: parts of the training set, stratified by class; the same seed and labels make the same ones.
        progress: see `Progress`.

    Returns:
        float32 (n, classes), in the order of `data.train`. The same run, the same bytes.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows.
        RunError: if the run is not finished.
        TrainingError: if a network's loss is no longer finite.
    """
    epochs = epochs_kept(run)
    parts = split_folds(data.train.labels, folds, run.config.settings.seed)
    size = max(map(len, parts))
    rows = len(data.train) - size
    probabilities = np.empty((len(data.train), len(data.class_names)), np.float32)
    arrays: Any = None
    for number, part in enumerate(parts):
        model, seed = _begun_anew(run, data, rows, number)
        if arrays is None:
            arrays = (data.train.inputs, _targets(data, model), None)
        source = ArraySource(
            *arrays,
            batch_size=run.config.settings.batch_size,
            shuffle=True,
            seed=seed,
            batch=Rows(preprocess=run.config.preprocessing),
            subset=_without(parts, number, rows),
        )
        arrays = source.arrays  # on the device from here on
        told = [] if progress is None else [_Told(progress, number, folds, epochs, source.steps)]
        fit(model, source, epochs=epochs, verbose=0, callbacks=told)
        padded = np.resize(part, size)  # a fold that is a row short predicts its first row twice
        probabilities[part] = probabilities_of(model, data.train.inputs[padded], run.config)[: len(part)]
    return probabilities


def split_folds(labels: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Row numbers of each fold, sorted: all rows once, sizes and counts of each class differing by one at most.

    Rows are dealt out like cards, class after class, each class in random order.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows.
    """
    if not 2 <= folds <= len(labels):
        raise UsageError(f"folds must be a whole number from 2 to {len(labels):,}, the number of rows; got {folds}.")
    shuffled = np.random.default_rng((seed, 0xF01D)).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return [np.sort(by_class[start::folds]) for start in range(folds)]


def epochs_kept(run: Run) -> int:
    """The epochs after which the run had the weights that it kept.

    Raises `RunError` if it is not finished, or does not know: a model that was kept without its history.
    """
    if run.result is None:
        raise RunError(f"{run.path} is not finished: go on with mlplab train --resume {run.path}")
    stopping = files.read_json(run.path / "checkpoint.json").get("stopping", {})
    epochs = stopping["best_epoch"] + 1 if stopping else len(run.epochs)
    if not epochs:
        raise RunError(
            f"{run.path} does not tell for how many epochs its model was trained, so no other can be trained like it. "
            "Keep it with its History: mlplab.save_run(model, data, history=history)."
        )
    return epochs


def _without(parts: list[np.ndarray], number: int, rows: int) -> np.ndarray:
    """`rows` row numbers outside a fold. Where there is one too many, the last row of another fold is left out."""
    others = [part for other, part in enumerate(parts) if other != number]
    if sum(map(len, others)) > rows:
        longest = max(range(len(others)), key=lambda other: len(others[other]))
        others[longest] = others[longest][:-1]
    return np.sort(np.concatenate(others))


def _begun_anew(run: Run, data: Data, rows: int, number: int) -> tuple[keras.Model, int]:
    """The run's network with new weights, and a seed; both differ from fold to fold."""
    settings = run.config.settings
    seed = int(np.random.SeedSequence((settings.seed, number)).generate_state(1)[0] >> 1)
    if settings.hidden is not None:
        return built(dataclasses.replace(settings, seed=seed), data, rows), seed
    with _seeded(seed):
        return architecture.read(run.path / "model.json"), seed


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Python's random numbers, of which Keras makes the seeds of layers that were given none, begun at `seed`."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _targets(data: Data, model: keras.Model) -> np.ndarray:
    labels = data.train.labels
    return np.eye(len(data.class_names), dtype=np.float32)[labels] if is_one_hot(model.loss) else labels


class _Told(keras.callbacks.Callback):
    """Counts the steps of all folds together."""

    def __init__(self, progress: Progress, fold: int, folds: int, epochs: int, steps: int):
        super().__init__()
        self._progress, self._before, self._steps = progress, fold * epochs * steps, steps
        self._total = folds * epochs * steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_piece_end(self, step: int, logs: dict[str, float]) -> None:
        self._progress(self._before + self._epoch * self._steps + step + 1, self._total)
