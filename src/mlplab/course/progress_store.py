"""A learner's progress: one JSON file, either the old one or the new one, whole."""

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
"""What reading a file that is not as it should be raises."""
_log = logging.getLogger(__name__)


@dataclass
class ExerciseProgress:
    """What is known of one exercise.

    Attributes:
        files: the learner's files, oldest first.
        started: when the last of them was made, ISO 8601.
        attempts: checks so far.
        hints: hints shown so far.
        passed: when it was first passed, ISO 8601; "" before.
        claimed: targets reached, in the order of time.
        unclaimed: how many targets are left.
        board: what was handed in against the targets: `validation`, `test` (None where no target was claimed by it),
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
    def is_open(self) -> bool:
        """Whether there is something left to do."""
        return not self.passed or self.unclaimed > 0


def folder() -> Path:
    """`MLPLAB_COURSE` where it is set, else the user's data folder, as the system has it."""
    chosen = os.environ.get("MLPLAB_COURSE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("mlplab", appauthor=False)


def read() -> dict[str, ExerciseProgress]:
    """What is known, by exercise. A damaged file is kept aside, and said; then nothing is known.

    Raises:
        RunError: if the system does not let it be read, or kept aside.
    """
    try:
        return _parsed(_path())
    except _DAMAGE:
        with _locked():  # so that what is put aside is the damaged file, not what another process has written since
            return _rescued()


def entry(name: str) -> ExerciseProgress:
    return read().get(name, ExerciseProgress())


@contextlib.contextmanager
def changing(name: str) -> Iterator[ExerciseProgress]:
    """The entry of an exercise, to change; it is written when the block ends without an error.

    Raises:
        RunError: if it cannot be written; what was there is unchanged.
    """
    with _locked():
        everything = _rescued()
        changed = everything.setdefault(name, ExerciseProgress())
        yield changed
        content = {"format": _FORMAT, "exercises": {name: asdict(value) for name, value in everything.items()}}
        files.write_json(_path(), content)


def _path() -> Path:
    return folder() / "progress.json"


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    """Alone with the folder, which is made."""
    import filelock  # brings asyncio, which reading does without

    place = folder()
    lock = filelock.FileLock(place / ".progress.lock")
    with _telling(place):
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _telling(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            f"Your progress cannot be kept in {place} ({error.strerror or error}). Make that folder readable and "
            "writable, or name another in MLPLAB_COURSE."
        ) from error


def _rescued() -> dict[str, ExerciseProgress]:
    """What is known; a damaged file is put aside. To be called by who holds the lock."""
    path = _path()
    try:
        return _parsed(path)
    except _DAMAGE as error:
        aside = _free(path.with_name("progress.damaged.json"))
        with _telling(path.parent):
            path.rename(aside)
        _log.warning("%s could not be read (%s). It is kept as %s, and progress starts anew.", path, error, aside.name)
        return {}


def _parsed(path: Path) -> dict[str, ExerciseProgress]:
    """The file's entries; none where there is no file. Raises one of `_DAMAGE` for what is no such file."""
    with _telling(path.parent):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return {}
    content = json.loads(content)
    if content["format"] != _FORMAT:
        raise ValueError(f"it has format {content['format']}, and this version of mlplab reads {_FORMAT}")
    return {name: _entry(value) for name, value in content["exercises"].items()}


def _entry(content: dict[str, Any]) -> ExerciseProgress:
    entry = ExerciseProgress(**content)
    for name, value in vars(ExerciseProgress()).items():
        if type(getattr(entry, name)) is not type(value):
            raise TypeError(f"its {name} are no {type(value).__name__}")
    return entry


def now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _free(path: Path) -> Path:
    """The path, or with the first number that makes it one that is not taken."""
    number, candidate = 2, path
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate
