"""Cross-validation: every training row predicted by a network that was not trained on it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlplab.cluster import workers
from mlplab.datasets import Data
from mlplab.engine import Member
from mlplab.errors import RunError, TrainingError, require
from mlplab.experiments.population import ModelBuilder, train_members
from mlplab.progress import Progress, ProgressListener
from mlplab.runs import Config, Run
from mlplab.runs.probabilities import probabilities_of
from mlplab.training.device_data import DeviceData
from mlplab.training.weight_averaging import weight_averaging

_AT_ONCE = 16
"""Folds trained together at most, so that as many folds as rows need no more memory."""


def cross_validate(
    run: Run, data: Data, *, folds: int = 5, ray: str | None = None, progress: ProgressListener | None = None
) -> np.ndarray:
    """Predict all training rows out of sample: each fold by a network trained on the others.

    The networks are the run's, with fresh weights: its settings, preprocessing and seed. A fold has no validation
    split to stop early on, so each network is trained for as many epochs as led to the weights that the run kept, on
    the same schedule. All training rows take part, also those that the run held out or left unlabelled.

    All folds train on the same number of rows and predict the same number, so one compiled program trains all of them
    and one predicts. Where rows have groups, no group is in two folds, so folds differ in size; those with fewer rows
    to train on take some of them twice.

    Args:
        run: a finished run.
        data: its data set, as `runs.dataset_ref.data_of` gives it: with the labels that the run was trained with.
        folds: parts of the training set, stratified by class. The same seed, labels and groups make the same ones.
        ray: a Ray cluster that trains the folds, see `cluster.workers`; None: this process. The probabilities are the
            same.
        progress: called with the folds done. A cluster reports whole folds only.

    Returns:
        float32 (n, classes), in the order of `data.train`. The same run gives the same bytes.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows or groups.
        RunError: if the run is not finished.
        TrainingError: if a network's loss or a weight is no longer finite.
        ClusterError: if no cluster answers at the address, or loses a task again and again.
    """
    epochs = epochs_kept(run)
    parts = split_folds(data.train.labels, folds, run.config.settings.seed, data.train.groups)
    plan = _Plan(run.config, ModelBuilder.of(run), epochs, data, parts)
    probabilities = np.empty((len(data.train), len(data.class_names)), np.float32)
    with workers(ray) as pool:
        size = min(_AT_ONCE, max(2, -(-folds // pool.slots)))  # one task for each slot, as each has to compile
        tasks = [range(folds)[start : start + size] for start in range(0, folds, size)]
        done = 0
        for position, predicted in pool.map(_predict_folds, tasks, shared=plan, progress=progress):
            for number, probabilities_of_part in zip(tasks[position], predicted, strict=True):
                probabilities[parts[number]] = probabilities_of_part
            done += len(tasks[position])
            if progress is not None:
                progress(Progress(done, folds))
    return probabilities


@dataclass(frozen=True)
class _Plan:
    """What all tasks of a cross-validation share.

    Attributes:
        parts: row numbers of each fold.
    """

    config: Config
    builder: ModelBuilder
    epochs: int
    data: Data
    parts: list[np.ndarray]


def _predict_folds(plan: _Plan, numbers: range, progress: ProgressListener | None) -> list[np.ndarray]:
    """Return the probabilities (rows, classes) of some folds, by networks trained together on the rows outside."""
    smallest, largest = min(map(len, plan.parts)), max(map(len, plan.parts))
    rows = len(plan.data.train) - (largest if plan.data.train.groups is None else smallest)
    networks = [plan.builder.build(number, plan.data, rows) for number in numbers]
    device_data = DeviceData(plan.data, plan.config.chunk_bytes)
    members = []
    for number, (model, seed) in zip(numbers, networks, strict=True):
        outside = _rows_outside(plan.parts, number, rows)
        order = {"preprocessing": plan.config.preprocessing, "seed": seed}
        source = device_data.training_source(model, outside, plan.config.settings, **order)
        averaging = weight_averaging(plan.config.settings, model, source)
        callbacks = [] if averaging is None else [averaging]
        members.append(Member(model, source, epochs=plan.epochs, callbacks=callbacks))

    def report(trained: Progress) -> None:
        if progress is not None:
            progress(Progress(numbers.start + len(numbers) * trained.done / (trained.total or 1), len(plan.parts)))

    train_members(members, report)
    predicted = []
    for number, member in zip(numbers, members, strict=True):
        if member.failure is not None:
            raise TrainingError(f"Fold {number + 1} of {len(plan.parts)} cannot be trained. {member.failure}")
        part = plan.parts[number]
        padded = np.resize(part, largest)  # a fold that is a row short predicts its first row twice
        inputs = plan.data.train.inputs
        predicted.append(probabilities_of(member.model, inputs, plan.config, padded)[: len(part)])
    return predicted


def split_folds(labels: np.ndarray, folds: int, seed: int, groups: Sequence[str] | None = None) -> list[np.ndarray]:
    """Return the sorted row numbers of each fold: every row once, sizes and counts of a class differ by one at most.

    Rows are dealt out like cards, class after class, each class in random order. Where rows have groups, a group is in
    one fold, and classes are in equal parts only as far as groups allow.

    Raises:
        UsageError: for fewer folds than 2, or more than there are rows or groups.
    """
    if groups is not None:
        return _folds_of_groups(labels, folds, seed, groups)
    expected = f"a whole number from 2 to {len(labels):,}, the number of rows"
    require(isinstance(folds, int) and 2 <= folds <= len(labels), "folds", folds, expected)
    shuffled = np.random.default_rng((seed, 0xF01D)).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return [np.sort(by_class[start::folds]) for start in range(folds)]


def _folds_of_groups(labels: np.ndarray, folds: int, seed: int, groups: Sequence[str]) -> list[np.ndarray]:
    """Return the row numbers of each fold as scikit-learn's StratifiedGroupKFold deals out groups."""
    from sklearn.model_selection import StratifiedGroupKFold  # takes a second, and only groups need it

    count, largest = len(set(groups)), int(np.bincount(labels).max())
    reason = f"there are {count:,} groups" if count <= largest else f"the largest class has {largest:,} rows"
    most = min(count, largest)  # scikit-learn wants a class with a row for each fold
    expected = f"a whole number from 2 to {most:,}, as {reason}"
    require(isinstance(folds, int) and 2 <= folds <= most, "folds", folds, expected)
    random_state = int(np.random.SeedSequence((seed, 0xF01D)).generate_state(1)[0])
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a class with fewer rows than folds
        return [np.sort(part) for _, part in splitter.split(labels, labels, groups)]


def epochs_kept(run: Run) -> int:
    """Return the number of epochs after which the run had the weights that it kept.

    Raises:
        RunError: if the run is not finished, or was made of a model that was kept without its history.
    """
    run.require_finished()
    if not run.kept_epoch:
        raise RunError(
            f"{run.path} does not say for how many epochs its model was trained, so no other can be trained like it. "
            "Keep the model with its History: mlplab.save_run(model, data, history=history)."
        )
    return run.kept_epoch


def _rows_outside(parts: list[np.ndarray], number: int, rows: int) -> np.ndarray:
    """Return `rows` row numbers outside a fold, sorted.

    If there is one too many, the last row of another fold is left out. If there are too few, all are taken as often,
    and then some, evenly spaced, once more.
    """
    others = [part for other, part in enumerate(parts) if other != number]
    if sum(map(len, others)) > rows:
        longest = max(range(len(others)), key=lambda other: len(others[other]))
        others[longest] = others[longest][:-1]
    outside = np.sort(np.concatenate(others))
    times, more = divmod(rows, len(outside))
    again = outside[np.arange(more) * len(outside) // max(more, 1)]
    return np.sort(np.concatenate([np.repeat(outside, times), again]))
