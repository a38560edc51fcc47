"""Files that are always whole, either the old or the new one: written beside, synced, renamed."""

import contextlib
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from mlplab.errors import RunError, UsageError

_log = logging.getLogger("mlplab")


@contextlib.contextmanager
def _run_errors(path: Path) -> Iterator[None]:
    """Raise a `RunError` where the system refuses to write to `path`."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path} could not be written ({error.strerror or error}). What was there before is unchanged. "
            "Free some space, or make the folder writable, then resume."
        ) from error


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
    with _replacing(path) as file:
        file.write(text.encode("utf-8", "replace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes as they are."""
    with _replacing(path) as file:
        file.write(content)


def write_json(path: Path, value: object) -> None:
    with _replacing(path) as file:
        file.write(json.dumps(value, indent=1, ensure_ascii=False).encode() + b"\n")


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write an NPZ file."""
    with _replacing(path) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType] - its stub has no name for the arrays


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], note: tuple[str, str] | None = None) -> None:
    """Write a safetensors file. `note`, a key and a value, goes into its header; several keys have no fixed order."""
    contiguous = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    with _replacing(path) as file:
        file.write(save(contiguous, dict([note]) if note else None))


def write_lines(path: Path, values: list[Any]) -> None:
    """Write one JSON object a line."""
    with _replacing(path) as file:
        file.writelines(json.dumps(value).encode() + b"\n" for value in values)


def append_line(path: Path, value: object) -> None:
    """Append an object to a file of one JSON object a line."""
    with _run_errors(path), open(path, "ab") as file:
        file.write(json.dumps(value).encode() + b"\n")


def read_json(path: Path) -> Any:
    return _read(path, lambda: json.loads(path.read_bytes()))


def read_lines(path: Path) -> list[Any]:
    """Read a file of one JSON object a line; a last line cut short by a kill is left out."""
    lines = _read(path, path.read_bytes).split(b"\n")
    return _read(path, lambda: [json.loads(line) for line in lines[:-1]])


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    def read() -> dict[str, np.ndarray]:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)

    return _read(path, read)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read the tensors of a safetensors file, and the notes in its header."""

    def read() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 - no mapping

    return _read(path, read)


def _read(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except FileNotFoundError as error:
        raise RunError(f"{path.parent} lacks {path.name}: it is not a run, or is damaged.") from error
    except (OSError, ValueError, KeyError, EOFError, SafetensorError) as error:
        raise RunError(f"{path} is damaged: {error}. Restore it from a copy, or train the run again.") from error
