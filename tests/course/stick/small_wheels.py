"""A small lock with small wheels, for real sticks in seconds."""

import base64
import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from mlplab.course.stick import Materials

COMMON = "py3-none-any"


def small_wheel(folder: Path, name: str, version: str, tag: str, body: str = "") -> str:
    """A wheel of one module (PEP 427), and its line in a lock."""
    info, files = f"{name}-{version}.dist-info", {f"{name}.py": body}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    record = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}"
        for file, text in files.items()
    ]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    path = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
    return f"--hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def lock_of(folder: Path, *lines: str) -> Materials:
    folder.mkdir(exist_ok=True)
    (folder / "small.lock").write_text("".join(f"{line}\n" for line in ("# made by a test", *lines)), "utf-8")
    (folder / "notebooks").mkdir(exist_ok=True)
    (folder / "notebooks" / "one.ipynb").write_text("{}", "utf-8")
    return Materials(folder / "small.lock", folder / "notebooks")


def let_pip_find(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """The wheels in that folder, and no others."""
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("PIP_FIND_LINKS", str(folder))
    patch.setenv("PIP_NO_INDEX", "1")


def claim(folder: Path, targets: list[list[str]]) -> None:
    facts = json.loads((folder / "stick.json").read_text())
    (folder / "stick.json").write_text(json.dumps({**facts, "targets": targets}))


def hush(line: str) -> None:
    """Says nothing."""
