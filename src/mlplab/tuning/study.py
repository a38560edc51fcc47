"""A study directory: its configuration in study.json, its trials in study.db, the winner's run in winner/."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.errors import RunError
from mlplab.runs import Run
from mlplab.tuning.config import FILE, StudyConfig
from mlplab.tuning.database import TrialDatabase
from mlplab.tuning.database import create as create_database
from mlplab.tuning.sampling import values_of
from mlplab.tuning.space import Space, plain
from mlplab.tuning.winner import command_line, winner_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

STATES = {"COMPLETE": "complete", "PRUNED": "dropped", "FAIL": "failed", "RUNNING": "running"}
"""Optuna's states, and what mlplab calls them."""


def create(folder: Path | None, config: StudyConfig, stem: str) -> Path:
    """Make the study's directory, complete in one moment, so that it can be resumed as soon as it exists."""

    def write(path: Path) -> None:
        files.write_json(path / FILE, dataclasses.asdict(config))
        create_database(path, config.metric)

    return files.create_directory(folder, stem, write, kind="study")


class Study:
    """A study directory, opened for reading.

    Args:
        path: the directory.

    Attributes:
        path: the directory, absolute.
        config: its configuration.

    Raises:
        RunError: if it is no study, or is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise RunError(f"There is no study at {path}.")
        self.config = StudyConfig.read(self.path)

    def __repr__(self) -> str:
        return f"Study({str(self.path)!r}: {self.summary})"

    @functools.cached_property
    def database(self) -> TrialDatabase:
        """The trials, for reading."""
        return TrialDatabase(self.path)

    @property
    def optuna(self) -> "optuna.Study":
        """The Optuna study, for Optuna's own tools."""
        return self.database.study

    @property
    def seconds(self) -> float:
        """The seconds that all populations took together, without the training of the winner."""
        return sum(self.database.seconds().values())

    @property
    def trials(self) -> list[dict[str, Any]]:
        """A dict for each trial: number, state, value, epochs, reason, parameters, and the values that were tried."""
        return [_as_dict(self.config, trial) for trial in self.database.trials()]

    @property
    def best(self) -> dict[str, Any] | None:
        """The trial with the best value among those that were trained to the end; None if there is none yet."""
        trial = best_of(self.database.trials(), self.config.metric)
        return None if trial is None else _as_dict(self.config, trial)

    @property
    def winner(self) -> Run | None:
        """The best trial's network, trained again; None until that has started."""
        return winner_of(self.path)

    @property
    def command(self) -> str | None:
        """The command line that trains the winner again, or for data from arrays a line of Python."""
        trial = best_of(self.database.trials(), self.config.metric)
        return None if trial is None else command_line(self.config, self.config.settings(trial))

    @property
    def counts(self) -> dict[str, int]:
        """The number of trials in each state."""
        states = [STATES.get(trial.state.name, "running") for trial in self.database.trials()]
        return {state: states.count(state) for state in STATES.values()}

    @property
    def summary(self) -> str:
        """Data set, trials and best value in a few words."""
        best, done = self.best, sum(n for state, n in self.counts.items() if state != "running")
        score = "none complete" if best is None else f"best validation {self.config.metric} {best['value']:.4f}"
        return f"{self.config.data['name']}, {done} trials, {score}"


def best_of(trials: "Sequence[FrozenTrial]", metric: str) -> "FrozenTrial | None":
    """Return the trial with the best value of those trained to the end; of equal ones the first."""
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    sign = -1 if metric == "accuracy" else 1
    return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _as_dict(config: StudyConfig, trial: "FrozenTrial") -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": STATES.get(trial.state.name, "running"),
        "value": trial.value,
        "epochs": trial.last_step or 0,
        "reason": trial.user_attrs.get("reason"),
        "parameters": trial.user_attrs.get("parameters"),
        **plain(values_of(Space.of(config.space), trial.params)),
    }
