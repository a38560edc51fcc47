"""Cross-validation: every training row predicted by a network that was not trained on it."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files
from mlplab.datasets import Data
from mlplab.engine import ArraySource, Member, Rows, fit_members, keras
from mlplab.errors import RunError, TrainingError, require
from mlplab.runs import Run, Settings, architecture
from mlplab.runs.run import probabilities_of
from mlplab.training.network import anew, built, is_one_hot
from mlplab.training.on_cluster import Content, content, per_task, put_down, reached

Progress = Callable[[int, int], None]
"""Called a few times a second with the work done and the work there is, over all folds: of training steps, or folds."""

_AT_ONCE = 16
"""Folds trained together; more of them in turn, so that a fold a row needs no more memory."""


def cross_validate(
    run: Run, data: Data, *, folds: int = 5, ray: str | None = None, progress: Progress | None = None
) -> np.ndarray:
    """Out-of-sample probabilities of all training rows: each fold is predicted by a network trained on the others.

    The networks are the run's own, begun anew: its settings, preprocessing and seed. A fold has no validation
    split to stop early on, so each is trained for as many epochs as made the weights that the run kept, on the same
    schedule. All training rows take part, those that the run held out or left unlabelled too.

    The training set goes to each device once. All folds train on the same number of rows and predict the same number,
    so one program trains all of them, spread over the devices, and one predicts.

    Args:
        run: a finished run.
        data: its data set, as `runs.origin.data_of` gives it: with the labels that the run was trained with.
        folds: parts of the training set, stratified by class; the same seed and labels make the same ones.
        ray: a cluster whose nodes train the folds, see `cluster.workers`; None: here. The probabilities are the same.
        progress: see `Progress`. Of a cluster, called as folds come back.

    Returns:
        float32 (n, classes), in the order of `data.train`. The same run, the same bytes.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows.
        RunError: if the run is not finished.
        TrainingError: if a network's loss or a weight is no longer finite.
        ClusterError: if no cluster answers at the address, or loses a task again and again.
    """
    folds_of = _Folds(run, data, folds)
    probabilities = np.empty((len(data.train), len(data.class_names)), np.float32)
    with reached(ray) as cluster:
        size = _AT_ONCE if cluster is None else per_task(cluster, folds)
        tasks = [range(folds)[start : start + size] for start in range(0, folds, size)]
        if cluster is None:
            found = ((position, folds_of.predicted(task, progress)) for position, task in enumerate(tasks))
        else:
            shared = (content(run.path, "*.json*"), data, folds)
            found = _told(cluster.map(_predicted_there, tasks, shared=shared), tasks, progress)
        for position, predicted in found:
            for number, of_part in zip(tasks[position], predicted, strict=True):
                probabilities[folds_of.parts[number]] = of_part
    return probabilities


def _predicted_there(shared: tuple[Content, Data, int], numbers: range) -> list[np.ndarray]:
    """On a node: what `_Folds.predicted` gives."""
    of_run, data, folds = shared
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "run"
        put_down(path, of_run)
        return _Folds(Run(path), data, folds).predicted(numbers)


def _told(found: Iterator[Any], tasks: Sequence[range], progress: Progress | None) -> Iterator[Any]:
    """What is found, with a word on each task that is done."""
    done = 0
    for position, predicted in found:
        done += len(tasks[position])
        if progress is not None:
            progress(done, tasks[-1].stop)
        yield position, predicted


class _Folds:
    """The folds of a cross-validation, and their networks.

    Attributes:
        parts: row numbers of each fold.
        size: of the largest fold.
    """

    def __init__(self, run: Run, data: Data, folds: int):
        self._run, self._data = run, data
        self._epochs = epochs_kept(run)
        self.parts = split_folds(data.train.labels, folds, run.config.settings.seed)
        self.size = max(map(len, self.parts))
        self._rows = len(data.train) - self.size
        self._arrays: Any = None

    def predicted(self, numbers: range, progress: Progress | None = None) -> list[np.ndarray]:
        """Probabilities (rows of the part, classes) of some parts, by networks trained together on the others."""
        members = [self.member(number) for number in numbers]
        of_fold = members[0].epochs * members[0].source.steps

        def tell(done: int, _: Any) -> None:
            if progress is not None:
                progress(numbers.start * of_fold + done, len(self.parts) * of_fold)

        fit_members(members, progress=tell)
        found = []
        for number, member in zip(numbers, members, strict=True):
            if member.failure is not None:
                raise TrainingError(f"Fold {number + 1} of {len(self.parts)} cannot be trained. {member.failure}")
            part = self.parts[number]
            padded = np.resize(part, self.size)  # a fold that is a row short predicts its first row twice
            found.append(probabilities_of(member.model, self._data.train.inputs[padded], self._run.config)[: len(part)])
        return found

    def member(self, number: int) -> Member:
        """The run's network begun anew, with the rows outside a fold."""
        model, seed = begun_anew(self._run, self._data, self._rows, number)
        if self._arrays is None:
            self._arrays = (self._data.train.inputs, targets_of(self._data, model), None)
        source = ArraySource(
            *self._arrays,
            batch_size=self._run.config.settings.batch_size,
            shuffle=True,
            seed=seed,
            batch=Rows(preprocess=self._run.config.preprocessing),
            subset=_without(self.parts, number, self._rows),
        )
        self._arrays = source.arrays  # on the device from here on
        return Member(model, source, epochs=self._epochs)


def split_folds(labels: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    """Row numbers of each fold, sorted: all rows once, sizes and counts of each class differing by one at most.

    Rows are dealt out like cards, class after class, each class in random order.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows.
    """
    expected = f"a whole number from 2 to {len(labels):,}, the number of rows"
    require(2 <= folds <= len(labels), "folds", folds, expected)
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


def begun_anew(source: Run | Settings, data: Data, rows: int, number: int) -> tuple[keras.Model, int]:
    """The network of a run, or of settings, begun with a seed, and the seed, which differs from number to number."""
    settings = source if isinstance(source, Settings) else source.config.settings
    seed = int(np.random.SeedSequence((settings.seed, number)).generate_state(1)[0] >> 1)
    if settings.hidden is not None:
        return built(dataclasses.replace(settings, seed=seed), data, rows), seed
    assert isinstance(source, Run)
    return anew(architecture.load(source.path / "model.json"), seed), seed


def targets_of(data: Data, model: keras.Model) -> np.ndarray:
    """Training labels (n,), or one-hot rows (n, classes), as the model's loss takes them."""
    labels = data.train.labels
    return np.eye(len(data.class_names), dtype=np.float32)[labels] if is_one_hot(model.loss) else labels
