"""Keras on its JAX backend: imported here, for everybody else, or refused with what to do."""

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np

from mlplab.errors import BackendError

_wanted = os.environ.get("KERAS_BACKEND", "jax")
if "keras" not in sys.modules and _wanted != "jax":
    raise BackendError(
        f"mlplab trains on Keras's JAX backend, but the environment asks for KERAS_BACKEND={_wanted}. "
        "Unset KERAS_BACKEND, or set it to 'jax', and start again."
    )
os.environ["KERAS_BACKEND"] = _wanted

_begun = time.perf_counter()
import jax  # noqa: E402 - after the backend is chosen
import keras  # noqa: E402
from keras.src.backend.common import global_state  # noqa: E402 - Keras does not export it
from keras.src.utils.rng_utils import get_random_seed  # noqa: E402 - Keras does not export it


def _ask_for_a_device_a_core() -> None:
    """On a CPU, let JAX have one device for each core, over which a population is spread: before JAX starts, or never.

    `MLPLAB_DEVICES` says another number; a number that JAX was told otherwise stays.
    """
    wanted = os.environ.get("MLPLAB_DEVICES", "")
    if "XLA_FLAGS" in os.environ and "host_platform_device_count" in os.environ["XLA_FLAGS"]:
        return
    if jax.config.jax_num_cpu_devices > 0:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    global started_before
    try:
        jax.config.update("jax_num_cpu_devices", int(wanted) if wanted.isdecimal() and int(wanted) else cores)
    except RuntimeError:
        started_before = cores > 1


started_before = False
"""Whether JAX had started on one device before mlplab could ask for more: populations then use one core."""


_ask_for_a_device_a_core()
import_seconds = time.perf_counter() - _begun
"""Seconds that importing JAX and Keras took; next to nothing where they were imported before."""

if keras.config.backend() != "jax":
    raise BackendError(
        f"mlplab trains on Keras's JAX backend, but Keras was imported on {keras.config.backend()!r} before mlplab. "
        "Put 'import mlplab' before the first 'import keras' (in a notebook: restart the kernel), "
        "or set KERAS_BACKEND=jax."
    )

_compiling: list[tuple[float, float]] = []
"""When something was being compiled: spans of time that lie apart, in order."""
_compiling_lock = threading.Lock()


def _add_compile_time(event: str, duration_secs: float, **_: object) -> None:
    """Events come when they end. Several threads compile at once, and what overlaps counts once."""
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
    """Seconds this process has spent tracing and compiling, since mlplab was loaded."""
    with _compiling_lock:
        return sum(end - start for start, end in _compiling)


def keras_seed() -> int | None:
    """The seed given to `keras.utils.set_random_seed`, if it was called."""
    return get_random_seed()


@contextlib.contextmanager
def isolated_random_state() -> Iterator[None]:
    """A session of its own within this one: random states and the numbers in layers' names are as before afterwards."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is what Keras seeds
    kept = vars(global_state.GLOBAL_STATE_TRACKER).copy()
    vars(global_state.GLOBAL_STATE_TRACKER).clear()
    try:
        yield
    finally:
        vars(global_state.GLOBAL_STATE_TRACKER).clear()
        vars(global_state.GLOBAL_STATE_TRACKER).update(kept)
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def on_cpu() -> bool:
    """Whether the engine computes on processor cores, and not on a GPU or TPU."""
    return jax.devices()[0].platform == "cpu"


def device() -> str:
    """What the engine computes on: `cpu`, or a GPU's or TPU's name such as `NVIDIA L4`."""
    return "cpu" if on_cpu() else jax.devices()[0].device_kind


def free_memory() -> int:
    """Bytes that the devices have left: of an accelerator's own memory, or of the machine's."""
    stats = jax.devices()[0].memory_stats()
    if stats is not None and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # another system than Linux
        return 4 * 2**30


def peak_device_memory() -> int | None:
    """Peak bytes in use on an accelerator; `None` on a CPU, whose memory is the process's own."""
    stats = jax.devices()[0].memory_stats()
    return None if stats is None else stats.get("peak_bytes_in_use")
