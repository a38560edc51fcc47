"""The arguments of `fit` and `evaluate` → sources: arrays brought into form, or refused with what to do."""

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mlplab import mapped
from mlplab.engine import checks, uint8_images
from mlplab.engine.backend import keras
from mlplab.engine.chunks import ChunkedSource, chunk_bytes_for
from mlplab.engine.keras_internals import is_stream
from mlplab.engine.ordered_source import OrderedSource
from mlplab.engine.placement import converted, jax_dtype
from mlplab.engine.source import ArraySource, NotFinite, Rows, Source
from mlplab.engine.streams import StreamSource, reads_by_steps
from mlplab.errors import DataError, UsageError, require_unmasked, require_whole


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
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: Any,
    steps: int | None = None,
    prefix: str = "",
    kind: type[ArraySource] = OrderedSource,
) -> Source:
    """Return the source of data to evaluate or predict: x itself, a stream's, or one of arrays in their own order.

    Args:
        steps: batches of a stream or of arrays, at most; None: all.
        prefix: is put before x, y and sample_weight in messages.
        kind: of the source of arrays. An `OrderedSource` has few programs, an `ArraySource` keeps arrays on the device.
    """
    if hasattr(x, "segments"):
        refuse_beside_source(y=y, sample_weight=sample_weight, batch_size=batch_size, steps=steps)
        return x
    data = (x, y, sample_weight) if is_stream(x) else arrays_of((x, y, sample_weight), prefix)
    if is_stream(x) or reads_by_steps(steps):
        return StreamSource(*data, batch_size=batch_size, steps_per_epoch=steps)
    return from_arrays(data, require_whole("batch_size", 32 if batch_size is None else batch_size), prefix, kind)


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
    order = {"batch_size": batch_size, "steps": steps, "kind": ArraySource}
    return source_given(x, y, sample_weight, **order, prefix="validation_data's ")


def from_arrays(
    data: tuple, batch_size: int, prefix: str = "", kind: type[ArraySource] = ArraySource, **order: Any
) -> ArraySource:
    """Make the source of `(x, y, sample_weight)`. Images / 255 are bytes on the device, see `uint8_images.py`.

    Arrays that are too large for that, or stay in a file, are read in chunks.

    `kind`: with an `order`, or `OrderedSource`. `prefix`: put before the names of arrays in messages.
    """
    x, y, sample_weight = data
    stays_in_file = mapped.map_of(x) is not None and chunk_bytes_for(x) is not None
    whole = None if stays_in_file else uint8_images.whole_numbers(x)
    batch = Rows() if whole is None else Rows(uint8_images.over_255)
    not_finite = first_not_finite({"x": x if whole is None else None, "y": y, "sample_weight": sample_weight}, prefix)
    arrays = (x if whole is None else whole, y, sample_weight)
    options = {"batch_size": batch_size, "batch": batch, "not_finite": not_finite, **order}
    chunk_bytes = chunk_bytes_for(*arrays)
    if chunk_bytes is not None:
        return ChunkedSource(*arrays, chunk_bytes=chunk_bytes, **options)
    if whole is not None and kind is ArraySource:
        arrays = (jax.device_put(whole), y, sample_weight)  # not copied first, as nobody else has this array
    return kind(*arrays, **options)


