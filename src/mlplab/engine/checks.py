"""Checks of a caller's model, and whether it accepts the data."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from mlplab.engine import keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.placement import on_device
from mlplab.engine.source import ArraySource, Source, batch_shapes
from mlplab.engine.streams import StreamSource
from mlplab.errors import DataError, ModelError, UsageError, require_whole


def check_model(model: Any, function: str) -> None:
    """Refuse what is no Keras model. `function`: of mlplab, whose argument it is."""
    if not isinstance(model, keras.Model):
        raise ModelError(f"mlplab.{function} takes a keras.Model; got {type(model).__name__}.")


def check_compiled(model: Any, function: str) -> None:
    """Refuse a model that is not compiled, or is compiled to run eagerly. `function`: of mlplab, which takes it."""
    check_model(model, function)
    if not model.compiled:
        raise ModelError(
            f"Compile the model before mlplab.{function}: model.compile(loss=…, optimizer=…, metrics=[…])."
        )
    if model.run_eagerly:
        raise ModelError(
            f"The model was compiled with run_eagerly=True, and mlplab.{function} only runs compiled loops. Compile it "
            "without run_eagerly=True; to step through it in a debugger, take mlplab.fit, evaluate or predict."
        )


def epochs(number: Any) -> int:
    """Return a number of epochs, at most `keras.config.max_epochs()`. Raise `UsageError` for what is none."""
    number, most = require_whole("epochs", number, least=0), keras.config.max_epochs()
    if not most or number <= most:
        return number
    warnings.warn(f"Limiting epochs to {most}, as keras.config.set_max_epochs says.", stacklevel=3)
    return most


class NeedsValuesError(ModelError):
    """A model compiled with jit_compile=False has a step that JAX cannot trace."""


def check_traceable(model: keras.Model, step: str, source: Source) -> None:
    """Raises `NeedsValuesError` for a model with jit_compile=False whose step cannot be compiled.

    Not for streams: Keras's loop could not read again what is read here.
    """
    if model.jit_compile or isinstance(source, StreamSource):
        return
    now, shapes = state.read(model), batch_shapes(source)
    parts = {"train_step": tuple(now), "test_step": (*now[:2], now.metrics), "predict_step": now[:2]}
    try:
        jax.eval_shape(getattr(model, step), parts[step], keras.utils.pack_x_y_sample_weight(*shapes))
    except Exception as error:  # a layer of the user's own may raise anything while it is traced
        raise NeedsValuesError(
            f"The model's {step} cannot be compiled, and so jit_compile=False: it needs the values of its inputs. "
            "mlplab.fit, evaluate and predict run it in Keras's own loop."
        ) from error


def check_not_given(why: str, **arguments: Any) -> None:
    """Refuse arguments that are not None and would have no effect. `why`: a sentence."""
    if given := [name for name, value in arguments.items() if value is not None]:
        raise UsageError(f"{' and '.join(given)}: {why} Leave {'it' if len(given) == 1 else 'them'} out.")


def build(model: keras.Model, source: Source, prefix: str = "", finite: bool = True) -> Any:
    """Create the variables that the model lacks, for the source's batches. Check that model, loss and data agree.

    Returns the shapes of a batch, `(x, y, sample_weight)`; or None, without reading a batch, for a stream and a model
    that is built. `prefix` is put before y in messages. `finite`: refuse data that make the loss not finite.

    Raises:
        ModelError: the model cannot take such data; quotes Keras's error.
        DataError: labels that the loss cannot take; NaN or infinity that make the loss so too.
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
        _check_one_hot(model.loss, source.arrays[1], prefix + "y")
    with raising_model_error(*shapes):
        keras_internals.build(model, shapes)
        if checks_loss:
            y_pred = keras_internals.output_shapes(model, shapes[0])
            keras_internals.check_loss(model, shapes, y_pred)
            if isinstance(source, ArraySource):
                _, y, weight = source.arrays
                try:
                    _check_labels(model.loss, y, weight, y_pred, prefix + "y")
                except DataError:
                    if not keras_internals.masks_outputs(model, shapes[0]):
                        raise
                if finite:
                    _check_finite(model, source)
    _check_own_metrics(model, shapes[0])
    return shapes


