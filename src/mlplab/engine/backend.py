"""Keras on its JAX backend: every other file imports `keras` from here. Another backend is refused."""

import contextlib
import ctypes
import functools
import gc
import os
import platform
import random
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import BackendError
from mlplab.memory import memory_bytes

_wanted = os.environ.get("KERAS_BACKEND", "jax")
if "keras" not in sys.modules and _wanted != "jax":
    raise BackendError(
        f"mlplab trains on Keras's JAX backend, but the environment asks for KERAS_BACKEND={_wanted}. "
        "Unset KERAS_BACKEND, or set it to 'jax', and start again."
    )
os.environ["KERAS_BACKEND"] = _wanted


@contextlib.contextmanager
def _garbage_is_left() -> Iterator[None]:
    """Look for no garbage within the block, nor ever among the objects that exist at its end.

    JAX and Keras make 200,000 objects that stay, and Python would look through all of them again and again, at its own
    end too. Objects that were there before would stay as well, so where they are many, garbage is looked for as always.
    """
    before, others = gc.isenabled(), len(gc.get_objects())
    gc.disable()
    try:
        yield
    finally:
        if others < len(gc.get_objects()) / 2:
            gc.freeze()
        if before:
            gc.enable()


_import_start = time.perf_counter()
with deferred_interrupt(), _garbage_is_left():
    # jaxlib turns Ctrl-C within its initialization into an ImportError, or aborts
    import jax
    import keras

    from mlplab.engine import keras_internals
    from mlplab.engine.kept_programs import keep_programs


def _make_every_core_a_device() -> None:
    """On a CPU, let JAX have one device for each core, over which a population is spread. JAX must not have started.

    The environment variable `MLPLAB_DEVICES` sets another number. A number that the user gave JAX stays.
    """
    if "host_platform_device_count" in os.environ.get("XLA_FLAGS", "") or jax.config.jax_num_cpu_devices > 0:
        return
    wanted = os.environ.get("MLPLAB_DEVICES", "")
    cores = _cores()
    global started_before
    try:
        jax.config.update("jax_num_cpu_devices", int(wanted) if wanted.isdecimal() and int(wanted) else cores)
    except RuntimeError:
        started_before = cores > 1


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _keep_freed_memory() -> None:
    """Let the C library keep memory that XLA frees, as it needs as much in the next step; docs/engine-notes.md.

    Only where that library is glibc. Variables of the environment that say otherwise (`MALLOC_…`) stay.
    """
    if _is_kept():
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, 2**30)
        set_option(_M_TRIM_THRESHOLD, 2**30)
        set_option(_M_ARENA_MAX, _cores())  # each keeps what its threads have freed


def give_back_freed_memory() -> None:
    """Give the system what is kept by `_keep_freed_memory`: before something is compiled, when a process is largest."""
    if _is_kept():
        ctypes.CDLL(None).malloc_trim(0)


@functools.cache
def _is_kept() -> bool:
    names = ("MALLOC_", "GLIBC_TUN")
    return platform.libc_ver()[0] == "glibc" and not any(name.startswith(names) for name in os.environ)


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Numbers of glibc's options, from its malloc.h."""

started_before = False
"""Whether JAX had started on one device before mlplab was imported: populations then use one core."""


_make_every_core_a_device()
_keep_freed_memory()
keep_programs()
import_seconds = time.perf_counter() - _import_start
"""Seconds that importing JAX and Keras took; close to 0 if they were imported before."""

if keras.config.backend() != "jax":
    raise BackendError(
        f"mlplab trains on Keras's JAX backend, but Keras was imported on {keras.config.backend()!r} before mlplab. "
        "Put 'import mlplab' before the first 'import keras' (in a notebook: restart the kernel), "
        "or set KERAS_BACKEND=jax."
    )

_compiling: list[tuple[float, float]] = []
"""Start and end of the times in which something was compiled, in order and without overlaps."""
_compiling_lock = threading.Lock()


def _add_compile_time(event: str, duration_secs: float, **_: object) -> None:
    """Record an event, which JAX reports at its end. Several threads compile at once; overlaps count once."""
    if not event.startswith("/jax/core/compile/"):
        return
    with _compiling_lock:
        end = time.perf_counter()
        start = end - duration_secs
        while _compiling and _compiling[-1][1] >= start:
            start = min(start, _compiling.pop()[0])
        _compiling.append((start, end))


jax.monitoring.register_event_duration_secs_listener(_add_compile_time)


def compile_seconds() -> float:
    """Return the seconds that this process has spent tracing and compiling since mlplab was imported."""
    with _compiling_lock:
        return sum(end - start for start, end in _compiling)


@contextlib.contextmanager
def isolated_random_state() -> Iterator[None]:
    """Start with a fresh state of Keras, and restore random states and the numbers in layers' names at the end."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is what Keras seeds
    session = keras_internals.session_state()
    before = session.copy()
    session.clear()
    try:
        yield
    finally:
        session.clear()
        session.update(before)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def on_cpu() -> bool:
    """Return whether the engine computes on processor cores, and not on a GPU or TPU."""
    return jax.devices()[0].platform == "cpu"


def device() -> str:
    """Return the name of the device: `cpu`, or that of a GPU or TPU such as `NVIDIA L4`."""
    return "cpu" if on_cpu() else jax.devices()[0].device_kind


def free_memory() -> int:
    """Return the free bytes of an accelerator's memory, or of the machine's."""
    stats = jax.devices()[0].memory_stats()
    if stats is not None and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # another system than Linux
        return 4 * 2**30


def device_memory() -> int:
    """Return the bytes of an accelerator's memory, or of the machine's; a large number where nothing says."""
    stats = jax.devices()[0].memory_stats()
    return (stats or {}).get("bytes_limit") or memory_bytes() or 2**62


def peak_device_memory() -> int | None:
    """Return the peak bytes in use on an accelerator; `None` on a CPU, which uses the memory of the process."""
    stats = jax.devices()[0].memory_stats()
    return None if stats is None else stats.get("peak_bytes_in_use")
