"""What a run or a study began on. Going on with it under other conditions is reported: the bits will differ."""

import importlib.metadata
import warnings
from typing import Protocol

from mlplab.engine import backend
from mlplab.runs import machine


class Began(Protocol):
    """A run's `Config`, or a `StudyConfig`."""

    @property
    def versions(self) -> dict[str, str]: ...

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...


def warn_of_differences(what: str, began: Began, threads: int) -> None:
    """Warn of versions, device or number of threads that are not those that it began with.

    Args:
        what: "run" or "study".
        threads: that it goes on with.
    """
    installed = {name: importlib.metadata.version(name) for name in began.versions if name != "python"}
    now = {**installed, **machine.versions(), "device": backend.device(), "threads": threads}
    then = {**began.versions, "device": began.device, "threads": began.threads}
    changed = [f"{name} {then.get(name)} → {now[name]}" for name in now if now[name] != then.get(name)]
    if changed:
        warnings.warn(
            f"The {what} began under other conditions ({', '.join(changed)}): it goes on, but not bit for bit as it "
            "would have.",
            stacklevel=3,
        )
