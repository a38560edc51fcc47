"""The best trial's network, trained again with several seeds; the test set is used once, here."""

from pathlib import Path
from typing import Any

from mlplab.datasets import Data
from mlplab.runs import Run, Settings
from mlplab.runs.settings_arguments import training_call, training_command
from mlplab.training import resume, train
from mlplab.tuning.config import StudyConfig

FOLDER = "winner"


def winner_of(path: Path) -> Run | None:
    """The run in a study's directory, if it has begun."""
    return Run(path / FOLDER) if (path / FOLDER).exists() else None


def train_winner(path: Path, asked: StudyConfig, settings: Settings, data: Data, ray: str | None = None) -> Run:
    """Train the settings into `path`/winner, or go on with that. The seeds are the study's and those after it."""
    folder = path / FOLDER
    how: dict[str, Any] = {"ray": ray if asked.seeds > 1 else None, "verbose": 0}  # a single network stays here
    if folder.exists():
        return resume(folder, data=data, **how)
    line = None if asked.data["source"] is None else training_command(asked.data["source"], arguments(asked, settings))
    return train(data, **arguments(asked, settings), out=folder, command=line, **how)


def arguments(asked: StudyConfig, settings: Settings) -> dict[str, Any]:
    """The arguments with which `mlplab.train` trains the winner."""
    return {**settings.arguments(), "seed": asked.seed, "seeds": asked.seeds}


def command_line(asked: StudyConfig, settings: Settings) -> str:
    """What a person types to train the winner again: in the shell, or for arrays in Python."""
    return training_call(asked.data["source"], arguments(asked, settings))
