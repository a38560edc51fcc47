"""A study as plain values, read from its directory: what the page is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab.runs import Run, Settings
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.parameters import Choice, Range
from mlplab.tuning.space import Space
from mlplab.tuning.study import Study, best_of
from mlplab.tuning.winner import command_line

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def title(name: str) -> str:
    """Return a parameter's name for people: `learning rate`."""
    return name.replace("_", " ")


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
class StudyRecord:
    """A study: its configuration, trials and winner.

    Attributes:
        parameters: what was searched, by name.
        settings: of the best trial; None while there is none.
        command: that trains the best trial again.
        winner: the finished run of the best trial's network, trained again; None until then.
        seconds: of all populations together.
    """

    config: StudyConfig
    trials: Sequence[Trial]
    parameters: Mapping[str, Range | Choice]
    settings: Settings | None = None
    command: str | None = None
    winner: Run | None = None
    seconds: float = 0.0

    @property
    def metric(self) -> str:
        """accuracy or loss, of the validation rows."""
        return self.config.metric

    @property
    def larger(self) -> bool:
        """Whether a larger value is better."""
        return self.metric != "loss"

    @property
    def finished(self) -> list[Trial]:
        """The trials that do not run any more, which figures show."""
        return [trial for trial in self.trials if trial.outcome != "running"]

    @property
    def best(self) -> Trial | None:
        """The completed trial with the best value; of equal ones the first."""
        completed = [trial for trial in self.trials if trial.outcome == "completed" and trial.value is not None]
        return max(completed, key=self._merit, default=None)

    def _merit(self, trial: Trial) -> float:
        return (trial.value or 0.0) * (1 if self.larger else -1)

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
        MissingPackageError: if Optuna is not installed.
    """
    study = Study(path)
    recorded, config, winner = study.database.trials(), study.config, study.winner
    best = best_of(recorded, config.metric)
    settings = None if best is None else config.settings(best)
    return StudyRecord(
        config,
        trials=[_trial(trial) for trial in recorded],
        parameters=dict(sorted(Space.of(config.space).varied.items())),
        settings=settings,
        command=None if settings is None else command_line(config, settings),
        winner=None if winner is None or winner.result is None else winner,
        seconds=study.seconds,
    )


def _trial(trial: "FrozenTrial") -> Trial:
    outcomes = {"COMPLETE": "completed", "PRUNED": "dropped", "FAIL": "failed"}
    curve = {int(epoch): float(value) for epoch, value in sorted(trial.intermediate_values.items()) if value == value}
    value = trial.value if trial.value is not None and trial.value == trial.value else None
    return Trial(
        number=trial.number,
        outcome=outcomes.get(trial.state.name, "running"),
        value=curve[max(curve)] if value is None and curve else value,
        curve=curve,
        parameters=dict(sorted(trial.params.items())),
        reason=trial.user_attrs.get("reason"),
    )
