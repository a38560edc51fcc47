"""A run directory's making, in one moment, and its lock."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mlplab import files
from mlplab.datasets.corrections import Corrections
from mlplab.engine import keras
from mlplab.errors import RunError
from mlplab.runs import Config, architecture
from mlplab.runs.dataset_ref import CORRECTED_LABELS
from mlplab.training.job import TrainingJob


def free_folder(out: str | Path | None) -> Path | None:
    """`out` as a path, if nothing is in the way there. Raises `RunError` otherwise."""
    if out is None:
        return None
    path = Path(out)
    if path.is_dir() and any(path.iterdir()):
        raise RunError(f"{out} exists already. Choose another directory, or resume it: mlplab train --resume {out}")
    if path.exists() and not path.is_dir():
        raise RunError(f"{out} is a file, and a run is a directory. Choose another place.")
    return path


def create(folder: Path | None, stem: str, write: Callable[[Path], None]) -> Path:
    """Make the run directory, complete in one moment: whoever finds it can resume it.

    Args:
        folder: where; None: in ./runs, named by `stem` and the time.
        write: puts into an empty directory what is to be in it.
    """
    path = folder or Path("runs") / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            made = Path(beside) / path.name
            made.mkdir()
            write(made)
            return renamed(made, path, may_number=folder is None).resolve()
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"The run directory {path} cannot be made ({error.strerror}). Choose another place.") from error


def write_begun(
    made: Path, work: TrainingJob, corrections: Corrections | None = None, history: list[dict[str, Any]] | None = None
) -> None:
    """What the directory of a run begins with.

    `history`: of a model that is trained already, an object for each of its epochs; there is no more to train then.
    """
    write_told(made, work.config, work.model, corrections)
    files.write_arrays(made / "split.npz", **work.split)
    begun = history or []
    work.checkpoint(len(begun), begun, None, stopped=history is not None).save(made)


def write_told(made: Path, config: Config, model: keras.Model, corrections: Corrections | None) -> None:
    """What was asked for: the part of it that a population has too."""
    files.write_json(made / "config.json", config.to_json())
    files.write_json(made / "model.json", architecture.describe(model))
    if corrections:
        corrections.write(made / CORRECTED_LABELS, config.class_names)


def renamed(made: Path, path: Path, may_number: bool) -> Path:
    for number in range(1, 100):
        numbered = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            os.rename(made, numbered)
        except OSError:
            if not may_number:
                raise
        else:
            return numbered
    raise RunError(f"{path} exists already, and so do its numbered neighbours. Choose another directory.")


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the run directory: two processes training into it would mix their checkpoints."""
    lock = FileLock(path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise RunError(f"{path} is being trained by another process. Wait for it, or end it first.") from error
    except OSError as error:
        raise RunError(f"{path} cannot be written to ({error.strerror}): make it writable, or copy it.") from error
    try:
        yield
    finally:
        lock.release()
