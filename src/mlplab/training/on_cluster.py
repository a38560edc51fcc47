"""Networks trained on the nodes of a cluster: run directories go there, and members of a population back, as bytes."""

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.datasets import Data
from mlplab.runs.checkpoint import Checkpoint

if TYPE_CHECKING:
    from mlplab.cluster import Workers

_log = logging.getLogger("mlplab")

Content = dict[str, bytes]
"""The files of a run directory, by name."""


def reached(ray: str | None) -> contextlib.AbstractContextManager["Workers | None"]:
    """The cluster at an address, see `cluster.workers`; None where none is asked for."""
    if ray is None:
        return contextlib.nullcontext()
    from mlplab.cluster import workers  # only for those who ask for it

    return workers(ray)


def train_members(cluster: "Workers", paths: Sequence[Path], data: Data) -> dict[str, str]:
    """Train members from their checkpoints to their ends, a few a task; they come back as they are done.

    Args:
        cluster: see `reached`.
        paths: run directories, unfinished.

    Returns:
        Why members were set aside, by the names of their directories.
    """
    diverged: dict[str, str] = {}
    done = 0
    size = per_task(cluster, len(paths))
    chunks = [list(paths[start : start + size]) for start in range(0, len(paths), size)]
    for path in paths:
        Checkpoint.load(path).save(path)  # a kill may have left its state under the name that `_replace` uses
    tasks = [{path.name: content(path) for path in chunk} for chunk in chunks]
    for position, (found, aside) in cluster.map(_carry_out, tasks, shared=data):
        for path in chunks[position]:
            _replace(path, found[path.name])
        diverged |= aside
        done += len(chunks[position])
        _log.info(f"{done} of {len(paths)} networks are trained.")
    return diverged


def _carry_out(data: Data, task: dict[str, Content], progress: Any = None) -> tuple[dict[str, Content], dict[str, str]]:
    """On a node: the same members, finished, and why some were set aside."""
    from mlplab.training import seeds  # which imports this module
    from mlplab.training.result import Clock

    clock = Clock()
    with tempfile.TemporaryDirectory() as made:
        paths = [Path(made) / name for name in task]
        for path in paths:
            put_down(path, task[path.name])
        aside = seeds.train_members(paths, seeds.reopened(paths, data), clock, seeds.ExecutionOptions())
        return {path.name: content(path) for path in paths}, dict(aside)


def per_task(cluster: "Workers", networks: int) -> int:
    """How many networks a task trains: one task for each that runs at once, as each has to compile."""
    return max(2, -(-networks // cluster.slots))  # a task has two processors


def content(path: Path, pattern: str = "*") -> Content:
    """What a run directory holds, itself and not its members."""
    return {file.name: file.read_bytes() for file in path.glob(pattern) if file.is_file() and file.name[0] != "."}


def put_down(path: Path, files_of: Content) -> None:
    """The inverse of `content`, in a directory to be made."""
    path.mkdir()
    for name, file in files_of.items():
        (path / name).write_bytes(file)


def _replace(path: Path, came: Content) -> None:
    """Bring a member's directory to what came back, so that a kill at any moment leaves what can be gone on with."""
    told = came.pop("result.json", None)
    # In the order of `Checkpoint.save`.
    files.write_bytes(path / "checkpoint.next.safetensors", came.pop("checkpoint.safetensors"))
    files.write_bytes(path / "checkpoint.json", came.pop("checkpoint.json"))
    os.replace(path / "checkpoint.next.safetensors", path / "checkpoint.safetensors")
    for name, file in came.items():
        files.write_bytes(path / name, file)
    if told is not None:
        result: dict[str, Any] = json.loads(told)
        files.write_json(path / "result.json", {**result, "run": str(path)})
