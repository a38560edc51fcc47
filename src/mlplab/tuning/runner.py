"""Round after round: ask for trials, run them as populations, tell what became of them.

A round is as many populations as run at the same time. What it asks for is a function of the rounds before it alone, so
a study comes out the same wherever its populations run, and however often it is killed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlplab.cluster import Workers
from mlplab.datasets import Data
from mlplab.errors import TrainingError
from mlplab.experiments.successive_halving import Outcome, epochs_of, run_trials
from mlplab.experiments.successive_halving import Progress as TaskProgress
from mlplab.runs import Settings
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.database import Trials
from mlplab.tuning.sampling import quiet_optuna, sample
from mlplab.tuning.space import Space
from mlplab.tuning.study import best_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Watched:
    """Where the study stands, for whoever watches.

    Attributes:
        metric: "accuracy" or "loss": what the scores are.
        done, total: trials told, and those there will be (None: as many as the budget allows).
        numbers: the trials that run now, or that were just told.
        part: how much of their work is done, 0 to 1.
        scores: their newest values; once they are told, those of trials that were not dropped. None for those that
            diverged or have none yet.
        best: number and value of the best trial told so far.
        seconds: that they took, once they are told.
        dropped: how many of them, once they are told.
    """

    metric: str
    done: int
    total: int | None
    numbers: range
    part: float
    scores: list[float | None]
    best: tuple[int, float] | None
    seconds: float | None = None
    dropped: int = 0


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


class Rounds:
    """The trials of a study, carried on until there are as many as were asked for, or the budget is spent.

    Args:
        asked: the study's.
        data: verified to be the study's.
        trials: its database.
        workers: run the tasks.
        progress: see `Watched`.
    """

    def __init__(
        self, asked: StudyConfig, data: Data, trials: Trials, workers: Workers, progress: Progress | None = None
    ):
        self._asked, self._data, self._trials, self._workers, self._progress = asked, data, trials, workers, progress
        self._space = Space.of(asked.space)

    def run(self) -> None:
        """Raises `TrainingError` as soon as all trials of a round, and of those before it, have diverged."""
        with quiet_optuna():
            while True:
                known = self._trials.read()
                if all(trial.state.is_finished() for trial in known) and known:
                    self._check_not_all_failed(known)
                numbers, size = self._next(known)
                if not numbers:
                    return
                self._round(known, numbers, size)

    def _next(self, known: "Sequence[FrozenTrial]") -> tuple[range, int]:
        """The trials of the first round that is not told as a whole, and how many of them make a population."""
        seconds = self._trials.seconds
        start, spent, an_epoch = 0, 0.0, 0.0
        while True:
            size = self._size(spent, an_epoch)
            numbers = range(start, start + size * self._asked.parallel)
            if self._asked.trials is not None:
                numbers = numbers[: max(0, self._asked.trials - start)]
            told = known[start : numbers.stop]
            if not numbers or len(told) < len(numbers) or not all(trial.state.is_finished() for trial in told):
                return numbers, size
            took = sum(seconds.get(first, 0.0) for first in numbers[::size])
            start, spent = numbers.stop, spent + took
            an_epoch = max(an_epoch, took / max(1, sum(trial.last_step or 0 for trial in told)))

    def _size(self, spent: float, an_epoch: float) -> int:
        """Trials in each population of the next round: as many as were asked for, or as can be expected to fit.

        Args:
            spent: seconds of the budget.
            an_epoch: of one trial, the seconds that it took in a round before.
        """
        asked = self._asked
        if asked.budget is None or not spent:
            return asked.population
        sizes = range(asked.population, min(asked.population, asked.reduction) - 1, -1)
        needed = {n: an_epoch * asked.parallel * epochs_of(asked.rungs, n, asked.reduction) for n in sizes}
        return next((n for n in sizes if needed[n] <= asked.budget - spent), 0)

    def _round(self, known: "Sequence[FrozenTrial]", numbers: range, size: int) -> None:
        begun = before = time.perf_counter()
        earlier, there = known[: numbers.start], known[numbers.start : numbers.stop]
        asked = sample(self._space, self._asked.seed, self._asked.metric, earlier, len(numbers))
        self._trials.begin(asked[len(there) :])
        running = self._trials.read()[numbers.start : numbers.stop]
        populations = [running[i : i + size] for i in range(0, len(running), size)]
        left = [each for each in populations if not all(trial.state.is_finished() for trial in each)]
        for population, outcomes in self._outcomes(left):
            now = time.perf_counter()
            # Noted first: told without its seconds, a population would count as one that took none.
            self._trials.took(population[0].number, round(now - before, 3))
            for trial, outcome in zip(population, outcomes, strict=True):
                if not trial.state.is_finished():
                    self._trials.tell(trial, outcome, self._asked.metric)
            self._watch(population, 1.0, [], now - begun)
            before = now

    def _outcomes(self, populations: "list[list[FrozenTrial]]") -> "Iterator[tuple[list[FrozenTrial], list[Outcome]]]":
        tasks = [self._task(population) for population in populations]
        running = 0
        if populations:
            self._watch(populations[0], 0.0, [])

        def watch(part: float, scores: list[float | None]) -> None:
            self._watch(populations[running], part, scores)

        for position, outcomes in self._workers.map(run_task, tasks, shared=self._data, progress=watch):
            yield populations[position], outcomes
            running = min(position + 1, len(populations) - 1)
            if self._workers.slots == 1 and running > position:
                self._watch(populations[running], 0.0, [])

    def _task(self, population: "list[FrozenTrial]") -> Task:
        asked = self._asked
        # Of later rounds it is known beforehand whether they fit.
        first = asked.budget is not None and population[0].number < asked.population * asked.parallel
        shares = -(-asked.parallel // self._workers.slots)  # of one slot's time
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
        dropped = 0
        if seconds is not None:
            told = known[numbers.start : numbers.stop]
            dropped = sum(trial.state.name == "PRUNED" for trial in told)
            scores = [None if t.state.name == "FAIL" else t.value for t in told if t.state.name != "PRUNED"]
        best = best_of(known, self._asked.metric)
        done = sum(trial.state.is_finished() for trial in known)
        so_far = None if best is None or best.value is None else (best.number, best.value)
        total = self._asked.trials
        self._progress(Watched(self._asked.metric, done, total, numbers, part, scores, so_far, seconds, dropped))

    def _check_not_all_failed(self, known: "Sequence[FrozenTrial]") -> None:
        if all(trial.state.name == "FAIL" for trial in known):
            raise TrainingError(
                f"All {len(known)} trials diverged: the space has no network that can be trained. The first one: "
                f"{known[0].user_attrs.get('reason')} Begin a new study with smaller learning rates."
            )
