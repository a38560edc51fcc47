"""A study as plain values, read from its directory: what the page is made of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab.runs import Config, Run, Settings
from mlplab.tuning import database
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.winner import command_line, winner_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Parameter:
    """A setting that was searched.

    Attributes:
        low, high: ends of the range of a number.
        log: whether the range is logarithmic.
        choices: the values of a choice, in their order; None for a number.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[Any, ...] | None = None

    @property
    def title(self) -> str:
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Trial:
    """A network that was tried.

    Attributes:
        outcome: completed, dropped (at a rung), failed (its training diverged) or running.
        value: of the metric; None if there is none.
        curve: the metric by epoch.
        parameters: values by name.
        reason: why it failed.
    """

    number: int
    outcome: str
    value: float | None
    curve: Mapping[int, float]
    parameters: Mapping[str, Any]
    reason: str | None = None

    @property
    def epochs(self) -> int:
        """The last epoch of its training."""
        return max(self.curve, default=0)


@dataclass(frozen=True)
class Winner:
    """The best trial's network, trained again, with its score on the test rows.

    Attributes:
        accuracy: of one run, or the mean of several seeds.
        sd: standard deviation over the seeds; None for one run.
        interval: of 95 %; None if it is unknown.
        seeds: the number of seeds.
        config: of the run.
    """

    accuracy: float
    sd: float | None
    interval: tuple[float, float] | None
    seeds: int
    config: Config | None


@dataclass(frozen=True)
class StudyRecord:
    """A study: its configuration, trials and winner.

    Attributes:
        parameters: that differ between the trials.
        settings: of the best trial; None while there is none.
        command: that trains the best trial again.
        seconds: of all populations together.
    """

    config: StudyConfig
    trials: Sequence[Trial]
    parameters: Sequence[Parameter]
    settings: Settings | None = None
    command: str | None = None
    winner: Winner | None = None
    seconds: float = 0.0

    @property
    def data(self) -> str:
        """The data set's name."""
        return self.config.data["name"]

    @property
    def metric(self) -> str:
        """accuracy or loss, of the validation rows."""
        return self.config.metric

    @property
    def larger(self) -> bool:
        """Whether a larger value is better."""
        return self.metric != "loss"

    @property
    def best(self) -> Trial | None:
        """The completed trial with the best value; of equal ones the first."""
        completed = [trial for trial in self.trials if trial.outcome == "completed" and trial.value is not None]
        return max(completed, key=self._merit, default=None)

    def _merit(self, trial: Trial) -> float:
        return (trial.value or 0.0) * (1 if self.larger else -1)

    def only(self, numbers: Collection[int]) -> "StudyRecord":
        """Return the study with these trials only."""
        return replace(self, trials=[trial for trial in self.trials if trial.number in numbers])

    def ranked(self) -> list[Trial]:
        """Return the trials that have a value and did not fail, the best first: by epochs, then by value."""
        judged = [
            trial for trial in self.trials if trial.value is not None and trial.outcome in ("completed", "dropped")
        ]
        return sorted(judged, key=lambda trial: (-trial.epochs, -self._merit(trial), trial.number))


def read(path: Path) -> StudyRecord:
    """Read the study in a directory, finished or not. The directory stays unchanged.

    Raises:
        RunError: if there is no study, or it is damaged.
        UsageError: if Optuna is not installed.
    """
    config = StudyConfig.read(path)
    trials_database = database.TrialDatabase(path)
    recorded = trials_database.trials()
    distributions = {name: value for trial in recorded for name, value in trial.distributions.items()}
    study = StudyRecord(
        config,
        trials=[_trial(trial) for trial in recorded],
        parameters=[_parameter(name, distribution) for name, distribution in distributions.items()],
        winner=_winner(winner_of(path)),
        seconds=sum(trials_database.seconds().values()),
    )
    best = study.best
    if best is None:
        return study
    settings = config.settings(recorded[best.number])
    return replace(study, settings=settings, command=command_line(config, settings))


def _trial(trial: "FrozenTrial") -> Trial:
    outcomes = {"COMPLETE": "completed", "PRUNED": "dropped", "FAIL": "failed"}
    curve = {int(epoch): float(value) for epoch, value in sorted(trial.intermediate_values.items()) if value == value}
    value = trial.value if trial.value is not None and trial.value == trial.value else None
    return Trial(
        number=trial.number,
        outcome=outcomes.get(trial.state.name, "running"),
        value=curve[max(curve)] if value is None and curve else value,
        curve=curve,
        parameters=dict(trial.params),
        reason=trial.user_attrs.get("reason"),
    )


def _parameter(name: str, distribution: "BaseDistribution") -> Parameter:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return Parameter(name, choices=tuple(choices))
    numbers: Any = distribution
    return Parameter(name, float(numbers.low), float(numbers.high), bool(numbers.log))


def _winner(run: Run | None) -> Winner | None:
    """Return the winner's scores; None while there is no result."""
    if run is None or run.result is None:
        return None
    test = run.result.test
    return Winner(
        accuracy=test.accuracy,
        sd=test.get("sd"),
        interval=None if test.interval is None else (test.interval[0], test.interval[1]),
        seeds=test.get("seeds", 1),
        config=run.config,
    )
