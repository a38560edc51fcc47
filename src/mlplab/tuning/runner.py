"""Rounds of a study: trials are sampled, trained as populations, and recorded.

A round is as many populations as run at the same time. Its trials are a function of the rounds before it alone, so a
study has the same trials and values wherever its populations run, and however often it is killed.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlplab.cluster import Workers
from mlplab.datasets import Data
from mlplab.errors import TrainingError
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.progress import Progress, ProgressListener
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.database import TrialDatabase
from mlplab.tuning.planning import Planner, Round
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

    def run(self) -> int:
        """Run all rounds that remain, and return the number of seeds that the winner is to be trained with.

        Raises:
            TrainingError: as soon as all trials of a round, and of the rounds before it, have diverged.
        """
        inputs = math.prod(self.data.train.inputs.shape[1:])
        planner = Planner(self.config, units=(inputs, len(self.data.class_names)))
        earlier: Sequence[FrozenTrial] = []
        with quiet_optuna():
            while (planned := planner.plan(earlier)) is not None:
                in_round = self.database.trials()[planned.numbers.start : planned.numbers.stop]
                if len(in_round) < len(planned.numbers) or not _all_finished(in_round):
                    self._run_round(earlier, planned)
                earlier = self.database.trials()[: planned.numbers.stop]
                if all(trial.state.name == "FAIL" for trial in earlier):
                    raise TrainingError(
                        f"All {len(earlier)} trials diverged: the space has no network that can be trained. The first "
                        f"one: {earlier[0].user_attrs.get('reason')} Start a new study with smaller learning rates."
                    )
                seconds = self.database.seconds()
                planner.add(earlier[planned.numbers.start :], sum(seconds.get(first, 0.0) for first in planned.firsts))
        best = best_of(earlier, self.config.metric)
        return self.config.seeds if best is None else planner.seeds_of_winner(best)

    def _run_round(self, earlier: "Sequence[FrozenTrial]", planned: Round) -> None:
        start = before = time.perf_counter()
        config, numbers = self.config, planned.numbers
        space = Space.of(config.space)
        sampled = sample(space, config.seed, config.metric, earlier, planned.structure_of_trials)
        self.database.add(sampled[len(self.database.trials()[numbers.start : numbers.stop]) :])
        recorded = self.database.trials()
        in_round = recorded[numbers.start : numbers.stop]
        populations = [in_round[i : i + planned.size] for i in range(0, len(in_round), planned.size)]
        populations = [population for population in populations if not _all_finished(population)]
        remaining = list(range(len(populations)))

        def report(trained: Progress) -> None:
            part = trained.done / (trained.total or 1)
            self._report(recorded, populations[remaining[0]], part=part, scores=trained.detail)

        self._report(recorded, populations[0])
        tasks = [self._task(population, first_round=not earlier) for population in populations]
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

    def _task(self, population: "Sequence[FrozenTrial]", first_round: bool) -> HalvingTask:
        config, limit = self.config, None
        if config.planned_seconds is not None and first_round:
            # Later rounds have a size that fits.
            limit = config.planned_seconds / -(
                -config.parallel // self.workers.slots
            )  # populations that share one slot
        return HalvingTask(
            settings=tuple(config.settings_on_trial(trial) for trial in population),
            rungs=config.rungs,
            reduction=config.reduction,
            metric=config.metric,
            seed=config.seed,
            limit=limit,
            seeds=0 if limit is None else config.seeds,
            chunk_bytes=config.chunk_bytes,
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
