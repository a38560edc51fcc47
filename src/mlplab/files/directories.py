"""Directories of runs, studies and sweeps: each appears in one moment, and one process at a time trains into it."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from mlplab.errors import Advice, RunError, another, shell_command
from mlplab.files.writing import is_full


class Kind(NamedTuple):
    """A kind of directory that mlplab makes and resumes.

    Attributes:
        folder: where it is made by default.
        marker: the file that makes a directory one of this kind.
        function, verb: what resumes it, in Python and on the command line.
        argument: the Python argument that names another place for it.
    """

    folder: str
    marker: str
    function: str
    verb: str
    argument: str = "out"


DIVERGED = "diverged.json"
"""The file in a run directory whose training diverged: to continue it would end in the same way."""

KINDS = {
    "run": Kind("runs", "config.json", "mlplab.resume", "train"),
    "study": Kind("studies", "study.json", "mlplab.tuning.resume", "tune"),
    "sweep": Kind("sweeps", "sweep.json", "mlplab.sweep", "sweep", "runs"),
}


def resuming(path: str | Path, kind: str = "run") -> Advice:
    """Return what to type to continue a run, a study or a sweep."""
    return Advice(f"{KINDS[kind].function}({str(path)!r})", shell_command("mlplab", KINDS[kind].verb, "--resume", path))


def free_path(out: str | Path | None, kind: str = "run") -> Path | None:
    """Return `out` as a path for a directory. Raises `RunError` if a file, or a directory with files, is there."""
    if out is None:
        return None
    path, elsewhere = Path(out), another(KINDS[kind].argument)
    if path.is_dir() and any(path.iterdir()):
        there = next((name for name, kind in KINDS.items() if (path / kind.marker).exists()), None)
        if there is None:
            raise RunError(f"{out} exists already, with other files in it. {elsewhere}.", advice=[elsewhere])
        if (path / DIVERGED).exists():
            raise RunError(f"{out} exists already: a run that diverged. {elsewhere}.", advice=[elsewhere])
        again = resuming(path, there)
        raise RunError(
            f"{out} exists already. {elsewhere}, or continue the {there} that is there: {again}",
            advice=[elsewhere, again],
        )
    if path.exists() and not path.is_dir():
        raise RunError(f"{out} is a file, and a directory is to be made there. {elsewhere}.", advice=[elsewhere])
    return path


def create_directory(path: Path | None, stem: str, write: Callable[[Path], None], kind: str = "run") -> Path:
    """Create a run, study or sweep directory, complete in one moment: one that exists can be resumed.

    Args:
        path: a new directory, or an empty one, such as ".", a link to one, or a mounted volume; None: a new one in the
            folder of the kind, named by `stem` and the time.
        write: fills an empty directory, which takes the place of `path` afterwards.
        kind: one of `KINDS`.
    """
    elsewhere = another(KINDS[kind].argument)
    wanted = path or Path(KINDS[kind].folder) / f"{stem}-{datetime.now():%Y-%m-%d-%H%M%S}"
    try:
        place = wanted.resolve()
        is_there = path is not None and place.is_dir()
        place.parent.mkdir(parents=True, exist_ok=True)
        within = place if is_there else place.parent
        with tempfile.TemporaryDirectory(prefix=f".{place.name}.", dir=within) as beside:
            hidden = Path(beside) / place.name
            hidden.mkdir()
            write(hidden)
            if is_there:
                return _move_into(hidden, place, KINDS[kind].marker)
            return _rename(hidden, place, may_number=path is None)
    except OSError as error:
        reason = error.__cause__ if isinstance(error, RunError) else error
        if not isinstance(reason, OSError):
            raise
        raise RunError(
            f"The {kind} directory {wanted} cannot be made ({reason.strerror}), and nothing of it is kept. "
            f"{elsewhere}{', or free some space' if is_full(reason) else ''}.",
            advice=[elsewhere],
        ) from error


def remove_directory(path: Path, *, only_content: bool) -> None:
    """Remove a directory, or only its content. Subdirectories that cannot be removed stay, without an error."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    if not only_content:
        shutil.rmtree(path, ignore_errors=True)


def _move_into(hidden: Path, place: Path, marker: str) -> Path:
    """Move what a hidden directory holds into the empty directory around it, the file that marks its kind last."""
    if any(entry != hidden.parent for entry in place.iterdir()):
        raise RunError(f"{place} is no longer empty: another process has written into it. Choose another directory.")
    for entry in sorted(hidden.iterdir(), key=lambda entry: entry.name == marker):
        os.rename(entry, place / entry.name)
    return place


def _rename(hidden: Path, wanted: Path, may_number: bool) -> Path:
    """Give a hidden directory its name, or if it is taken and `may_number`, the first free one of `name-2` …"""
    for number in range(1, 100):
        numbered = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            os.rename(hidden, numbered)
        except OSError:
            if not may_number:
                raise
        else:
            return numbered
    raise RunError(f"{wanted} exists already, and so do {wanted.name}-2 to {wanted.name}-99. Name the directory.")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a run or study: two processes that train into it would mix their checkpoints."""
    from filelock import FileLock, Timeout  # `mlplab data` does without

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
