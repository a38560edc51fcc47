"""A study directory: what was asked in study.json, its trials in study.db, the winner's run in winner/."""

import dataclasses
import functools
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.errors import RunError
from mlplab.runs import Run
from mlplab.training.folder import renamed
from mlplab.tuning import database
from mlplab.tuning.config import FILE, StudyConfig
from mlplab.tuning.sampling import values_of
from mlplab.tuning.space import Space
from mlplab.tuning.winner import command_line, winner_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

STATES = {"COMPLETE": "complete", "PRUNED": "dropped", "FAIL": "failed", "RUNNING": "running"}
"""Optuna's states, as this package tells them."""


def create(folder: Path | None, asked: StudyConfig, stem: str) -> Path:
    """Make the study's directory, complete in one moment: whoever finds it can go on with it."""
    path = folder or Path("studies") / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            made = Path(beside) / path.name
            made.mkdir()
            files.write_json(made / FILE, dataclasses.asdict(asked))
            database.create(made, asked.metric)
            return renamed(made, path, may_number=folder is None).resolve()
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(
            f"The study's directory {path} cannot be made ({error.strerror}). Choose another place."
        ) from error


class Study:
    """A study directory, opened. Changes nothing.

    Args:
        path: the directory.

    Attributes:
        path: the directory, absolute.
        asked: what the study was asked to do, see `StudyConfig`.

    Raises:
        RunError: if it is no study, or is damaged.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path).resolve()
        if not self.path.is_dir():
            raise RunError(f"There is no study at {path}.")
        self.asked = StudyConfig.read(self.path)

    def __repr__(self) -> str:
        return f"Study({str(self.path)!r}: {self.summary})"

    @functools.cached_property
    def _database(self) -> database.Trials:
        return database.Trials(self.path)

    @property
    def optuna(self) -> "optuna.Study":
        """The Optuna study, for its own tools."""
        return self._database.study

    @property
    def seconds(self) -> float:
        """What all populations took together; training the winner is not in it."""
        return sum(self._database.seconds.values())

    @property
    def trials(self) -> list[dict[str, Any]]:
        """An object a trial: number, state, value, epochs, reason, parameters, and the values that were tried."""
        return [_told(self.asked, trial) for trial in self.optuna.get_trials(deepcopy=False)]

    @property
    def best(self) -> dict[str, Any] | None:
        """The trial with the best value among those that were trained to the end; None if there is none yet."""
        trial = best_of(self.optuna.get_trials(deepcopy=False), self.asked.metric)
        return None if trial is None else _told(self.asked, trial)

    @property
    def winner(self) -> Run | None:
        """The best trial's network, trained again; None until that has begun."""
        return winner_of(self.path)

    @property
    def command(self) -> str | None:
        """What trains the winner again: a command line, or for data from arrays a line of Python."""
        trial = best_of(self.optuna.get_trials(deepcopy=False), self.asked.metric)
        return None if trial is None else command_line(self.asked, self.asked.settings(trial))

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state."""
        states = [STATES.get(trial.state.name, "running") for trial in self.optuna.get_trials(deepcopy=False)]
        return {state: states.count(state) for state in STATES.values()}

    @property
    def summary(self) -> str:
        """Data set, trials and best value in a few words."""
        best, done = self.best, sum(n for state, n in self.counts.items() if state != "running")
        told = "none complete" if best is None else f"best validation {self.asked.metric} {best['value']:.4f}"
        return f"{self.asked.data['name']}, {done} trials, {told}"


def best_of(trials: "list[FrozenTrial]", metric: str) -> "FrozenTrial | None":
    """Of those trained to the end the one with the best value; of equal ones the first."""
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    sign = -1 if metric == "accuracy" else 1
    return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _told(asked: StudyConfig, trial: "FrozenTrial") -> dict[str, Any]:
    space = Space.of(asked.space)
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in values_of(space, trial.params).items()}
    return {
        "number": trial.number,
        "state": STATES.get(trial.state.name, "running"),
        "value": trial.value,
        "epochs": trial.last_step or 0,
        "reason": trial.user_attrs.get("reason"),
        "parameters": trial.user_attrs.get("parameters"),
        **values,
    }
