"""Reading the files of a run: one that is missing or damaged is a `RunError`."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from mlplab import npz
from mlplab.errors import RunError


def read_json(path: Path) -> Any:
    """Read a JSON file."""
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
