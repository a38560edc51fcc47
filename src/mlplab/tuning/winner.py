"""The best trial's network, trained again with several seeds; the test set is used once, here."""

import shlex
from pathlib import Path
from typing import Any

from mlplab.datasets import Data
from mlplab.runs import Run, Settings
from mlplab.training import resume, train
from mlplab.tuning.config import StudyConfig

FOLDER = "winner"


def winner_of(path: Path) -> Run | None:
    """Return the winner's run in a study's directory, or None if it has not started."""
    return Run(path / FOLDER) if (path / FOLDER).exists() else None


def train_winner(path: Path, config: StudyConfig, settings: Settings, data: Data, ray: str | None = None) -> Run:
    """Train the settings into `path`/winner, or resume that run. Its seeds are the study's seed and the next ones."""
    folder = path / FOLDER
    options: dict[str, Any] = {"ray": ray if config.seeds > 1 else None, "verbose": 0}  # one network needs no cluster
    if folder.exists():
        return resume(folder, data=data, **options)
    return train(
        data,
        **arguments(settings),
        seed=config.seed,
        seeds=config.seeds,
        out=folder,
        command=command(config, settings),
        **options,
    )


def arguments(settings: Settings) -> dict[str, Any]:
    """What `mlplab.train` is told to train such a network: what differs from what it does without being told."""
    plain = Settings(hidden=settings.hidden)
    names = [name for name in vars(settings) if name not in ("hidden", "seed", "epochs", "batch_size", "learning_rate")]
    told = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(plain, name)}
    always = {"epochs": settings.epochs, "batch_size": settings.batch_size, "learning_rate": settings.learning_rate}
    return {"hidden": list(settings.hidden or ()), **told, **always}


def command(asked: StudyConfig, settings: Settings) -> list[str] | None:
    """The command line that trains the winner; None for data that has no name and no file."""
    if asked.data["source"] is None:
        return None
    words = ["mlplab", "train", asked.data["source"]]
    for name, value in arguments(settings).items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            words += [flag]
        else:
            words += [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    return [*words, "--seed", str(asked.seed), "--seeds", str(asked.seeds)]


def command_line(asked: StudyConfig, settings: Settings) -> str:
    """What a person types to have the winner again: in the shell, or for arrays in Python."""
    words = command(asked, settings)
    if words is not None:
        return shlex.join(words)
    told = {**arguments(settings), "seed": asked.seed, "seeds": asked.seeds}
    return f"mlplab.train(data, {', '.join(f'{name}={value!r}' for name, value in told.items())})"
