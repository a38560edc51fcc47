"""The environment of this process. Every run records it, because exact repetition depends on it."""

import importlib.metadata
import os
import platform
import sys

_PACKAGES = ("jax", "jaxlib", "keras", "mlplab", "numpy")


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
