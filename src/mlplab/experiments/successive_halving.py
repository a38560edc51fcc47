"""Successive halving: networks of many settings trained on one split, the worst dropped at each rung.

A pure function of data and task. Arguments and results can be pickled: another process, or another machine, gives the
same results.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlplab.datasets import Data
from mlplab.engine import Member
from mlplab.errors import UsageError
from mlplab.experiments.halving_time import Clock, seconds_to_train_again
from mlplab.experiments.population import HELD_OUT, hold_out, train_members
from mlplab.progress import Progress, ProgressListener
from mlplab.runs import Settings
from mlplab.training import averages, splits
from mlplab.training.device_data import DeviceData
from mlplab.training.network import build_network

_ESTIMABLE = 0.1
"""Share of the first rung after which its seconds can be estimated."""


@dataclass(frozen=True)
class HalvingTask:
    """Trials to train up to rungs, and how they are compared.

    Attributes:
        settings: of each trial, all with the same `validation` and `labelled`, and with `epochs` equal to the last
            rung, so that a schedule ends there. A trial's `seed` is of its weights, order and dropout.
        rungs: epochs after which trials are compared, rising.
        reduction: one in this many is trained on after a rung, rounded up. Of equal ones, the earlier is kept.
        metric: "accuracy" or "loss", of the validation rows.
        seed: of the split, which is the same for all trials.
        limit: seconds; no rung is started that would not fit, judged by the rungs before. Where not all trials can
            reach the first rung in time, the last ones are dropped before it.
        seeds: number of seeds with which the best is trained again within the limit, see `seconds_to_train_again`.
        chunk_bytes: of the chunks in which the rows are read, as in `runs.Config`; None: rows that are on the device.
    """

    settings: tuple[Settings, ...]
    rungs: tuple[int, ...]
    reduction: int = 3
    metric: str = "accuracy"
    seed: int = 0
    limit: float | None = None
    seeds: int = 0
    chunk_bytes: int | None = None

    def of_all_rows(self, an_epoch: float) -> float:
        """Return the seconds of an epoch that trains on the validation rows too, from those of an epoch of a trial."""
        return an_epoch / (1 - (self.settings[0].validation or HELD_OUT))


@dataclass(frozen=True)
class TrialResult:
    """The result of one trial.

    Attributes:
        history: a value for each epoch: `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        failed: the reason, if it diverged.
        dropped: the epoch after which it was not among the best; None if it was trained to the end.
        parameters: of the network.
        group: equal for trials whose networks are of one architecture.
    """

    history: dict[str, list[float]]
    failed: str | None
    dropped: int | None
    parameters: int
    group: str


@dataclass(eq=False)
class _Trial:
    """One network in training."""

    settings: Settings
    member: Member
    failed: str | None = None
    dropped: int | None = None

    @property
    def active(self) -> bool:
        return self.failed is None and self.dropped is None

    @property
    def history(self) -> dict[str, list[float]]:
        return self.member.model.history.history

    def score(self, metric: str) -> float | None:
        """Return the newest score; None if there is none yet, or if the trial diverged."""
        values = self.history.get(f"val_{metric}")
        return values[-1] if values and self.failed is None and self.member.failure is None else None

    def check_diverged(self) -> None:
        """Note whether it diverged, and keep only the epochs before that in the history."""
        self.failed = self.member.failure
        epochs = enumerate(zip(*self.history.values(), strict=True))
        first_bad = next((epoch for epoch, values in epochs if not all(map(math.isfinite, values))), None)
        if first_bad is not None:
            self.failed = f"The validation loss stopped being a finite number in epoch {first_bad + 1}."
            for values in self.history.values():
                del values[first_bad:]

    def result(self) -> TrialResult:
        history = {name: [float(value) for value in values] for name, values in self.history.items()}
        parameters = self.member.model.count_params()
        return TrialResult(history, self.failed, self.dropped, parameters, architecture(self.settings))


def run_trials(data: Data, task: HalvingTask, progress: ProgressListener | None = None) -> list[TrialResult]:
    """Train all trials up to each rung, and continue with the best: synchronous successive halving.

    Jamieson, Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter optimization", Algorithm 1,
    with another reduction than 2.

    Args:
        data: trained on the training rows, scored on the validation rows among them. The test set is not used.
        task: the trials.
        progress: called with the epochs done, over all trials, and as detail each trial's newest score.

    Returns:
        A result for each trial, in order.

    Raises:
        UsageError: for a limit too short to train one trial to the first rung, and the best one again.
    """
    trials = _prepare(data, task)
    planned = epochs_per_rung(task.rungs, len(trials), task.reduction)
    clock, is_estimated = Clock(), task.limit is None
    for number, rung in enumerate(task.rungs):
        active = [trial for trial in trials if trial.active]
        epochs = rung - (task.rungs[number - 1] if number else 0)
        before = sum(planned[:number])
        if number and task.limit is not None:
            an_epoch, end = task.of_all_rows(clock.an_epoch(before)), clock.end(before, len(active) * epochs)
            if end + seconds_to_train_again(task.seeds, task.rungs[-1], an_epoch, task.limit) > task.limit:
                break
        for trial in active:
            trial.member.epochs, trial.member.continues = rung, rung < task.rungs[-1]

        def report(trained: Progress, number: int = number, before: int = before) -> None:
            nonlocal is_estimated
            share = trained.done / (trained.total or 1)
            done = before + share * planned[number]
            if not is_estimated and share > _ESTIMABLE:
                is_estimated = True
                _drop_what_does_not_fit(task, trials, clock, done)
            if progress is not None:
                progress(Progress(done, sum(planned), [trial.score(task.metric) for trial in trials]))

        train_members([trial.member for trial in active], report)
        for trial in active:
            trial.check_diverged()
        if rung != task.rungs[-1]:
            _drop_worst(active, rung, task)
    return [trial.result() for trial in trials]


def epochs_per_rung(rungs: Sequence[int], trials: int, reduction: int) -> list[int]:
    """Return the epochs of all trials together between each rung and the one before it."""
    epochs, before = [], 0
    for rung in rungs:
        epochs.append(trials * (rung - before))
        before, trials = rung, math.ceil(trials / reduction)
    return epochs


def architecture(settings: Settings) -> str:
    """Describe what a network's compiled step depends on: trials of one architecture are trained by one program."""
    hidden = "-".join(map(str, settings.hidden or ())) or "no hidden layer"
    parts = [hidden, settings.activation, "batch norm" * settings.batch_norm, "dropout" * (settings.dropout > 0)]
    parts += [f"pixels as {settings.pixel_encoding} numbers" * (settings.pixel_encoding > 0)]
    parts += ["input dropout" * (settings.input_dropout > 0), "noise" * (settings.noise > 0)]
    parts += ["hidden noise" * (settings.hidden_noise > 0)]
    parts += [settings.optimizer, "weight decay" * bool(settings.weight_decay)]
    parts += ["of kernels only" * settings.decay_kernels_only]
    parts += [f"averages {settings.ema:g}" * (settings.ema > 0), "label smoothing" * (settings.label_smoothing > 0)]
    parts += [settings.schedule * (settings.schedule != "none"), f"warm-up {settings.warmup:g}" * (settings.warmup > 0)]
    parts += ["standardized" * settings.standardize]
    parts += [settings.augment * (settings.augment != "none"), f"mixup {settings.mixup:g}" * (settings.mixup > 0)]
    return " ".join([part for part in parts if part] + [f"batch {settings.batch_size}"])


def _prepare(data: Data, task: HalvingTask) -> list[_Trial]:
    """Build the models, and their sources over one copy of the training rows on the device."""
    split = hold_out(data, replace(task.settings[0], seed=task.seed))
    models = [build_network(one, data, len(split["train"])) for one in task.settings]
    device_data = DeviceData(data, task.chunk_bytes)
    preprocessing = {
        standardize: splits.fit_preprocessing(data.train.inputs, split["train"], standardize)
        for standardize in {one.standardize for one in task.settings}
    }
    trials = []
    for one, model in zip(task.settings, models, strict=True):
        scaling = preprocessing[one.standardize]
        source = device_data.training_source(model, split["train"], one, preprocessing=scaling)
        validation = device_data.validation_source(model, split["validation"], preprocessing=scaling)
        swap = averages.averages(one)
        callbacks = [] if swap is None else [swap]
        member = Member(model, source, validation, epochs=one.epochs, callbacks=callbacks, trace_all=True)
        trials.append(_Trial(one, member))
    return trials


def _drop_worst(active: list[_Trial], rung: int, task: HalvingTask) -> None:
    remaining = [trial for trial in active if trial.active]
    sign = -1 if task.metric == "accuracy" else 1
    ranked = sorted(remaining, key=lambda trial: sign * trial.history[f"val_{task.metric}"][-1])  # ties: by order
    for trial in ranked[math.ceil(len(active) / task.reduction) :]:
        trial.dropped = rung


def _drop_what_does_not_fit(task: HalvingTask, trials: Sequence[_Trial], clock: Clock, done: float) -> None:
    """Let trials that cannot reach the first rung within the limit end after their epoch in progress, the last first.

    Raises `UsageError` if none could reach it, and one network be trained again.
    """
    assert task.limit is not None
    an_epoch, elapsed, rung = clock.an_epoch(done), clock.end(done, 0), task.rungs[0]
    kept = seconds_to_train_again(min(task.seeds, 1), task.rungs[-1], task.of_all_rows(an_epoch), limit=0.0)
    to_rung = [(rung - trial.member.epoch) * an_epoch for trial in trials]
    needed = {
        count: elapsed + sum(to_rung[:count]) + (len(trials) - count) * an_epoch + kept
        for count in range(len(trials), 0, -1)
    }
    if fitting := [count for count, seconds in needed.items() if seconds <= task.limit]:
        for trial in trials[fitting[0] :]:
            trial.member.epochs = trial.dropped = min(trial.member.epoch + 1, rung)
        return
    again = f", and {kept:.0f} s to train it again" if task.seeds else ""
    raise UsageError(
        f"A trial takes about {elapsed + to_rung[0]:.0f} s to its first rung, epoch {rung}{again}; the budget has "
        f"{task.limit:.0f} s: too short for any. Give a budget of at least {math.ceil(needed[1] * 1.5)}s, fewer "
        "epochs, or smaller networks."
    )
