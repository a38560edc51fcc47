"""A run directory's making, in one moment, and its lock."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from mlplab.datasets.corrections import Corrections
from mlplab.errors import RunError
from mlplab.runs import Config, architecture, files
from mlplab.runs.origin import CORRECTED_LABELS
from mlplab.training.work import Work


def free_folder(out: str | Path | None) -> Path | None:
    """`out` as a path, if nothing is in the way there. Raises `RunError` otherwise."""
    if out is None:
        return None
    path = Path(out)
    if path.is_dir() and any(path.iterdir()):
        raise RunError(f"{out} exists already. Give another --out, or go on with what is there: --resume {out}")
    if path.exists() and not path.is_dir():
        raise RunError(f"{out} is a file, and a run is a directory. Give another --out.")
    return path


def create(
    folder: Path | None,
    config: Config,
    split: dict[str, np.ndarray],
    work: Work,
    stem: str,
    corrections: Corrections | None = None,
    history: list[dict[str, Any]] | None = None,
) -> Path:
    """Make the run directory, complete in one moment: whoever finds it can resume it.

    `history`: of a model that is trained already, an object for each of its epochs; there is no more to train then.
    """
    path = folder or Path("runs") / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    described = architecture.describe(work.model)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
            made = Path(beside) / path.name
            made.mkdir()
            files.write_json(made / "config.json", config.to_json())
            files.write_json(made / "model.json", described)
            files.write_arrays(made / "split.npz", **split)
            if corrections:
                corrections.write(made / CORRECTED_LABELS, config.class_names)
            begun = history or []
            work.checkpoint(len(begun), begun, None, stopped=history is not None).save(made)
            return _rename(made, path, may_number=folder is None).resolve()
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"The run directory {path} cannot be made ({error.strerror}). Give another --out.") from error


def _rename(made: Path, path: Path, may_number: bool) -> Path:
    for number in range(1, 100):
        numbered = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            os.rename(made, numbered)
        except OSError:
            if not may_number:
                raise
        else:
            return numbered
    raise RunError(f"{path} exists already, and so do its numbered neighbours. Give another --out.")


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
