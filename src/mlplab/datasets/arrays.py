"""Check the arrays of a data set, and convert them to one normal form.

Inputs are images, uint8 or float32 of shape (n, h, w) or (n, h, w, c), or features, float32 of shape (n, d).
Labels are int32 of shape (n,), each the position of a class name.
"""

import numpy as np
from numpy.typing import ArrayLike

from mlplab.errors import DataError, require_unmasked


def normal_inputs(inputs: ArrayLike, what: str) -> np.ndarray:
    """Return `inputs` as uint8 or float32, C-contiguous and read-only. Copy them only if the type changes.

    Images of whole numbers become uint8, all other inputs float32. Nothing is rescaled. Messages name the data set as
    `what` ("fashion-mnist train").

    Raises:
        DataError: if the shape is not (n, d), (n, h, w) or (n, h, w, c), if an axis is empty, or if the values are not
            finite numbers, or are whole numbers of images outside 0 to 255.
    """
    array = _as_array(inputs, f"The inputs of {what}")
    _check_shape(array, what)
    if array.ndim > 2 and array.dtype.kind in "iub":
        array = _as_bytes(array, what)
    elif array.dtype.kind in "iubf":
        array = _as_finite_floats(array, what)
    else:
        raise DataError(f"The inputs of {what} must be numbers. Got dtype {array.dtype}.")
    return _frozen(array)


def normal_labels(labels: ArrayLike, rows: int, classes: int, what: str) -> np.ndarray:
    """Return `labels` as read-only int32 of shape (rows,). A column of shape (rows, 1) is flattened.

    Raises:
        DataError: if they are not integers, not one for each row, or not in range(classes).
    """
    array = _as_array(labels, f"The labels of {what}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        raise DataError(
            f"The labels of {what} must be integers of shape (n,). Got shape {array.shape}, which "
            "looks one-hot: pass labels.argmax(axis=1)."
        )
    if array.dtype.kind not in "iu":
        raise DataError(
            f'The labels of {what} must be integers. Got dtype {array.dtype}: pass labels.astype("int32") if '
            "they are whole numbers, or number the classes from 0."
        )
    if array.shape != (rows,):
        raise DataError(f"{what} has {rows} inputs, but its labels have shape {array.shape}: expected ({rows},).")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise DataError(
            f"The labels of {what} must be from 0 to {classes - 1}, as there are {classes} class names. "
            f"Got {array[row]} in row {row}."
        )
    return _frozen(array.astype(np.int32, copy=False))


def _as_array(values: ArrayLike, what: str) -> np.ndarray:
    require_unmasked(what, values)
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{what} do not form an array: {error}.") from error


def _check_shape(array: np.ndarray, what: str) -> None:
    if array.ndim not in (2, 3, 4):
        raise DataError(
            f"The inputs of {what} must be images (n, h, w) or (n, h, w, c), or features (n, d). "
            f"Got shape {array.shape}."
        )
    if 0 in array.shape:
        raise DataError(f"The inputs of {what} are empty: their shape is {array.shape}.")
    if array.ndim == 4 and array.shape[1] in (1, 3) and array.shape[3] > 4:
        raise DataError(
            f"The images of {what} must have their channels last, (n, h, w, c). Got shape {array.shape}, "
            "which looks like channels first: pass np.moveaxis(images, 1, -1)."
        )


def _as_bytes(array: np.ndarray, what: str) -> np.ndarray:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise DataError(
            f"Images of whole numbers must be 8-bit, from 0 to 255. Those of {what} go from {low} to {high}: "
            'pass images.astype("float32") to keep their values.'
        )
    return array.astype(np.uint8, copy=False)


def _as_finite_floats(array: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # values too large for float32 become inf, and are reported below
        floats = array.astype(np.float32, copy=False)
    if not (np.isfinite(floats.min()) and np.isfinite(floats.max())):  # NaN passes through min and max
        row = np.argwhere(~np.isfinite(floats))[0][0]
        value = array[row][~np.isfinite(floats[row])].flat[0]
        raise DataError(
            f"The inputs of {what} must be finite float32 numbers. Got {value} in row {row}: "
            "replace or remove such rows."
        )
    return floats


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return a read-only view. The caller's array stays writable."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
