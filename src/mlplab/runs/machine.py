"""The environment of this process. Every run records it, because exact repetition depends on it."""

import functools
import importlib.metadata
import os
import platform
import sys
import warnings
from typing import Any

_PACKAGES = ("jax", "jaxlib", "keras", "mlplab", "numpy")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in _PACKAGES}}


def threads() -> int:
    """Number of threads that XLA uses. Sums on a CPU are split among them, so their number shows in the bits.

    One for each processor that this process may use, or the number in the environment variable NPROC.
    """
    if os.environ.get("NPROC", "").isdecimal():
        return int(os.environ["NPROC"])
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_memory_bytes() -> int | None:
    """The most memory that this process had resident so far; None where the system does not report it (Windows)."""
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def warn_of_differences(kind: str, recorded: Any, threads: int) -> None:
    """Warn of versions, device or number of threads that differ from those in the config of a run or study.

    The bits of a run that is resumed will then differ too. `threads` is the number from now on.
    """
    from mlplab.engine import backend  # heavy: only for those who train

    installed = {name: importlib.metadata.version(name) for name in recorded.versions if name != "python"}
    now = {**installed, **versions(), "device": backend.device(), "threads": threads}
    then = {**recorded.versions, "device": recorded.device, "threads": recorded.threads}
    changed = [f"{name} {then.get(name)} → {now[name]}" for name in now if now[name] != then.get(name)]
    if changed:
        warnings.warn(
            f"The {kind} began under other conditions ({', '.join(changed)}): it is resumed, but its numbers may "
            "differ from those of an uninterrupted one.",
            stacklevel=3,
        )
