"""Keras on its JAX backend: imported here, for everybody else, or refused with what to do."""

import contextlib
import os
import random
import sys
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

import_seconds = time.perf_counter() - _begun
"""Seconds that importing JAX and Keras took; next to nothing where they were imported before."""

if keras.config.backend() != "jax":
    raise BackendError(
        f"mlplab trains on Keras's JAX backend, but Keras was imported on {keras.config.backend()!r} before mlplab. "
        "Put 'import mlplab' before the first 'import keras' (in a notebook: restart the kernel), "
        "or set KERAS_BACKEND=jax."
    )

_compile_seconds = 0.0


def _add_compile_time(event: str, duration_secs: float, **_: object) -> None:
    global _compile_seconds
    if event.startswith("/jax/core/compile/"):
        _compile_seconds += duration_secs


jax.monitoring.register_event_duration_secs_listener(_add_compile_time)


def compile_seconds() -> float:
    """Seconds this process has spent tracing and compiling, since mlplab was loaded."""
    return _compile_seconds


def keras_seed() -> int | None:
    """The seed given to `keras.utils.set_random_seed`, if it was called."""
    return get_random_seed()


@contextlib.contextmanager
def apart() -> Iterator[None]:
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


def device() -> str:
    """What the engine computes on: `cpu`, or a GPU's or TPU's name such as `NVIDIA L4`."""
    first = jax.devices()[0]
    return first.platform if first.platform == "cpu" else first.device_kind


def peak_device_memory() -> int | None:
    """Peak bytes in use on an accelerator; `None` on a CPU, whose memory is the process's own."""
    stats = jax.devices()[0].memory_stats()
    return None if stats is None else stats.get("peak_bytes_in_use")
