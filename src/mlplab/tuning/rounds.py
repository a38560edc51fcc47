"""Round after round: ask for trials, run them as populations, tell what became of them.

A round is as many populations as run at the same time. What it asks for is a function of the rounds before it alone, so
a study comes out the same wherever its populations run, and however often it is killed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from mlplab.datasets import Data
from mlplab.errors import TrainingError
from mlplab.runs import Settings
from mlplab.training.trials import Outcome, epochs_of, run_trials
from mlplab.training.trials import Progress as TaskProgress
from mlplab.tuning.asking import Asked
from mlplab.tuning.database import Trials
from mlplab.tuning.sampling import quiet_optuna, sample
from mlplab.tuning.space import Space
from mlplab.tuning.study import best_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_SECONDS = "seconds"
"""The study's attribute with the seconds that each round took."""


@dataclass(frozen=True)
class Watched:
    """Where the study stands, for whoever watches.

    Attributes:
        metric: "accuracy" or "loss": what the scores are.
        done, total: trials told, and those there will be (None: as many as the budget allows).
        numbers: the trials that run now, or that were just told.
        part: how much of their work is done, 0 to 1.
        scores: their newest values; None for those that diverged or have none yet.
        best: number and value of the best trial told so far.
        seconds: that they took, once they are told.
    """

    metric: str
    done: int
    total: int | None
    numbers: range
    part: float
    scores: list[float | None]
    best: tuple[int, float] | None
    seconds: float | None = None


Progress = Callable[[Watched], None]


@dataclass(frozen=True)
class Task:
    """One population's work; what a worker elsewhere is sent."""

    settings: tuple[Settings, ...]
    rungs: tuple[int, ...]
    reduction: int
    metric: str
    seed: int
    limit: float | None


def run_task(data: Data, task: Task, progress: TaskProgress | None = None) -> list[Outcome]:
    """Carry out one task, in this process or another."""
    return run_trials(
        data,
        task.settings,
        rungs=task.rungs,
        reduction=task.reduction,
        metric=task.metric,
        seed=task.seed,
        limit=task.limit,
        progress=progress,
    )


def _between(trials: "Sequence[FrozenTrial]") -> float:
    """Seconds from the first beginning to the last end, for a round that was killed when all its trials were told."""
    ends = max(trial.datetime_complete for trial in trials if trial.datetime_complete is not None)
    return (ends - min(trial.datetime_start for trial in trials if trial.datetime_start is not None)).total_seconds()


class Rounds:
    """The trials of a study, carried on until there are as many as were asked for, or the budget is spent.

    Args:
        asked: the study's.
        data: verified to be the study's.
        trials: its database.
        workers: runs tasks elsewhere (see `mlplab.cluster`); None: here, one after the other.
        progress: see `Watched`.
    """

    def __init__(self, asked: Asked, data: Data, trials: Trials, workers: Any = None, progress: Progress | None = None):
        self._asked, self._data, self._trials, self._workers, self._progress = asked, data, trials, workers, progress
        self._space = Space.of(asked.space)

    def run(self) -> None:
        """Raises `TrainingError` as soon as all trials of a round, and of those before it, have diverged."""
        with quiet_optuna():
            while True:
                known = self._trials.read()
                if all(trial.state.is_finished() for trial in known) and known:
                    self._check_not_all_failed(known)
                spent = self._trials.noted(_SECONDS, [])
                sizes = [self._size(spent[:count]) for count in range(len(spent) + 1)]
                numbers = range(sum(sizes[:-1]) * self._asked.parallel, sum(sizes) * self._asked.parallel)
                if self._asked.trials is not None:
                    numbers = numbers[: max(0, self._asked.trials - numbers.start)]
                if not numbers:
                    return
                self._round(known, numbers, sizes[-1])

    def _size(self, spent: Sequence[float]) -> int:
        """Trials in each population of the round that follows those which took so many seconds.

        As many as were asked for; of the last one within a budget as many as can be expected to fit. 0: none can be.
        """
        asked = self._asked
        if asked.budget is None or not spent:
            return asked.population
        left = asked.budget - sum(spent)
        an_epoch = max(spent) / epochs_of(asked.rungs, asked.population, asked.reduction)
        sizes = range(asked.population, min(asked.population, asked.reduction) - 1, -1)
        return next((n for n in sizes if an_epoch * epochs_of(asked.rungs, n, asked.reduction) <= left), 0)

    def _round(self, known: "Sequence[FrozenTrial]", numbers: range, size: int) -> None:
        begun = time.perf_counter()
        earlier, there = known[: numbers.start], known[numbers.start :]
        asked = sample(self._space, self._asked.seed, self._asked.metric, earlier, len(numbers))
        self._trials.begin(asked[len(there) :])
        running = self._trials.read()[numbers.start :]
        populations = [running[i : i + size] for i in range(0, len(running), size)]
        left = [each for each in populations if not all(trial.state.is_finished() for trial in each)]
        for population, outcomes in self._outcomes(left):
            for trial, outcome in zip(population, outcomes, strict=True):
                if not trial.state.is_finished():
                    self._trials.tell(trial, outcome, self._asked.metric)
            self._watch(population, 1.0, [], time.perf_counter() - begun)
        took = time.perf_counter() - begun if left else _between(running)
        self._trials.note(_SECONDS, [*self._trials.noted(_SECONDS, []), round(took, 3)])

    def _outcomes(self, populations: "list[list[FrozenTrial]]") -> "Iterator[tuple[list[FrozenTrial], list[Outcome]]]":
        tasks = [self._task(population) for population in populations]
        if self._workers is None:
            for population, task in zip(populations, tasks, strict=True):
                self._watch(population, 0.0, [])
                yield population, run_task(self._data, task, partial(self._watch, population))
            return
        if populations:
            self._watch(populations[0], 0.0, [])
        for position, outcomes in self._workers.map(run_task, tasks, shared=self._data):
            yield populations[position], outcomes

    def _task(self, population: "list[FrozenTrial]") -> Task:
        asked = self._asked
        # Of later rounds it is known beforehand whether they fit.
        first = asked.budget is not None and population[0].number < asked.population * asked.parallel
        shares = -(-asked.parallel // (1 if self._workers is None else self._workers.slots))  # of one slot's time
        return Task(
            settings=tuple(asked.settings(trial) for trial in population),
            rungs=asked.rungs,
            reduction=asked.reduction,
            metric=asked.metric,
            seed=asked.seed,
            limit=asked.budget / shares if first and asked.budget is not None else None,
        )

    def _watch(
        self,
        population: "list[FrozenTrial]",
        part: float,
        scores: list[float | None],
        seconds: float | None = None,
    ) -> None:
        if self._progress is None:
            return
        known = self._trials.read() if part in (0.0, 1.0) else self._known
        self._known = known
        numbers = range(population[0].number, population[-1].number + 1)
        if seconds is not None:
            scores = [None if t.state.name == "FAIL" else t.value for t in known[numbers.start : numbers.stop]]
        best = best_of(known, self._asked.metric)
        done = sum(trial.state.is_finished() for trial in known)
        told = None if best is None or best.value is None else (best.number, best.value)
        self._progress(Watched(self._asked.metric, done, self._asked.trials, numbers, part, scores, told, seconds))

    def _check_not_all_failed(self, known: "Sequence[FrozenTrial]") -> None:
        if all(trial.state.name == "FAIL" for trial in known):
            raise TrainingError(
                f"All {len(known)} trials diverged: the space has no network that can be trained. The first one: "
                f"{known[0].user_attrs.get('reason')} Begin a new study with smaller learning rates."
            )
