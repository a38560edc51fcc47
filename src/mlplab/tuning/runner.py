"""Rounds of a study: trials are sampled, trained as populations, and recorded.

A round is as many populations as run at the same time. Its trials are a function of the rounds before it alone, so a
study has the same trials and values wherever its populations run, and however often it is killed.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlplab.cluster import Workers
from mlplab.datasets import Data
from mlplab.errors import TrainingError
from mlplab.experiments.successive_halving import HalvingTask, epochs_per_rung, run_trials
from mlplab.progress import Progress, ProgressListener
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.database import TrialDatabase
from mlplab.tuning.sampling import quiet_optuna, sample
from mlplab.tuning.space import Space
from mlplab.tuning.study import best_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class StudyProgress:
    """The detail of a study's `Progress`: the population in training, or the one that just ended.

    Attributes:
        metric: "accuracy" or "loss": what the scores are.
        numbers: the trials of the population.
        best: number and value of the best trial recorded so far.
        part: how much of the population is done, 0 to 1.
        scores: the newest values of its trials; once it ended, of the trials that were not dropped. None for trials
            that diverged or have no value yet.
        seconds: that the population took; None until it ends.
        dropped: the number of its trials that were dropped, once it ended.
    """

    metric: str
    numbers: range
    best: tuple[int, float] | None
    part: float = 0.0
    scores: Sequence[float | None] = ()
    seconds: float | None = None
    dropped: int = 0


@dataclass(frozen=True)
class StudyRunner:
    """Runs the trials of a study until there are as many as configured, or the budget is spent.

    Attributes:
        config: of the study.
        data: verified to be the study's.
        database: of the study.
        workers: that train the populations.
        progress: called with the finished trials, of all (None with a budget), and a `StudyProgress` as detail.
    """

    config: StudyConfig
    data: Data
    database: TrialDatabase
    workers: Workers
    progress: ProgressListener | None = None

    def run(self) -> None:
        """Run all rounds that remain.

        Raises:
            TrainingError: as soon as all trials of a round, and of the rounds before it, have diverged.
        """
        with quiet_optuna():
            while True:
                trials = self.database.trials()
                if trials and all(trial.state.name == "FAIL" for trial in trials):
                    raise TrainingError(
                        f"All {len(trials)} trials diverged: the space has no network that can be trained. The first "
                        f"one: {trials[0].user_attrs.get('reason')} Start a new study with smaller learning rates."
                    )
                numbers, size = self._next_round(trials)
                if not numbers:
                    return
                self._run_round(trials, numbers, size)

    def _next_round(self, trials: "Sequence[FrozenTrial]") -> tuple[range, int]:
        """Return the trials of the first round that is not wholly finished, and the size of its populations."""
        seconds = self.database.seconds()
        start, spent, an_epoch = 0, 0.0, 0.0
        while True:
            size = self._population_size(spent, an_epoch)
            numbers = range(start, start + size * self.config.parallel)
            if self.config.trials is not None:
                numbers = numbers[: max(0, self.config.trials - start)]
            in_round = trials[start : numbers.stop]
            if not numbers or len(in_round) < len(numbers) or not _all_finished(in_round):
                return numbers, size
            took = sum(seconds.get(first, 0.0) for first in numbers[::size])
            start, spent = numbers.stop, spent + took
            an_epoch = max(an_epoch, took / max(1, sum(trial.last_step or 0 for trial in in_round)))

    def _population_size(self, spent: float, an_epoch: float) -> int:
        """Return the number of trials in each population of the next round: as configured, or fewer to fit the budget.

        Args:
            spent: seconds of the budget.
            an_epoch: seconds of one trial's epoch in an earlier round.
        """
        config = self.config
        if config.budget is None or not spent:
            return config.population
        sizes = range(config.population, min(config.population, config.reduction) - 1, -1)
        remaining = config.budget - spent
        needed = {n: sum(epochs_per_rung(config.rungs, n, config.reduction)) * config.parallel for n in sizes}
        return next((n for n in sizes if an_epoch * needed[n] <= remaining), 0)

    def _run_round(self, trials: "Sequence[FrozenTrial]", numbers: range, size: int) -> None:
        start = before = time.perf_counter()
        config = self.config
        sampled = sample(Space.of(config.space), config.seed, config.metric, trials[: numbers.start], len(numbers))
        self.database.add(sampled[len(trials[numbers.start : numbers.stop]) :])
        recorded = self.database.trials()
        in_round = recorded[numbers.start : numbers.stop]
        populations = [in_round[i : i + size] for i in range(0, len(in_round), size)]
        populations = [population for population in populations if not _all_finished(population)]
        remaining = list(range(len(populations)))

        def report(trained: Progress) -> None:
            part = trained.done / (trained.total or 1)
            self._report(recorded, populations[remaining[0]], part=part, scores=trained.detail)

        self._report(recorded, populations[0])
        tasks = [self._task(population) for population in populations]
        for position, results in self.workers.map(run_trials, tasks, shared=self.data, progress=report):
            population, now = populations[position], time.perf_counter()
            # Recorded first: without its seconds, a finished population would count as one that took none.
            self.database.record_seconds(population[0].number, round(now - before, 3))
            for trial, result in zip(population, results, strict=True):
                if not trial.state.is_finished():
                    self.database.record(trial, result, config.metric)
            recorded = self.database.trials()
            kept = [recorded[trial.number] for trial in population if recorded[trial.number].state.name != "PRUNED"]
            self._report(
                recorded,
                population,
                part=1.0,
                scores=[None if trial.state.name == "FAIL" else trial.value for trial in kept],
                seconds=now - start,
                dropped=len(population) - len(kept),
            )
            remaining.remove(position)
            if remaining:
                self._report(recorded, populations[remaining[0]])
            before = now

    def _task(self, population: "Sequence[FrozenTrial]") -> HalvingTask:
        config, limit = self.config, None
        if config.budget is not None and population[0].number < config.population * config.parallel:
            # Only the first round is limited: later ones have a size that fits.
            limit = config.budget / -(-config.parallel // self.workers.slots)  # populations that share one slot
        return HalvingTask(
            settings=tuple(config.settings(trial) for trial in population),
            rungs=config.rungs,
            reduction=config.reduction,
            metric=config.metric,
            seed=config.seed,
            limit=limit,
        )

    def _report(self, recorded: "list[FrozenTrial]", population: "Sequence[FrozenTrial]", **of_population: Any) -> None:
        """Report the progress of a population; `of_population` are further fields of `StudyProgress`."""
        if self.progress is None:
            return
        best = best_of(recorded, self.config.metric)
        best_so_far = None if best is None or best.value is None else (best.number, best.value)
        numbers = range(population[0].number, population[-1].number + 1)
        detail = StudyProgress(self.config.metric, numbers, best_so_far, **of_population)
        finished = sum(trial.state.is_finished() for trial in recorded)
        self.progress(Progress(finished, self.config.trials, detail))


def _all_finished(trials: "Sequence[FrozenTrial]") -> bool:
    return all(trial.state.is_finished() for trial in trials)
