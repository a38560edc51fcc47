"""A run directory as bytes: out to a node of a cluster, and back into its place."""

import json
import os
from pathlib import Path

from mlplab import files
from mlplab.runs import checksums
from mlplab.runs.checkpoint import NEXT, STATE, TEXT, Checkpoint
from mlplab.runs.directory import RunDirectory

Content = dict[str, bytes]
"""The files of a run directory by name, without those of its members."""

_RESULT = "result.json"


def pack(path: Path) -> Content:
    """Read the files of a run directory."""
    return {file.name: file.read_bytes() for file in path.glob("*") if file.is_file() and file.name[0] != "."}


def pack_unfinished(path: Path) -> Content:
    """Read the files of a run directory, after mending what a kill within `Checkpoint.save` may have left."""
    Checkpoint.load(path).save(path)
    return pack(path)


def unpack(path: Path, content: Content) -> None:
    """Write the files into a directory that does not exist yet."""
    path.mkdir()
    for name, file in content.items():
        (path / name).write_bytes(file)


def replace(path: Path, content: Content) -> None:
    """Replace the files of a run directory by those that came back. After a kill at any moment it can be resumed."""
    content = dict(content)
    content.pop(checksums.FILE, None)  # the list here is of the files here
    result = content.pop(_RESULT, None)
    # In the order of `Checkpoint.save`.
    files.write_bytes(path / NEXT, content.pop(STATE))
    files.write_bytes(path / TEXT, content.pop(TEXT))
    os.replace(path / NEXT, path / STATE)
    for name, file in content.items():
        files.write_bytes(path / name, file)
    if result is not None:
        RunDirectory(path).write_result_json({**json.loads(result), "run": str(path)})
