"""Writing files that are always whole: each is written beside the old one, synced and renamed."""

import contextlib
import errno
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from safetensors.numpy import save

from mlplab.errors import RunError, UsageError

_log = logging.getLogger("mlplab")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of `path` once it is written and synced."""
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
    """Write indented JSON in UTF-8."""
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


def write_lines(path: Path, values: list[Any]) -> None:
    """Write one JSON object a line."""
    write_bytes(path, b"".join(json.dumps(value).encode() + b"\n" for value in values))


def append_line(path: Path, value: object) -> None:
    """Append an object to a file of one JSON object a line."""
    with _run_errors(path), open(path, "ab") as file:
        file.write(json.dumps(value).encode() + b"\n")


def check_output(path: Path) -> None:
    """Raise `UsageError` for a file that a person named and `write_output` cannot write; nothing is written yet."""
    try:
        is_folder = path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise _refused(path, str(error.strerror)) from error
    if is_folder:
        raise UsageError(f"{path} is a folder: name a file in it.")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    reason = errno.ENOTDIR if not folder.is_dir() else None if os.access(folder, os.W_OK) else errno.EACCES
    if reason is not None:
        raise _refused(path, f"{os.strerror(reason)}: {folder}")


def write_output(path: Path, content: bytes) -> None:
    """Write a file that a person named, and make its folder. Raises `UsageError` if it cannot be written."""
    check_output(path)
    with contextlib.suppress(OSError):  # writing then fails, too, and says why
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_bytes(path, content)
    except RunError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise _refused(path, str(reason)) from error


def _refused(path: Path, reason: str) -> UsageError:
    """Return the error for a file that a person named and that cannot be written."""
    return UsageError(f"{path} cannot be written: {reason}. Name another file.")


@contextlib.contextmanager
def optional(path: Path) -> Iterator[None]:
    """Log instead of raising where `path`, which only saves time later, cannot be written."""
    try:
        yield
    except OSError as error:  # RunError is one
        reason = getattr(error.__cause__ or error, "strerror", None) or error
        _log.info(f"{path} could not be written ({reason}), so it will be computed again next time.")


@contextlib.contextmanager
def _run_errors(path: Path) -> Iterator[None]:
    """Raise a `RunError` where the system refuses to write to `path`."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path} could not be written ({error.strerror or error}). What was there before is unchanged. "
            f"{remedy(error)}, then resume."
        ) from error


def remedy(error: OSError) -> str:
    """Return what to do where the system refused to write."""
    return "Free some space" if is_full(error) else "Make the folder writable"


def is_full(error: OSError) -> bool:
    """Return whether the system refused for want of space."""
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None), errno.EFBIG)
