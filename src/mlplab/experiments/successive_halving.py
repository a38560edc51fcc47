"""Trials of a study: networks of many settings trained on one split, the worst dropped on the way.

A pure function of data and settings, whose arguments and results can be pickled: another process, or another machine,
gives the same outcomes.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows, backend
from mlplab.engine.driver import fit_members
from mlplab.engine.member import Member
from mlplab.errors import UsageError
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import build_network

Progress = Callable[[float, list[float | None]], None]
"""Called after each epoch with the part of the work done, 0 to 1, and each trial's newest score, if it has one."""

METRICS = {"accuracy": "val_accuracy", "loss": "val_loss"}
"""What trials can be compared by: the name in a history."""


_KNOWN = 0.2
"""After so much of the first rung its seconds can be told."""


@dataclass(frozen=True)
class Outcome:
    """What became of one trial.

    Attributes:
        history: a value an epoch: `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        failed: why it was set aside, if it diverged.
        dropped: epochs at which it was not among the best; None if it was trained to the end.
        parameters: of the network.
        group: equal for trials whose networks are of one architecture.
    """

    history: dict[str, list[float]]
    failed: str | None
    dropped: int | None
    parameters: int
    group: str


class _Trial:
    """One network on its way."""

    def __init__(self, settings: Settings, member: Member):
        self.settings, self.member = settings, member
        self.failed: str | None = None
        self.dropped: int | None = None

    @property
    def active(self) -> bool:
        return self.failed is None and self.dropped is None

    @property
    def history(self) -> dict[str, list[float]]:
        return self.member.model.history.history

    def score(self, metric: str) -> float | None:
        """The newest, if there is one."""
        values = self.history.get(METRICS[metric])
        return values[-1] if values and self.failed is None and self.member.failure is None else None

    def look(self) -> None:
        """See whether it diverged. Of a history only the epochs before that are kept."""
        self.failed = self.member.failure
        epochs = enumerate(zip(*self.history.values(), strict=True))
        whole = next((epoch for epoch, values in epochs if not all(map(math.isfinite, values))), None)
        if whole is not None:
            self.failed = f"The validation loss stopped being a finite number in epoch {whole + 1}."
            for values in self.history.values():
                del values[whole:]

    def outcome(self) -> Outcome:
        history = {name: [float(value) for value in values] for name, values in self.history.items()}
        parameters = self.member.model.count_params()
        return Outcome(history, self.failed, self.dropped, parameters, architecture(self.settings))


