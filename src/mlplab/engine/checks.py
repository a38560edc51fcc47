"""A model that cannot be trained, and counts that are none, are refused here, with what to do."""

from typing import Any

import jax
import numpy as np

from mlplab.engine import state
from mlplab.engine.backend import keras
from mlplab.engine.source import Source, batch_shapes
from mlplab.errors import ModelError, UsageError


def check_compiled(model: keras.Model, verb: str) -> None:
    if not isinstance(model, keras.Model):
        raise ModelError(f"mlplab.{verb} takes a keras.Model; got {type(model).__name__}.")
    if not model.compiled:
        raise ModelError(f"Compile the model before mlplab.{verb}: model.compile(loss=…, optimizer=…, metrics=[…]).")
    if model.run_eagerly:
        raise ModelError(
            "The model was compiled with run_eagerly=True, and the engine only runs compiled loops. "
            "Compile it without, or use keras.Model.fit to step through it in a debugger."
        )


def check_count(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int of at least `least`, or a `UsageError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)


def build(model: keras.Model, source: Source) -> Any:
    """Create what the model lacks, from the shapes of the source's batches, and see that the two fit.

    Returns:
        A batch's shapes, `(x, y, sample_weight)`.

    Raises:
        ModelError: what Keras says when the model cannot take such data.
    """
    shapes = batch_shapes(source)
    try:
        state.build(model, shapes)
    except (ValueError, RuntimeError) as error:
        x = jax.tree.map(lambda s: ("batch", *s.shape[1:]), shapes[0])
        raise ModelError(f"The model does not fit x of shape {x}. Keras says: {error}") from error
    return shapes


def build_for_prediction(model: keras.Model, x: Any) -> None:
    """Create the variables of a model that was never called, from the shapes of a batch of x."""
    try:
        keras.backend.compute_output_spec(model, jax.tree.map(lambda s: keras.KerasTensor(s.shape, str(s.dtype)), x))
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"The model does not fit x of shape {x.shape}. Keras says: {error}") from error
