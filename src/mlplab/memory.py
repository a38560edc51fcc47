"""The memory that this process may use."""

import contextlib
import os
from pathlib import Path

_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where Linux states the limit of a container, in both versions of control groups."""


def memory_bytes() -> int | None:
    """Return the bytes of the machine, or the limit of its container; None where the system does not say (Windows)."""
    try:
        limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    except (AttributeError, OSError, ValueError):
        return None
    for path in _CONTAINER_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # ValueError: "max" stands for no limit
            limits.append(int(Path(path).read_text()))
    return min(limits)
