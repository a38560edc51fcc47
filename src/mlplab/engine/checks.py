"""Checks of what a person gives: the model, and whether data fits it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.source import ArraySource, Source, batch_shapes
from mlplab.engine.streams import StreamSource
from mlplab.errors import DataError, ModelError, UsageError


def check_model(model: Any, verb: str) -> None:
    if not isinstance(model, keras.Model):
        raise ModelError(f"mlplab.{verb} takes a keras.Model; got {type(model).__name__}.")


def check_compiled(model: Any, verb: str) -> None:
    check_model(model, verb)
    if not model.compiled:
        raise ModelError(f"Compile the model before mlplab.{verb}: model.compile(loss=…, optimizer=…, metrics=[…]).")
    if model.run_eagerly:
        raise ModelError(
            "The model was compiled with run_eagerly=True, and the engine only runs compiled loops. "
            "Compile it without, or use keras.Model.fit to step through it in a debugger."
        )


def check_not_given(why: str, **arguments: Any) -> None:
    """Refuse arguments that would have no effect."""
    if given := [name for name, value in arguments.items() if value is not None]:
        raise UsageError(f"{' and '.join(given)}: {why} Leave {'it' if len(given) == 1 else 'them'} out.")


def build(model: keras.Model, source: Source, names: str = "") -> Any:
    """Create the variables that the model lacks, for the source's batches, and check that the two fit.

    Returns the shapes of a batch, `(x, y, sample_weight)`; or None, without reading a batch, for a stream and a model
    that is built. `names` is put before y in messages.

    Raises:
        ModelError: the model cannot take such data; quotes Keras's error.
        DataError: labels that the loss cannot take.
    """
    if isinstance(source, StreamSource):
        if keras_internals.is_wholly_built(model) and not overrides(
            model, "train_step", "test_step", "compute_metrics"
        ):
            keras_internals.build(model, None)
            return None
        shapes = source.first_shapes()
    else:
        shapes = batch_shapes(source)
    checks_loss = not overrides(model, "train_step", "test_step", "compute_loss")
    if checks_loss and isinstance(source, ArraySource):
        _check_one_hot(model.loss, source.arrays[1], names + "y")
    with raising_model_error(*shapes[:2]):
        keras_internals.build(model, shapes)
        if checks_loss:
            y_pred = keras_internals.output_shapes(model, shapes[0])
            keras_internals.check_loss(model, shapes, y_pred)
            if isinstance(source, ArraySource):
                _check_labels(model.loss, source.arrays[1], y_pred, names + "y")
    return shapes


def check_optimizer(model: keras.Model) -> None:
    """Refuse an optimizer that was built for other weights than the model has now: it would train the wrong ones."""
    if model.optimizer is None or overrides(model, "train_step"):
        return
    if list(map(id, keras_internals.trained_variables(model.optimizer))) != list(map(id, model.trainable_variables)):
        raise ModelError(
            "The optimizer was built for other weights than the model has now: layers were frozen, unfrozen or "
            "added, or the optimizer belongs to another model. Compile the model again with a new optimizer."
        )


def overrides(part: Any, *methods: str, of: type = keras.Model) -> bool:
    """Return whether a model, or another object, overrides one of these methods of the class `of`."""
    return any(getattr(getattr(part, name), "__func__", None) is not getattr(of, name) for name in methods)


@contextmanager
def raising_model_error(x: Any, y: Any = None) -> Iterator[None]:
    """Turn Keras's errors about a batch of these shapes into a `ModelError`."""
    try:
        yield
    except DataError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        given = [f"{name} of shape {_shape(tree)}" for name, tree in (("x", x), ("y", y)) if tree is not None]
        raise ModelError(f"The model does not fit {' with '.join(given)}. Keras says: {error}") from error


def _shape(tree: Any) -> str:
    shapes = jax.tree.map(lambda s: f"({', '.join(['n', *map(str, s.shape[1:])])})", tree)
    return shapes if isinstance(shapes, str) else str(shapes).replace("'", "")


def _check_labels(loss: Any, y: Any, y_pred: Any, name: str) -> None:
    """Refuse labels of a sparse loss that are not whole numbers from 0 to the number of outputs - 1.

    Keras trains on such labels without an error.
    """
    if isinstance(y, dict) and isinstance(loss, dict) and isinstance(y_pred, dict):
        for key in loss.keys() & y.keys() & y_pred.keys():
            _check_labels(loss[key], y[key], y_pred[key], f"{name}[{key!r}]")
    elif isinstance(y, list | tuple) and isinstance(loss, list | tuple) and isinstance(y_pred, list | tuple):
        for i, parts in enumerate(zip(loss, y, y_pred, strict=False)):
            _check_labels(*parts, f"{name}[{i}]")
    elif hasattr(y, "dtype") and hasattr(y_pred, "shape") and _is_sparse(loss):
        _check_range(np.asarray(y), y_pred.shape[-1], name)


def _check_one_hot(loss: Any, y: Any, name: str) -> None:
    """Refuse class numbers for a loss that takes one-hot rows: Keras's error only names shapes."""
    one_hot = ("categorical_crossentropy", keras.losses.categorical_crossentropy)
    if getattr(y, "ndim", 0) == 1 and (isinstance(loss, keras.losses.CategoricalCrossentropy) or loss in one_hot):
        raise DataError(
            f"{name} has class numbers, of shape (n,), and categorical_crossentropy takes one-hot rows, (n, classes): "
            f"keras.utils.to_categorical({name}) makes them. Or compile with sparse_categorical_crossentropy."
        )


def _is_sparse(loss: Any) -> bool:
    if isinstance(loss, keras.losses.SparseCategoricalCrossentropy):
        return loss.get_config().get("ignore_class") is None
    return loss in ("sparse_categorical_crossentropy", keras.losses.sparse_categorical_crossentropy)


def _check_range(labels: np.ndarray, classes: int, name: str) -> None:
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise DataError(f"{name} must be whole numbers, one class a row; got {labels.ravel()[:5]}….")
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        raise DataError(
            f"{name} has labels from {low:g} to {high:g}, but the model has {classes} outputs, so labels run from 0 to "
            f"{classes - 1}. Give the last layer {high + 1:g} units, or number the classes from 0."
        )
