"""A learner's progress in one JSON file, which is always complete: the old one or the new one."""

import contextlib
import datetime
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from mlplab import files
from mlplab.errors import RunError

_FORMAT = 1
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError)
"""Exceptions from reading a damaged file."""
_log = logging.getLogger(__name__)


@dataclass
class ExerciseProgress:
    """Progress in one exercise.

    Attributes:
        files: the learner's files, oldest first.
        started: when the newest file was written, ISO 8601.
        attempts: number of checks.
        hints: number of hints shown.
        passed: when the exercise was first passed, ISO 8601; "" before.
        claimed: targets reached, oldest first.
        unclaimed: number of remaining targets.
        board: results submitted for the targets: `validation`, `test` (None if the result claimed no target),
            `settings`, `when`.
    """

    files: list[str] = field(default_factory=list)
    started: str = ""
    attempts: int = 0
    hints: int = 0
    passed: str = ""
    claimed: list[float] = field(default_factory=list)
    unclaimed: int = 0
    board: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Return "passed", "begun" or ""."""
        return "passed" if self.passed else "begun" if self.attempts or self.files else ""

    @property
    def is_open(self) -> bool:
        """Whether something remains to be done."""
        return not self.passed or self.unclaimed > 0


def folder() -> Path:
    """Return `MLPLAB_COURSE`, or the user's data folder if it is not set."""
    chosen = os.environ.get("MLPLAB_COURSE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("mlplab", appauthor=False)


def read_all() -> dict[str, ExerciseProgress]:
    """Return the progress by exercise. A damaged file is renamed, with a warning, and progress starts again.

    Raises:
        RunError: if the file cannot be read or renamed.
    """
    try:
        return _parse(_path())
    except _DAMAGE:
        with _lock():  # another process may have written a good file since
            return _read_or_rename()


def progress_of(name: str) -> ExerciseProgress:
    """Return the progress in one exercise."""
    return read_all().get(name, ExerciseProgress())


@contextlib.contextmanager
def update(name: str) -> Iterator[ExerciseProgress]:
    """Give the progress in an exercise to change; write it when the block ends without an error.

    Raises:
        RunError: if it cannot be written; the file is unchanged then.
    """
    with _lock():
        everything = _read_or_rename()
        yield everything.setdefault(name, ExerciseProgress())
        content = {"format": _FORMAT, "exercises": {name: asdict(value) for name, value in everything.items()}}
        files.write_json(_path(), content)


def now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _path() -> Path:
    return folder() / "progress.json"


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """Make the folder and lock it for this process."""
    import filelock  # imports asyncio, which reading does not need

    lock = filelock.FileLock(folder() / ".progress.lock")
    with _raising_run_error():
        folder().mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _raising_run_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Your progress cannot be kept in {folder()} ({error.strerror or error}). Make that folder readable and "
            "writable, or name another in MLPLAB_COURSE."
        ) from error


def _read_or_rename() -> dict[str, ExerciseProgress]:
    """Return the progress; rename a damaged file. The caller holds the lock."""
    path = _path()
    try:
        return _parse(path)
    except _DAMAGE as error:
        number, renamed = 1, path.with_name("progress.damaged.json")
        while renamed.exists():
            number += 1
            renamed = path.with_name(f"progress.damaged-{number}.json")
        with _raising_run_error():
            path.rename(renamed)
        _log.warning(
            "%s could not be read (%s). It is kept as %s, and progress starts again.", path, error, renamed.name
        )
        return {}


def _parse(path: Path) -> dict[str, ExerciseProgress]:
    """Return the file's content; nothing if there is no file. Raise one of `_DAMAGE` for a damaged one."""
    with _raising_run_error():
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return {}
    content = json.loads(content)
    if content["format"] != _FORMAT:
        raise ValueError(f"it has format {content['format']}, and this version of mlplab reads {_FORMAT}")
    exercises = {name: ExerciseProgress(**values) for name, values in content["exercises"].items()}
    for progress in exercises.values():
        for name, default in vars(ExerciseProgress()).items():
            if type(getattr(progress, name)) is not type(default):
                raise TypeError(f"{name} must be of type {type(default).__name__}")
    return exercises
