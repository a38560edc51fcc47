"""A model that cannot be trained, data that does not fit it, and counts that are none, are refused here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from mlplab.engine import state
from mlplab.engine.backend import keras
from mlplab.engine.source import ArraySource, Source, batch_shapes
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


def check_count(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int of at least `least`, or a `UsageError`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise UsageError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)


def check_not_given(why: str, **arguments: Any) -> None:
    """Refuse arguments that would be without effect."""
    if given := [name for name, value in arguments.items() if value is not None]:
        raise UsageError(f"{' and '.join(given)}: {why} Leave {'it' if len(given) == 1 else 'them'} out.")


def build(model: keras.Model, source: Source, names: str = "") -> Any:
    """Create what the model lacks, from the shapes of the source's batches, and see that the two fit.

    Args:
        names: put before y in messages.

    Returns:
        A batch's shapes, `(x, y, sample_weight)`.

    Raises:
        ModelError: what Keras says when the model cannot take such data.
        DataError: labels that the loss cannot take.
    """
    shapes = batch_shapes(source)
    if isinstance(source, ArraySource) and not has_own(model, "train_step", "test_step", "compute_loss"):
        _check_one_hot(model.loss, source.arrays[1], names + "y")
    with told_by_keras(*shapes[:2]):
        state.build(model, shapes)
        if not has_own(model, "train_step", "test_step", "compute_loss"):
            y_pred = state.outputs(model, shapes[0])
            if model._compile_loss is not None:
                state.check_loss(model, shapes, y_pred)
            if isinstance(source, ArraySource):
                _check_labels(model.loss, source.arrays[1], y_pred, names + "y")
    return shapes


def check_optimizer(model: keras.Model) -> None:
    """An optimizer that was built for other weights than the model now has would train the wrong ones."""
    if model.optimizer is None or has_own(model, "train_step"):
        return
    if list(map(id, model.optimizer._trainable_variables)) != list(map(id, model.trainable_variables)):
        raise ModelError(
            "The optimizer was built for other weights than the model has now: layers were frozen, unfrozen or "
            "added, or the optimizer belongs to another model. Compile the model again with a new optimizer."
        )


def has_own(model: keras.Model, *methods: str) -> bool:
    """Whether the model overrides one of these methods of `keras.Model`."""
    return any(getattr(getattr(model, name), "__func__", None) is not getattr(keras.Model, name) for name in methods)


@contextmanager
def told_by_keras(x: Any, y: Any = None) -> Iterator[None]:
    """What Keras says against a batch of these shapes becomes a `ModelError`."""
    try:
        yield
    except DataError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        told = " with ".join(
            f"{name} of shape {_shape(tree)}" for name, tree in (("x", x), ("y", y)) if tree is not None
        )
        raise ModelError(f"The model does not fit {told}. Keras says: {error}") from error


def _shape(tree: Any) -> str:
    shapes = jax.tree.map(lambda s: f"({', '.join(['n', *map(str, s.shape[1:])])})", tree)
    return shapes if isinstance(shapes, str) else str(shapes).replace("'", "")


def _check_labels(loss: Any, y: Any, y_pred: Any, name: str) -> None:
    """Integer labels of a sparse loss must lie below the number of outputs; Keras would train on without a word.

    Raises:
        DataError: for labels that are no whole numbers, negative, or too large.
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
    """Class numbers for a loss that takes one-hot rows: Keras would only speak of shapes."""
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
