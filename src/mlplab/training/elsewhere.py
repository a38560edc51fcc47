"""Members of a population trained on the nodes of a cluster: their directories go there and come back as bytes."""

import contextlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab.datasets import Data
from mlplab.runs import files

if TYPE_CHECKING:
    from mlplab.cluster import Workers

_log = logging.getLogger("mlplab")

Content = dict[str, bytes]
"""The files of a run directory, by name."""


@contextlib.contextmanager
def reached(ray: str | None) -> Iterator["Workers | None"]:
    """The cluster at an address, see `cluster.workers`; None where none is asked for."""
    if ray is None:
        yield None
        return
    from mlplab.cluster import workers  # and so Ray: only for those who ask for it

    with contextlib.ExitStack() as held:
        with warnings.catch_warnings():
            # Ray starts programs, and forks for that. JAX warns of forks; those which start a program are harmless.
            warnings.filterwarnings("ignore", r"os\.fork", RuntimeWarning)
            cluster = held.enter_context(workers(ray))
        yield cluster


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
    # Two at least: a task has two processors. One task for each that runs at once: each has to compile.
    size = max(2, -(-len(paths) // cluster.slots))
    chunks = [list(paths[start : start + size]) for start in range(0, len(paths), size)]
    tasks = [{path.name: _content(path) for path in chunk} for chunk in chunks]
    for position, (found, aside) in cluster.map(_carry_out, tasks, shared=data):
        for path in chunks[position]:
            _replace(path, found[path.name])
        diverged |= aside
        done += len(chunks[position])
        _log.info(f"{done} of {len(paths)} networks are trained.")
    return diverged


def _carry_out(data: Data, task: dict[str, Content]) -> tuple[dict[str, Content], dict[str, str]]:
    """On a node: the same members, finished, and why some were set aside."""
    from mlplab.training import seeds  # which imports this module
    from mlplab.training.result import Clock

    clock = Clock()
    with tempfile.TemporaryDirectory() as made:
        paths = [Path(made) / name for name in task]
        for path in paths:
            path.mkdir()
            for name, content in task[path.name].items():
                (path / name).write_bytes(content)
        aside = seeds.train_members(paths, seeds.reopened(paths, data), clock, seeds.How())
        return {path.name: _content(path) for path in paths}, dict(aside)


def _content(path: Path) -> Content:
    return {file.name: file.read_bytes() for file in path.iterdir() if not file.name.startswith(".")}


def _replace(path: Path, content: Content) -> None:
    """Bring a member's directory to what came back, so that a kill at any moment leaves what can be gone on with."""
    told = content.pop("result.json", None)
    # In the order of `Checkpoint.save`.
    files.write_bytes(path / "checkpoint.next.safetensors", content.pop("checkpoint.safetensors"))
    files.write_bytes(path / "checkpoint.json", content.pop("checkpoint.json"))
    os.replace(path / "checkpoint.next.safetensors", path / "checkpoint.safetensors")
    for name, file in content.items():
        files.write_bytes(path / name, file)
    if told is not None:
        result: dict[str, Any] = json.loads(told)
        files.write_json(path / "result.json", {**result, "run": str(path)})
