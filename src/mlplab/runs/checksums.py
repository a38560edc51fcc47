"""SHA256SUMS: the SHA-256 of each file of a run that is not written again, as `sha256sum --check SHA256SUMS` reads it.

A file is listed after it was written, or, if it decides (result.json), before. A file that is not listed is not
checked, so a run without this file opens like any other. The newest checkpoint has its own, see `checkpoint.py`.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from mlplab import files
from mlplab.errors import RunError

FILE = "SHA256SUMS"


def check(path: Path) -> None:
    """Raise `RunError` if the file at `path` is not as it was when it was listed."""
    if path.exists():
        files.check_sha256(path, _read(path.parent).get(path.name), FILE)


def add(folder: Path, names: Iterable[str] = (), contents: dict[str, bytes] | None = None) -> None:
    """List files of a run: those of some names that exist, and those whose contents are given, to be written next."""
    present = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    sums = _read(folder) | {name: files.sha256(content) for name, content in (present | (contents or {})).items()}
    _write(folder, sums)


def remove(folder: Path, name: str) -> None:
    """Take a file, which is to be written again, off the list."""
    sums = _read(folder)
    if sums.pop(name, None):
        _write(folder, sums)


def listed(folder: Path) -> set[str]:
    """Return the names of the listed files."""
    return set(_read(folder))


def _read(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each listed file by its name; none for a run of a version that wrote no list."""
    path = folder / FILE
    if not path.exists():
        return {}
    lines = path.read_text("utf-8", "replace").splitlines()
    matches = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in lines]
    if not all(matches):
        number = matches.index(None)
        raise RunError(
            f"{path} is damaged: expected a SHA-256, two spaces and a file's name in each line, got {lines[number]!r}. "
            "Restore it from a copy, or delete it: then nothing is checked."
        )
    return {match[2]: match[1] for match in matches if match}


def _write(folder: Path, sums: dict[str, str]) -> None:
    files.write_text(folder / FILE, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))
