"""Files and directories that are always whole.

A file is written beside the old one, synced and renamed. A directory is filled under another name and renamed.
"""

import contextlib
import errno
import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mlplab import npz
from mlplab.errors import Advice, RunError, UsageError, another, shell_command

_log = logging.getLogger("mlplab")


class Kind(NamedTuple):
    """A kind of directory that mlplab makes and resumes.

    Attributes:
        folder: where it is made by default.
        marker: the file that makes a directory one of this kind.
        function, verb: what resumes it, in Python and on the command line.
        argument: that names another place for it.
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


@contextlib.contextmanager
def _run_errors(path: Path) -> Iterator[None]:
    """Raise a `RunError` where the system refuses to write to `path`."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path} could not be written ({error.strerror or error}). What was there before is unchanged. "
            f"{'Free some space' if _is_full(error) else 'Make the folder writable'}, then resume."
        ) from error


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG)


@contextlib.contextmanager
def optional(path: Path) -> Iterator[None]:
    """Log instead of raising where `path`, which only saves time later, cannot be written."""
    try:
        yield
    except OSError as error:  # RunError is one
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        _log.info(f"{path} could not be written ({reason}), so it will be computed again next time.")


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a person named. Raises `UsageError` if it cannot be written."""
    try:
        write_bytes(path, content)
    except RunError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise UsageError(f"{path} cannot be written: {reason}. Name another file.") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with _run_errors(path):
            with open(beside, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8, with question marks for characters that are not Unicode, which file names can have."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes as they are."""
    with _replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: object) -> None:
    write_bytes(path, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """Return what `write_json` writes."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n"


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an NPZ file."""
    with _replacing(path) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType] - its stub has no name for the arrays


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], note: tuple[str, str] | None = None) -> None:
    """Write a safetensors file, see `tensor_bytes`."""
    write_bytes(path, tensor_bytes(tensors, note))


def tensor_bytes(tensors: Mapping[str, np.ndarray], note: tuple[str, str] | None = None) -> bytes:
    """Return a safetensors file. `note`, a key and a value, goes into its header; several keys have no fixed order."""
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    return save(contiguous, dict([note]) if note else None)


def sha256(content: bytes) -> str:
    """Return the hexadecimal SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()


def check_sha256(path: Path, expected: str | None, where: str) -> None:
    """Raise `RunError` if the file at `path` exists and its SHA-256 is not the one expected; None expects nothing.

    Messages name the file with the expected value as `where`.
    """
    if expected is None or not path.exists():
        return
    with _reading(path), open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise RunError(
            f"{path} is damaged: expected the SHA-256 {expected[:12]}… that {where} has for it, got {found[:12]}…. It "
            "changed after it was written. Restore it from a copy, or train the run again."
        )


def write_lines(path: Path, values: list[Any]) -> None:
    """Write one JSON object a line."""
    write_bytes(path, b"".join(json.dumps(value).encode() + b"\n" for value in values))


def append_line(path: Path, value: object) -> None:
    """Append an object to a file of one JSON object a line."""
    with _run_errors(path), open(path, "ab") as file:
        file.write(json.dumps(value).encode() + b"\n")


def read_json(path: Path) -> Any:
    with _reading(path):
        return json.loads(path.read_bytes())


def read_lines(path: Path) -> list[Any]:
    """Read a file of one JSON object a line; a last line cut short by a kill is left out."""
    with _reading(path):
        return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an NPZ file."""
    with _reading(path):
        return npz.read(path)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the tensors of a safetensors file, and the notes in its header."""
    with _reading(path), safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no mapping


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise a `RunError` where `path` is missing or damaged."""
    try:
        yield
    except FileNotFoundError as error:
        raise RunError(f"{path.parent} lacks {path.name}: it is not a run, or is damaged.") from error
    except (OSError, ValueError, KeyError, EOFError, RecursionError, SafetensorError) as error:
        raise RunError(f"{path} is damaged: {error}. Restore it from a copy, or train the run again.") from error


def free_path(out: str | Path | None, kind: str = "run") -> Path | None:
    """`out` as a path for a directory. Raises `RunError` if something is there already; an empty one is nothing."""
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
        path: where: a new directory, or an empty one, such as ".", a link to one, or a mounted volume; None: in the
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
            f"{elsewhere}{', or free some space' if _is_full(reason) else ''}.",
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