def run_trials(
    data: Data,
    settings: Sequence[Settings],
    *,
    rungs: Sequence[int],
    reduction: int = 3,
    metric: str = "accuracy",
    seed: int = 0,
    limit: float | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Train all of them up to each rung, and go on with the best part: synchronous successive halving.

    Jamieson, Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter optimization", Algorithm 1,
    with another reduction than 2.

    Args:
        data: trained on the training rows, scored on those of them that are held out. The test set is not looked at.
        settings: one for each trial, all with the same `validation` and `labelled`, and with `epochs` equal to the
            last rung, so that a schedule ends there. A trial's `seed` is of its weights, order and dropout.
        rungs: epochs after which trials are compared, rising.
        reduction: one of so many goes on, rounded up. Of equal ones the earlier goes on.
        metric: "accuracy" or "loss", of the validation rows.
        seed: of the split, which is the same for all.
        limit: seconds; no rung is begun that would not fit, judged by those before.
        progress: see `Progress`.

    Returns:
        An outcome for each, in order.

    Raises:
        UsageError: for settings that do not belong together, or a limit too short for the first rung.
    """
    _check(settings, rungs, metric)
    trials = _prepared(data, settings, seed)
    work = _Work(rungs, len(trials), reduction, limit)
    for rung in rungs:
        going = [trial for trial in trials if trial.active]
        if not work.fits(rung, len(going)):
            break
        for trial in going:
            trial.member.epochs = rung
        total = sum(trial.member.source.steps for trial in going) * work.epochs(rung)

        def tell(steps: int, _: Any, rung: int = rung, total: int = total) -> None:
            part = work.done(rung, steps / total)
            if progress is not None:
                progress(part, [trial.score(metric) for trial in trials])

        fit_members([trial.member for trial in going], progress=tell)
        for trial in going:
            trial.look()
        if rung != rungs[-1]:
            _drop_worst(going, rung, reduction, metric)
    return [trial.outcome() for trial in trials]


def epochs_of(rungs: Sequence[int], trials: int, reduction: int) -> int:
    """Epochs of all trials together, where so many begin."""
    return _Work(rungs, trials, reduction, limit=None).total


def architecture(settings: Settings) -> str:
    """What a network's compiled step depends on, in words: trials of one architecture can be trained together."""
    hidden = "-".join(map(str, settings.hidden or ())) or "no hidden layer"
    parts = [hidden, settings.activation, "batch norm" * settings.batch_norm, "dropout" * (settings.dropout > 0)]
    parts += [settings.optimizer, "weight decay" * bool(settings.weight_decay)]
    parts += ["cosine" * (settings.schedule == "cosine"), "standardized" * settings.standardize]
    return " ".join([part for part in parts if part] + [f"batch {settings.batch_size}"])


def _check(settings: Sequence[Settings], rungs: Sequence[int], metric: str) -> None:
    if not settings:
        raise UsageError("There are no trials to run: settings is empty.")
    if metric not in METRICS:
        raise UsageError(f"metric must be accuracy or loss; got {metric!r}.")
    if not rungs or list(rungs) != sorted(set(rungs)) or rungs[0] < 1:
        raise UsageError(f"rungs must be rising numbers of epochs, from 1; got {list(rungs)}.")
    if any(each.epochs != rungs[-1] for each in settings):
        raise UsageError(f"The settings' epochs must be the last rung, {rungs[-1]}, where their schedules end.")
    if len({(each.validation, each.labelled) for each in settings}) > 1 or not settings[0].validation:
        raise UsageError("All trials need one split: give them the same validation, above 0, and the same labelled.")


def _prepared(data: Data, settings: Sequence[Settings], seed: int) -> list[_Trial]:
    """Models built, and their sources over one copy of the training set on the device."""
    split = splits.split(
        data.train, Settings(validation=settings[0].validation, labelled=settings[0].labelled, seed=seed)
    )
    arrays: Any = (data.train.inputs, data.train.labels, None)
    held_out: dict[bool, ArraySource] = {}
    trials = []
    for each in settings:
        scaling = splits.fit_preprocessing(data.train.inputs, split["train"], each.standardize)
        batch = Rows(preprocess=scaling)
        source = ArraySource(
            *arrays, batch_size=each.batch_size, shuffle=True, seed=each.seed, batch=batch, subset=split["train"]
        )
        arrays = source.arrays  # on the device from here on
        if each.standardize not in held_out:
            held_out[each.standardize] = ArraySource(*arrays, batch_size=1000, batch=batch, subset=split["validation"])
        model = build_network(each, data, len(split["train"]))
        member = Member(model, source, held_out[each.standardize], epochs=each.epochs, trace_all=True)
        trials.append(_Trial(each, member))
    return trials


def _drop_worst(going: list[_Trial], rung: int, reduction: int, metric: str) -> None:
    left = [trial for trial in going if trial.active]
    sign = -1 if metric == "accuracy" else 1
    ranked = sorted(left, key=lambda trial: sign * trial.history[METRICS[metric]][-1])  # stable: ties by order
    for trial in ranked[math.ceil(len(going) / reduction) :]:
        trial.dropped = rung


class _Work:
    """The work of all rungs in epochs of trials, how much of it is done, and whether the rest fits into a limit.

    Args:
        limit: seconds from now; None: all fits.

    Attributes:
        total: epochs of all rungs.
    """

    def __init__(self, rungs: Sequence[int], trials: int, reduction: int, limit: float | None):
        self._trials, self._limit = trials, limit
        self._before: dict[int, tuple[int, int, int]] = {}
        # By rung: the rung before, epochs of trials before it, and those in it.
        done = begin = 0
        for rung in rungs:
            self._before[rung] = (begin, done, trials * (rung - begin))
            done, trials, begin = done + trials * (rung - begin), math.ceil(trials / reduction), rung
        self.total, self._first = done, rungs[0]
        self._begun, self._compiled = time.perf_counter(), backend.compile_seconds()
        self._epochs = 0.0

    def epochs(self, rung: int) -> int:
        """From the rung before."""
        return rung - self._before[rung][0]

    def done(self, rung: int, part: float) -> float:
        """A part of a rung is done: the part of the whole. Raises `UsageError` once it is known not to fit."""
        _, before, inside = self._before[rung]
        self._epochs = before + part * inside
        if self._limit is not None and rung == self._first and part > _KNOWN:
            needed = self._seconds + (1 - part) * inside * self._each
            if needed > self._limit:
                raise UsageError(
                    f"A population of {self._trials} takes about {needed:.0f} s to its first rung, epoch {rung}; the "
                    f"budget is {self._limit:.0f} s: too short to compare any. Give a budget of at least "
                    f"{math.ceil(needed * 2)}s, a smaller population, or a space with smaller networks."
                )
        return self._epochs / self.total

    def fits(self, rung: int, trials: int) -> bool:
        """Whether that many trials can be trained from the rung before to this one; the first is begun in any case."""
        if self._limit is None or rung == self._first:
            return True
        return self._seconds + trials * self.epochs(rung) * self._each <= self._limit

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._begun

    @property
    def _each(self) -> float:
        """Seconds of one trial's epoch, compiling left out."""
        return max(self._seconds - (backend.compile_seconds() - self._compiled), 0.0) / max(self._epochs, 1e-9)
