"""How tests compile: quickly, as most programs run for milliseconds. mlplab keeps them, as it does for people."""

import contextlib
import os
from collections.abc import Iterator


def with_few_optimizations() -> None:
    """Compile in two thirds of the time, here and in the processes that tests start, see `fully_optimized`."""
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


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
