"""A study as plain values: what the page is made of, and how that is read from a study directory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab.runs import Run, Settings, is_run
from mlplab.runs.config import Config
from mlplab.tuning import database
from mlplab.tuning.study import StudyConfig
from mlplab.tuning.winner import command_line

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Parameter:
    """What was searched of one setting.

    Attributes:
        low, high: of a number.
        log: whether it was drawn on a logarithmic scale.
        choices: of a choice, in their order; None for a number.
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
    """One network that was tried.

    Attributes:
        outcome: completed, dropped (at a rung), failed (its training diverged) or running.
        value: the metric that it was judged by; None if there is none.
        curve: the metric by epoch.
        parameters: by name.
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
        """The last epoch that it reached."""
        return max(self.curve, default=0)


@dataclass(frozen=True)
class Winner:
    """The best trial's network, trained again, and what it reached on the test rows.

    Attributes:
        accuracy: of one run, or the mean of several seeds.
        sd: standard deviation over the seeds; None for one run.
        interval: of 95 %; None if it is not known.
        seeds: how many were trained.
        config: of the run, or of the first seed's.
    """

    accuracy: float
    sd: float | None
    interval: tuple[float, float] | None
    seeds: int
    config: Config | None


@dataclass(frozen=True)
class Searched:
    """A study: what was searched, and all trials.

    Attributes:
        data: the data set's name.
        metric: accuracy or loss, of the validation rows.
        rungs: epochs after which the worse trials were dropped; the last is the end.
        parameters: what differs between the trials.
        settings: of the best trial; None while there is none.
        command: that trains it again.
        planned: how many trials were asked for; None: as many as the time allows.
        reduction: one of so many goes on at a rung.
        population: so many trials are halved among themselves.
        seconds: what all populations took together.
    """

    data: str
    metric: str
    rungs: tuple[int, ...]
    trials: Sequence[Trial]
    parameters: Sequence[Parameter]
    settings: Settings | None = None
    command: str | None = None
    winner: Winner | None = None
    planned: int | None = None
    reduction: int = 3
    population: int = 16
    seconds: float = 0.0

    @property
    def larger(self) -> bool:
        """Whether a larger value is better."""
        return self.metric != "loss"

    @property
    def best(self) -> Trial | None:
        """The completed trial with the best value, of several the first."""
        completed = [trial for trial in self.trials if trial.outcome == "completed" and trial.value is not None]
        return max(completed, key=self._merit, default=None)

    def _merit(self, trial: Trial) -> float:
        return (trial.value or 0.0) * (1 if self.larger else -1)

    def only(self, numbers: Collection[int]) -> "Searched":
        """The same study with some of its trials."""
        return replace(self, trials=[trial for trial in self.trials if trial.number in numbers])

    def ranked(self) -> list[Trial]:
        """All trials that have a value and did not fail, from the one that came farthest: by epochs, then by value."""
        judged = [
            trial for trial in self.trials if trial.value is not None and trial.outcome in ("completed", "dropped")
        ]
        return sorted(judged, key=lambda trial: (-trial.epochs, -self._merit(trial), trial.number))


def read(path: Path) -> Searched:
    """The study in a directory, finished or not; the directory stays as it is.

    Raises:
        RunError: if there is no study, or it is damaged.
        UsageError: if Optuna is not installed.
    """
    asked = StudyConfig.read(path)
    known = database.Trials(path)
    found = known.read()
    trials = [_trial(one) for one in found]
    distributions = {name: one for trial in found for name, one in trial.distributions.items()}
    searched = Searched(
        data=asked.data["name"],
        metric=asked.metric,
        rungs=asked.rungs,
        trials=trials,
        parameters=[_parameter(name, one) for name, one in distributions.items()],
        winner=_winner(path / "winner"),
        planned=asked.trials,
        reduction=asked.reduction,
        population=asked.population,
        seconds=sum(known.seconds.values()),
    )
    best = searched.best
    if best is None:
        return searched
    settings = asked.settings(found[best.number])
    return replace(searched, settings=settings, command=command_line(asked, settings))


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
    told: Any = distribution
    return Parameter(name, float(told.low), float(told.high), bool(told.log))


def _winner(path: Path) -> Winner | None:
    """The winner's run, or its seeds; None while there is no result."""
    run = Run(path) if is_run(path) else None
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
