"""The arguments of `fit` and `evaluate` → sources: arrays brought into form, or refused with what to do."""

import math
from typing import Any

import jax
import numpy as np

from mlplab.engine import checks, uint8_images
from mlplab.engine.backend import keras
from mlplab.engine.keras_internals import is_stream
from mlplab.engine.source import ArraySource, Rows, Source
from mlplab.engine.streams import StreamSource, reads_by_steps
from mlplab.errors import DataError, UsageError, require_whole


def split(data: tuple, validation_split: float) -> tuple[tuple, tuple]:
    """Split `(x, y, sample_weight)` into the first rows and the last `validation_split` of them, as Keras does."""
    if is_stream(data[0]):
        raise UsageError("validation_split needs arrays; got a stream. Give validation_data, which may be one too.")
    rows = len(jax.tree.leaves(data)[0])
    first = math.floor(rows * (1 - validation_split))
    if not 0 < validation_split < 1 or first in (0, rows):
        raise UsageError(
            f"validation_split must be between 0 and 1 and leave rows in both parts; got {validation_split!r} "
            f"of {rows} rows."
        )
    return jax.tree.map(lambda a: a[:first], data), jax.tree.map(lambda a: a[first:], data)


def source_given(
    x: Any, y: Any = None, sample_weight: Any = None, *, batch_size: Any, steps: int | None = None, names: str = ""
) -> Source:
    """Return the source of data to evaluate or predict: x itself, a stream's, or one of arrays in their own order.

    Args:
        steps: batches of a stream or of arrays, at most; None: all.
        names: is put before x, y and sample_weight in messages.
    """
    if hasattr(x, "segments"):
        refuse_beside_source(y=y, sample_weight=sample_weight, batch_size=batch_size, steps=steps)
        return x
    data = (x, y, sample_weight) if is_stream(x) else arrays_of((x, y, sample_weight), names)
    if is_stream(x) or reads_by_steps(steps):
        return StreamSource(*data, batch_size=batch_size, steps_per_epoch=steps)
    return from_arrays(data, require_whole("batch_size", 32 if batch_size is None else batch_size))


def refuse_beside_source(**arguments: Any) -> None:
    """Raise `UsageError` for arguments that a `Source` decides."""
    checks.check_not_given("the Source given as x brings its own.", **arguments)


def validation_source(data: Any, batch_size: int | None, steps: int | None = None) -> Source | None:
    """Return the source of `validation_data`: None, a source unchanged, a stream's, or one of arrays in their order."""
    if data is None:
        return None
    if hasattr(data, "segments"):
        refuse_beside_source(validation_steps=steps)
        return data
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    return source_given(x, y, sample_weight, batch_size=batch_size, steps=steps, names="validation_data's ")


def from_arrays(data: tuple, batch_size: int, **order: Any) -> ArraySource:
    """Make the source of `(x, y, sample_weight)`. Images / 255 are bytes on the device, see `uint8_images.py`."""
    x, y, sample_weight = data
    whole = uint8_images.whole_numbers(x)
    if whole is None:
        return ArraySource(x, y, sample_weight, batch_size=batch_size, **order)
    return ArraySource(whole, y, sample_weight, batch_size=batch_size, batch=Rows(uint8_images.over_255), **order)


def arrays_of(data: Any, names: str = "") -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` from what Keras takes as data, checked against each other.

    `names` is put before x, y and sample_weight in messages.
    """
    parts = zip(("x", "y", "sample_weight"), keras.utils.unpack_x_y_sample_weight(data), strict=True)
    x, y, sample_weight = (as_arrays(value, names + name) for name, value in parts)
    check_rows(x=x, y=y, sample_weight=sample_weight)
    if hasattr(sample_weight, "shape"):
        if sample_weight.shape[1:] not in ((), (1,)):
            raise DataError(f"{names}sample_weight must be one number a row; got shape {sample_weight.shape}.")
        sample_weight = jax.tree.map(lambda _: sample_weight, y)  # the same for every output
    elif sample_weight is not None and jax.tree.structure(sample_weight) != jax.tree.structure(y):
        raise DataError(f"{names}sample_weight must be one array, or be nested as y is: an array for each output.")
    return x, y, sample_weight


def as_arrays(tree: Any, name: str) -> Any:
    """Return an array or a nest of arrays as NumPy or JAX arrays, floats in Keras's `floatx`.

    Raises:
        DataError: for iterators, for data sets of other libraries, and for NaN or infinity in floats.
    """
    if tree is None:
        return None
    if isinstance(tree, list | tuple):
        return type(tree)(as_arrays(item, name) for item in tree)
    if isinstance(tree, dict):
        return {key: as_arrays(item, name) for key, item in tree.items()}
    if not hasattr(tree, "__array__") or not hasattr(tree, "shape"):
        raise DataError(
            f"{name} must be an array, or a list, tuple or dict of arrays, because the whole data set goes to the "
            f"device once; got {type(tree).__module__}.{type(tree).__qualname__}. Collect it into arrays first "
            "(np.concatenate(list(batches)), or np.asarray of a list), or give a generator of batches (x, y)."
        )
    array = tree if isinstance(tree, jax.Array) else np.asarray(tree)
    if array.dtype == object or array.dtype.kind in "USM":
        raise DataError(
            f"{name} must hold numbers; got dtype {array.dtype}. Convert it, e.g. {name}.astype('float32')."
        )
    if array.ndim == 0:
        raise DataError(f"{name} must have rows; got a scalar.")
    if not np.issubdtype(array.dtype, np.floating):
        return array
    if isinstance(array, np.ndarray):
        with np.errstate(over="ignore"):  # values that are too large become infinite and are refused below
            array = array.astype(keras.config.floatx(), copy=False)
    _check_finite(array, name)
    return array


def _check_finite(array: Any, name: str) -> None:
    # A finite sum has only finite terms, and costs no second array of the data's size.
    if np.isfinite(np.sum(np.asarray(array), dtype=np.float64)):
        return
    bad = ~np.isfinite(np.asarray(array))
    if bad.any():
        first = np.argwhere(bad)[0].tolist()
        raise DataError(
            f"{name} has {int(bad.sum())} values that are NaN or infinite, the first at {first}. "
            f"Remove those rows, or fill them: np.nan_to_num({name})."
        )


def check_rows(**trees: Any) -> int:
    """Return the number of rows. Raises `DataError` if arrays differ in it or have none."""
    rows = {name: [len(a) for a in jax.tree.leaves(tree)] for name, tree in trees.items() if tree is not None}
    counts = {n for ns in rows.values() for n in ns}
    if len(counts) != 1:
        given = ", ".join(f"{name}: {' and '.join(map(str, ns))}" for name, ns in rows.items())
        raise DataError(f"All arrays must have the same number of rows; got {given}.")
    if counts == {0}:
        raise DataError("There are no rows to work on: the arrays are empty.")
    return counts.pop()


def weights_of_classes(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """Return the weight of each row's class, (n,) floatx: 1 for unnamed classes. One-hot rows: of the maximum."""
    if not isinstance(class_weight, dict):
        raise UsageError(
            f"class_weight must be a dict of class and weight; got {type(class_weight).__name__}. "
            "Make it one: dict(enumerate(weights))."
        )
    if not hasattr(y, "shape"):
        raise UsageError("class_weight is for models with one output; use sample_weight with several.")
    labels = np.asarray(y)
    labels = np.rint(labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1))
    weights = np.ones(len(labels), keras.config.floatx())
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