def _check_own_metrics(model: keras.Model, x: Any) -> None:
    """Refuse a metric that `call` updates: Keras's step on JAX drops the update, and the log would be 0."""
    for metric in keras_internals.own_metrics(model):
        for training in (True, False):
            if keras_internals.assigned_in_call(model, x, metric.variables, training):
                raise ModelError(
                    "A metric must be updated after the call, since a step of Keras on JAX drops what call gives to "
                    f"it; the model updates {metric.name!r} in call. Update it in compute_metrics, or give a function "
                    "of y_true and y_pred to compile(metrics=[…])."
                )


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
def raising_model_error(x: Any, y: Any = None, sample_weight: Any = None) -> Iterator[None]:
    """Turn Keras's errors about a batch of these shapes into a `ModelError`."""
    try:
        yield
    except DataError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        trees = {"x": x, "y": y, "sample_weight": sample_weight}
        given = [f"{name} of shape {_shape(tree)}" for name, tree in trees.items() if tree is not None]
        raise ModelError(f"The model does not fit {' with '.join(given)}. Keras says: {error}") from error


def _shape(tree: Any) -> str:
    shapes = jax.tree.map(lambda s: f"({', '.join(['n', *map(str, s.shape[1:])])})", tree)
    return shapes if isinstance(shapes, str) else str(shapes).replace("'", "")


def _check_finite(model: keras.Model, source: ArraySource) -> None:
    """Refuse NaN or infinity in the data, unless the model or its loss leaves it out: then the loss is finite."""
    if source.not_finite is None:
        return
    first = max(0, min(source.not_finite.row, len(jax.tree.leaves(source.arrays)[0]) - source.batch_size))
    rows = jax.tree.map(lambda array: on_device(array[first : first + source.batch_size]), source.arrays)
    batch = keras.utils.unpack_x_y_sample_weight(source.batch(rows, jax.random.key(0, impl="threefry2x32")))
    if not np.isfinite(keras_internals.loss(model, batch)):
        raise DataError(source.not_finite.message)


def _check_labels(loss: Any, y: Any, weight: Any, y_pred: Any, name: str) -> None:
    """Refuse labels of a sparse loss that are not whole numbers from 0 to the number of outputs - 1.

    Keras trains on such labels without an error. Those that have a weight of 0 may be any.
    """
    if isinstance(y, dict) and isinstance(loss, dict) and isinstance(y_pred, dict):
        for key in loss.keys() & y.keys() & y_pred.keys():
            _check_labels(loss[key], y[key], weight and weight[key], y_pred[key], f"{name}[{key!r}]")
    elif isinstance(y, list | tuple) and isinstance(loss, list | tuple) and isinstance(y_pred, list | tuple):
        for i, parts in enumerate(zip(loss, y, weight or [None] * len(y), y_pred, strict=False)):
            _check_labels(*parts, f"{name}[{i}]")
    elif hasattr(y, "dtype") and hasattr(y_pred, "shape") and _is_sparse(loss):
        _check_range(_with_weight(np.asarray(y), weight), y_pred.shape[-1], name)


def _with_weight(labels: np.ndarray, weight: Any) -> np.ndarray:
    """Return the labels whose weight is not 0. Weights are of rows or of each label."""
    if weight is None:
        return labels
    labels, weights = (a[..., 0] if a.ndim > 1 and a.shape[-1] == 1 else a for a in (labels, np.asarray(weight)))
    weights = weights.reshape(weights.shape + (1,) * (labels.ndim - weights.ndim))
    return labels[np.broadcast_to(weights != 0, labels.shape)]


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
    if not labels.size:
        return
    if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
        raise DataError(
            f"Expected integer labels in {name}, one class a row; got {labels.ravel()[:5]}…. Number the classes from 0."
        )
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        remedy = f"Give the last layer {high + 1:g} units, or number" if low >= 0 else "Number"
        raise DataError(
            f"Expected labels from 0 to {classes - 1} in {name}, since the model has {classes} outputs; got {low:g} to "
            f"{high:g}. {remedy} the classes from 0."
        )
