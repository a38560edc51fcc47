"""Keras's own loop, for models that are not to be compiled: compiled loops have no values to look at."""

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from mlplab.engine.backend import keras
from mlplab.engine.checks import NeedsValuesError
from mlplab.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_log = logging.getLogger("mlplab")

_OF_COMPILED_LOOPS = ("seed", "packed")
"""Arguments that Keras's methods do not have."""


def unless_eager(function: F) -> F:
    """Make a function of a model leave the work to the `keras.Model` method of its name where Keras does not compile.

    That is with `run_eagerly=True`, and with `jit_compile=False` if the step needs the values of its inputs.
    """
    method = getattr(keras.Model, function.__name__)
    parameters = inspect.signature(function)

    @functools.wraps(function)
    def compiled_or_eager(*arguments: Any, **named: Any) -> Any:
        given = parameters.bind(*arguments, **named).arguments
        if not getattr(given["model"], "run_eagerly", False):
            try:
                return function(*arguments, **named)
            except NeedsValuesError:
                _say_once("jit_compile=False, and the model needs the values of its inputs")
        else:
            _say_once("run_eagerly=True")
        if any(hasattr(given.get(name), "segments") for name in ("x", "validation_data")):
            raise UsageError(
                "A Source is read by compiled loops, and this model runs in Keras's own loop. Give arrays, or compile "
                "the model without run_eagerly=True and jit_compile=False."
            )
        return method(given.pop("model"), **{n: value for n, value in given.items() if n not in _OF_COMPILED_LOOPS})

    return compiled_or_eager  # type: ignore[return-value] - it takes the same arguments


@functools.cache
def _say_once(reason: str) -> None:
    _log.info(
        "%s: Keras's own loop runs the model, one step after the other. Its order of rows comes from NumPy's global "
        "state; seed and packed have no effect.",
        reason,
    )
