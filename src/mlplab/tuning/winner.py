"""The best trial's network, trained again with several seeds; the test set is used once, here."""

from pathlib import Path
from typing import Any

from mlplab.datasets import Data
from mlplab.runs import Run, Settings
from mlplab.runs.dataset_ref import command_for, reading_arguments
from mlplab.runs.settings_arguments import training_call
from mlplab.training import resume, train
from mlplab.tuning.config import StudyConfig

FOLDER = "winner"


def winner_of(path: Path) -> Run | None:
    """Return the winner's run in a study's directory, or None if it has not started."""
    return Run(path / FOLDER) if (path / FOLDER).exists() else None


def train_winner(
    path: Path, config: StudyConfig, settings: Settings, data: Data, seeds: int, ray: str | None = None
) -> Run:
    """Train the settings into `path`/winner, or resume that run. Its seeds are the study's seed and the next ones."""
    folder = path / FOLDER
    options: dict[str, Any] = {"ray": ray if seeds > 1 else None, "verbose": 0}  # one network needs no cluster
    if folder.exists():
        return resume(folder, data=data, **options)
    given = {**arguments(config, settings), "seeds": seeds}
    return train(data, **given, out=folder, command=command_for(config.data, given), **options)


def arguments(config: StudyConfig, settings: Settings) -> dict[str, Any]:
    """Return the arguments with which `mlplab.train` trains the winner."""
    return {**settings.arguments(), "seed": config.seed, "seeds": config.seeds}


def command_line(config: StudyConfig, settings: Settings) -> str:
    """Return what a person types to train the winner again: in the shell, or for arrays in Python."""
    return training_call(config.data["source"], {**reading_arguments(config.data), **arguments(config, settings)})
