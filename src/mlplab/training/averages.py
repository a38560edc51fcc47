"""Running averages of the weights, the setting `ema`: the optimizer keeps them, and they are validated and kept."""

import contextlib
from collections.abc import Iterator

from mlplab.engine import keras
from mlplab.runs import Settings


def averages(settings: Settings) -> keras.callbacks.SwapEMAWeights | None:
    """Return Keras's callback that puts averages in the place of the weights during validation; None without `ema`.

    When training ends, Keras's optimizer puts them there for good.
    """
    return keras.callbacks.SwapEMAWeights() if settings.ema else None


@contextlib.contextmanager
def in_place(swap: keras.callbacks.SwapEMAWeights | None) -> Iterator[None]:
    """Let the model of the callback have the averages as its weights meanwhile; None changes nothing."""
    if swap is not None:
        swap.on_test_begin()
    try:
        yield
    finally:
        if swap is not None:
            swap.on_test_end()
