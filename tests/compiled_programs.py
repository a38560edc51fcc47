"""Programs that XLA compiled for tests, kept between test runs in the person's cache folder."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock

UNUSED_DAYS = 30


def keep() -> None:
    """Let JAX keep its programs, here and in the processes that tests start; workers inherit the environment.

    JAX_COMPILATION_CACHE_DIR names another folder; nothing is deleted from that one. Programs are compiled with few
    optimizations, since most run for milliseconds and compile in two thirds of the time so, see `fully_optimized`.
    """
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = platformdirs.user_cache_path("mlplab-tests") / "jax"
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        remove_old_and_incomplete(folder)


@contextlib.contextmanager
def fully_optimized() -> Iterator[None]:
    """Compile as for people within a block, here and in the processes that it starts."""
    import jax  # it reads the environment when it is imported

    from mlplab.engine import compile_cache

    few = jax.config.values["jax_disable_most_optimizations"]

    def disable_most(value: bool) -> None:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(int(value))
        jax.config.update("jax_disable_most_optimizations", value)
        compile_cache._loops.clear()  # programs of the other kind

    disable_most(False)
    try:
        yield
    finally:
        disable_most(few)


def remove_old_and_incomplete(folder: Path) -> None:
    """Delete programs that nothing read for 30 days, and new ones that a killed process left incomplete."""
    from jax._src.compilation_cache import decompress_executable  # JAX reads the environment when it is imported

    stamp = folder / "checked"
    with FileLock(folder / ".lock"):
        checked = stamp.stat().st_mtime if stamp.exists() else 0
        stamp.touch()
        for path in folder.glob("*-cache"):
            status = path.stat()
            used = max(status.st_atime, status.st_mtime)
            try:
                if status.st_mtime > checked - 60:  # reading all of them each time would count as use
                    decompress_executable(path.read_bytes())
            except Exception:  # which one depends on the compression
                used = 0
            if used < time.time() - UNUSED_DAYS * 24 * 3600:
                path.unlink(missing_ok=True)