def arrays_of(data: Any, prefix: str = "") -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` from what Keras takes as data, checked against each other.

    `prefix` is put before x, y and sample_weight in messages.
    """
    parts = zip(("x", "y", "sample_weight"), keras.utils.unpack_x_y_sample_weight(data), strict=True)
    x, y, sample_weight = (as_arrays(value, prefix + name) for name, value in parts)
    check_rows(x=x, y=y, sample_weight=sample_weight)
    return x, y, _weights_of_outputs(sample_weight, y, prefix)


def _weights_of_outputs(sample_weight: Any, y: Any, prefix: str) -> Any:
    """Return weights that are nested as y is. With several outputs, a single array is of the rows of all."""
    if sample_weight is None or not keras.tree.is_nested(y):
        return sample_weight
    if not keras.tree.is_nested(sample_weight):
        if sample_weight.shape[1:] not in ((), (1,)):
            raise DataError(
                f"{prefix}sample_weight must be one number a row, the same for all outputs, or be nested as y is; got "
                f"shape {sample_weight.shape}."
            )
        return keras.tree.map_structure(lambda _: sample_weight, y)
    try:
        keras.tree.assert_same_structure(y, sample_weight)
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{prefix}sample_weight must be one array, or be nested as y is: an array or None for each output."
        ) from error
    return sample_weight


def as_arrays(tree: Any, name: str) -> Any:
    """Return an array or a nest of arrays as NumPy or JAX arrays, whose floats JAX has in Keras's `floatx`.

    None stays None.

    Raises:
        DataError: for what is not an array of numbers with rows.
    """
    return keras.tree.map_structure(lambda leaf: _as_array(leaf, name), tree, none_is_leaf=False)


def _as_array(given: Any, name: str) -> Any:
    if not hasattr(given, "shape") or not (hasattr(given, "__array__") or _is_sparse(given)):
        raise DataError(
            f"{name} must be an array, or a list, tuple or dict of arrays, because the whole data set goes to the "
            f"device once; got {type(given).__module__}.{type(given).__qualname__}. Collect it into arrays first "
            "(np.concatenate(list(batches)), or np.asarray of a list), or give a generator of batches (x, y)."
        )
    require_unmasked(name, given)
    if _is_sparse(given):
        given = _dense(given, name)
    array: Any = given if isinstance(given, jax.Array) else np.asarray(given)
    if type(given).__module__.split(".")[0] == "pandas" and array.ndim == 1:
        array = array[:, None]  # as Keras takes a column of a table
    if array.dtype == object and array.ndim == 0:
        kind = type(array.item()).__name__
        raise DataError(f"{name} must be an array of numbers; got a single {kind} in an object array. Give the {kind}.")
    if array.dtype == object or array.dtype.kind in "USM":
        raise DataError(
            f"{name} must hold numbers; got dtype {array.dtype}. Convert it, e.g. {name}.astype('float32')."
        )
    if array.ndim == 0:
        raise DataError(f"{name} must have rows; got a scalar.")
    floatx = keras.config.floatx()
    if jax.numpy.issubdtype(array.dtype, np.floating):
        if isinstance(array, np.ndarray) and jax_dtype(array) == floatx:
            return array  # which is converted where it is copied: to the device, or chunk by chunk
        with np.errstate(over="ignore"):  # values that are too large become infinite, see `first_not_finite`
            return array.astype(floatx, copy=False)
    return array


def _is_sparse(array: Any) -> bool:
    """Return whether this is a sparse array of SciPy's or JAX's."""
    return hasattr(type(array), "todense")


def _dense(array: Any, name: str) -> Any:
    try:
        return array.todense()
    except MemoryError as error:
        gigabytes = math.prod(array.shape) * array.dtype.itemsize / 1e9
        raise DataError(
            f"{name} is a sparse array of shape {array.shape}. It is trained on as a dense one, whose "
            f"{gigabytes:,.0f} GB do not fit in memory. Keep fewer columns, or write a source that makes dense chunks: "
            "docs/engine.md, Sources."
        ) from error


def first_not_finite(trees: dict[str, Any], prefix: str = "") -> NotFinite | None:
    """Find the first NaN or infinity in nests of arrays by name; `prefix` is put before the name in the message."""
    for name, tree in trees.items():
        for array in map(np.asarray, jax.tree.leaves(tree)):
            if array.dtype.kind != "f":
                continue
            first, count, start = None, 0, 0
            for piece in mapped.pieces(array):
                # A finite sum has only finite terms, and costs no second array of the data's size.
                with np.errstate(over="ignore", invalid="ignore"):
                    total = np.sum(piece, dtype=jax_dtype(array))
                if not np.isfinite(total):
                    bad = np.argwhere(~np.isfinite(converted(piece)))
                    count += len(bad)
                    first = [start + bad[0][0], *bad[0][1:]] if first is None and len(bad) else first
                start += len(piece)
            if first is not None:
                return NotFinite(
                    int(first[0]),
                    f"{prefix}{name} has {count} values that are NaN or infinite, the first at "
                    f"{[int(axis) for axis in first]}. Remove those rows, or fill them: np.nan_to_num({name}).",
                )
    return None


def check_rows(**trees: Any) -> int:
    """Return the number of rows. Raises `DataError` if arrays differ in it or have none."""
    rows = {name: [len(a) for a in jax.tree.leaves(tree)] for name, tree in trees.items() if tree is not None}
    counts = {n for ns in rows.values() for n in ns}
    if not counts:
        raise DataError("x is missing: give an array (n, …), or a list, tuple or dict of arrays.")
    if len(counts) != 1:
        given = ", ".join(f"{name}: {' and '.join(map(str, ns))}" for name, ns in rows.items())
        raise DataError(f"All arrays must have the same number of rows; got {given}.")
    if counts == {0}:
        raise DataError("There are no rows to work on: the arrays are empty.")
    return counts.pop()


def weights_of_classes(y: Any, class_weight: Mapping[int, float]) -> np.ndarray:
    """Return the weight of each row's class, (n,) floatx: 1 for unnamed classes. One-hot rows: of the maximum."""
    if not isinstance(class_weight, Mapping):
        raise UsageError(
            f"class_weight must be a dict of class and weight; got {type(class_weight).__name__}. "
            "Make it one: dict(enumerate(weights))."
        )
    if not hasattr(y, "shape"):
        raise UsageError("class_weight is for models with one output; use sample_weight with several.")
    labels = np.asarray(y)
    if labels.ndim > 1:
        labels = labels.argmax(-1) if labels.shape[-1] > 1 else labels[..., 0]
    if labels.ndim > 1:
        raise UsageError(
            f"class_weight is for one label a row; got y of shape {y.shape}. Give a weight for each label instead: "
            f"sample_weight of shape {labels.shape}."
        )
    labels = np.rint(labels)
    weights = np.ones(len(labels), keras.config.floatx())
    for label, weight in class_weight.items():
        weights[labels == label] = weight
    return weights
