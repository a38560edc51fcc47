"""The environment in which a run or study began. Another one is reported on resuming: the bits will differ."""

import importlib.metadata
import warnings
from typing import Protocol

from mlplab.engine import backend
from mlplab.runs import machine


class Environment(Protocol):
    """A run's `Config`, or a `StudyConfig`."""

    @property
    def versions(self) -> dict[str, str]: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...


def warn_of_differences(kind: str, recorded: Environment, threads: int) -> None:
    """Warn of versions, device or number of threads that differ from the recorded ones.

    Args:
        kind: "run" or "study".
        recorded: the environment in which it began.
        threads: number of threads from now on.
    """
    installed = {name: importlib.metadata.version(name) for name in recorded.versions if name != "python"}
    now = {**installed, **machine.versions(), "device": backend.device(), "threads": threads}
    then = {**recorded.versions, "device": recorded.device, "threads": recorded.threads}
    changed = [f"{name} {then.get(name)} → {now[name]}" for name in now if now[name] != then.get(name)]
    if changed:
        warnings.warn(
            f"The {kind} began under other conditions ({', '.join(changed)}): it is resumed, but its numbers may "
            "differ from those of an uninterrupted one.",
            stacklevel=3,
        )
