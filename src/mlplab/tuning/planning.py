"""What a study trains next: the structure and size of each population, so that all fit a budget with the winner.

A function of the rounds before, so that a study which was killed and resumed goes on as one that was never stopped.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlplab.experiments.halving_time import seconds_to_train_again
from mlplab.experiments.successive_halving import epochs_per_rung
from mlplab.training.network import dense_parameters
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.sampling import sample_structure, values_of
from mlplab.tuning.space import Space
from mlplab.tuning.study import best_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Round:
    """Populations that are sampled from the same earlier trials, and may be trained at the same time.

    Attributes:
        numbers: of the trials.
        size: trials of each population; the last may have fewer.
        structures: of each population, see `sampling.sample_structure`.
    """

    numbers: range
    size: int
    structures: Sequence[dict[str, Any]]

    @property
    def structure_of_trials(self) -> list[dict[str, Any]]:
        """The structure of each trial."""
        return [self.structures[place // self.size] for place in range(len(self.numbers))]

    @property
    def firsts(self) -> range:
        """The number of each population's first trial."""
        return self.numbers[:: self.size]


@dataclass
class Planner:
    """Plans the rounds of a study, one after the other.

    Attributes:
        config: of the study.
        units: numbers of inputs and of outputs of the networks.
    """

    config: StudyConfig
    units: tuple[int, int]
    _spent: float = 0.0
    _costs: list[tuple[int, float]] = field(default_factory=list)

    def plan(self, earlier: "Sequence[FrozenTrial]") -> Round | None:
        """Return the round after `earlier`, the finished trials of all rounds before; None if the study is complete."""
        config, start = self.config, len(earlier)
        for structures in self._candidates(earlier):
            size = self._size(earlier, structures)
            numbers = range(start, start + size * config.parallel)
            if config.trials is not None:
                numbers = numbers[: max(0, config.trials - start)]
            if numbers:
                return Round(numbers, size, structures)
        return None

    def add(self, trials: "Sequence[FrozenTrial]", seconds: float) -> None:
        """Note what a finished round took."""
        self._spent += seconds
        epochs = sum(trial.last_step or 0 for trial in trials)
        parameters = max(trial.user_attrs.get("parameters", 1) for trial in trials)
        self._costs.append((parameters, seconds / max(1, epochs)))

    def seeds_of_winner(self, best: "FrozenTrial") -> int:
        """Return how many seeds the winner is trained with: as configured, or as the budget has time for."""
        if self.config.planned_seconds is None:
            return self.config.seeds
        one = self._an_epoch_of_winner(best.user_attrs["parameters"]) * self.config.rungs[-1]
        return max(1, min(self.config.seeds, int((self.config.planned_seconds - self._spent) / one)))

    def _candidates(self, earlier: "Sequence[FrozenTrial]") -> Iterator[list[dict[str, Any]]]:
        """Yield the structures of a round: those to try next; for when they do not fit the budget, the best so far."""
        config, space = self.config, Space.of(self.config.space)
        structures: list[dict[str, Any]] = []
        for _ in range(config.parallel):
            structures.append(sample_structure(space, config.seed, config.metric, earlier, structures))
        yield structures
        best = best_of(earlier, config.metric)
        if best is not None and structures[0]:
            yield [{name: best.params[name] for name in structures[0]}] * config.parallel

    def _size(self, earlier: "Sequence[FrozenTrial]", structures: Sequence[dict[str, Any]]) -> int:
        """Return the number of trials in each population of a round: as configured, or fewer to fit the budget."""
        config = self.config
        smallest = min(config.population, config.reduction)
        if config.planned_seconds is None:
            return config.population
        if not self._costs:
            return smallest if config.small_first else config.population
        sizes = [self._parameters(earlier, structure) for structure in structures]
        an_epoch = max(map(self._an_epoch, sizes))
        if (best := best_of(earlier, config.metric)) is not None:
            sizes.append(best.user_attrs["parameters"])
        of_winner = max(map(self._an_epoch_of_winner, sizes))
        kept = seconds_to_train_again(config.seeds, config.rungs[-1], of_winner, config.planned_seconds)
        remaining = config.planned_seconds - self._spent - kept
        for size in range(config.population, smallest - 1, -1):
            epochs = sum(epochs_per_rung(config.rungs, size, config.reduction))
            if an_epoch * epochs * config.parallel <= remaining:
                return size
        return 0

    def _an_epoch(self, parameters: int) -> float:
        """Estimate the seconds of a trial's epoch by the earlier round whose networks had the nearest size.

        Of several such rounds, by the slowest. Larger networks are taken to need time in proportion.
        """
        known, seconds = min(self._costs, key=lambda cost: (abs(math.log(cost[0] / parameters)), -cost[1]))
        return seconds * max(1.0, parameters / known)

    def _an_epoch_of_winner(self, parameters: int) -> float:
        """Estimate the seconds of an epoch of all training rows, those too on which trials are compared."""
        return self._an_epoch(parameters) / (1 - self.config.validation)

    def _parameters(self, earlier: "Sequence[FrozenTrial]", structure: dict[str, Any]) -> int:
        """Return roughly how many parameters a structure's networks have; without a structure, the most of trials."""
        if not structure:
            return max(trial.user_attrs.get("parameters", 1) for trial in earlier)
        space = Space.of(self.config.space)
        params = {**earlier[0].params, **structure}
        return dense_parameters(space.settings(values_of(space, params), seed=0), *self.units)
