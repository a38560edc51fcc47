"""Check the arrays of a data set, and convert them to one normal form.

Inputs are images, uint8 or float32 of shape (n, h, w) or (n, h, w, c), or features, uint8 or float32 of shape (n, d).
Labels are int32 of shape (n,), each the position of a class name.
"""

import hashlib
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import mapped
from mlplab.datasets.classes import require_one_label
from mlplab.errors import DataError, brief, require_unmasked

_LARGEST = 2.0**63
"""No label is as large."""
_FULL_SCALES = (1, 16, 255)
_AT_ONCE = 2**18
"""Values that are checked at a time: as many as stay in a core's cache."""


def full_scale(high: float) -> int:
    """Return the smallest full scale of 8-bit numbers up to `high`: 255, 16 for `digits`, 1 for black and white."""
    return min(scale for scale in _FULL_SCALES if scale >= high)


def content_hash(*arrays: np.ndarray) -> str:
    """Return the hexadecimal SHA-256 of arrays: their dtypes, shapes and bytes (little-endian)."""
    digest = hashlib.sha256()
    for array in arrays:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{little.dtype.str}{little.shape}".encode())
        for piece in mapped.pieces(little):
            digest.update(piece.data)
    return digest.hexdigest()


def normal_inputs(inputs: ArrayLike, what: str) -> np.ndarray:
    """Return `inputs` as uint8 or float32, C-contiguous and read-only. Copy them only if the type changes.

    Images of whole numbers, and inputs that are uint8 already, become uint8, all other inputs float32. Nothing is
    rescaled. Messages name the data set as `what` ("fashion-mnist train").

    Raises:
        DataError: if the shape is not (n, d), (n, h, w) or (n, h, w, c), if an axis is empty, or if the values are not
            finite numbers, or are whole numbers of images outside 0 to 255.
    """
    array = as_array(inputs, f"The inputs of {what}")
    require_inputs(array, what)
    are_bytes = array.dtype == np.uint8 or (array.ndim > 2 and array.dtype.kind in "iub")
    return _frozen(array.astype(np.uint8 if are_bytes else np.float32, copy=False))


def require_inputs(array: np.ndarray, what: str) -> None:
    """Raise `DataError` for an array that `normal_inputs` refuses."""
    _check_shape(array, what)
    if array.dtype.kind not in "iubf":
        raise DataError(f"The inputs of {what} must be numbers. Got {_not_a_number(array)}.")
    if array.ndim > 2 and array.dtype.kind in "iub":
        _require_bytes(array, what)
    elif array.dtype != np.uint8:
        _require_finite(array, what)


def normal_labels(labels: ArrayLike, rows: int, classes: int, what: str) -> np.ndarray:
    """Return class numbers as read-only int32 of shape (rows,).

    Raises:
        DataError: if they are not whole numbers, not one for each row, or not in range(classes).
    """
    array = plain_labels(labels, what)
    if array.dtype.kind not in "iub":
        raise DataError(
            f"The labels of {what} must be the positions of their classes, whole numbers from 0. Got "
            f"{array.flat[0]!r}: mlplab.load takes labels of any kind and numbers them."
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


def plain_labels(labels: ArrayLike, what: str) -> np.ndarray:
    """Return labels of shape (n,) as whole numbers, booleans or texts.

    A column (n, 1) is flattened, floats that are whole become integers, one-hot rows become their positions, and bytes
    are texts in UTF-8.

    Raises:
        DataError: for fractions, missing labels, several labels a row, and anything else.
    """
    array = as_array(labels, f"The labels of {what}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        require_one_label(array, f"The labels of {what}")
        array = array.argmax(1)
    if array.dtype.kind == "f":
        array = _whole(array, what)
    if array.dtype.kind in "STU":
        array = plain_texts(array, f"The labels of {what}")
    missing = _missing(array)
    if len(missing):
        raise DataError(f"Row {missing[0]} of {what} has no label: remove rows without one.")
    if array.ndim != 1 or array.dtype.kind not in "iubU":
        raise DataError(
            f"The labels of {what} must be whole numbers, booleans or texts of shape (n,), one a row. "
            f"Got {array.dtype} of shape {array.shape}."
        )
    return array


def plain_texts(array: np.ndarray, what: str) -> np.ndarray:
    """Return texts of bytes (UTF-8), or of variable width, in NumPy's form of fixed width; other arrays unchanged.

    Raises:
        DataError: for texts that are none. Messages name the array as `what`.
    """
    if array.dtype.kind not in "STU":
        return array
    try:
        texts = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array.astype(np.str_, copy=False)
    except UnicodeDecodeError as error:
        raise DataError(f"{what} must be texts in UTF-8. Got {error.object[:40]!r}.") from error
    codes = np.ascontiguousarray(texts, texts.dtype.newbyteorder("=")).view(np.uint32)
    wrong = codes[(codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))]
    if wrong.size:
        raise DataError(f"{what} must be texts. Got one with {int(wrong[0]):#x}, which is no character of Unicode.")
    return texts


def _whole(array: np.ndarray, what: str) -> np.ndarray:
    """Return floats that are whole numbers as int64."""
    fractions = np.flatnonzero(np.isfinite(array) & (array != np.floor(array)))
    if len(fractions):
        raise DataError(
            f"The labels of {what} must be classes. Got the fraction {array[fractions[0]]:g} in row {fractions[0]}: "
            "to predict numbers, train with mlplab.fit and a loss such as mse."
        )
    if len(_missing(array)):
        return array
    if (too_large := np.flatnonzero(np.abs(array) >= _LARGEST)).size:
        raise DataError(
            f"The labels of {what} must be classes. Got the number {array[too_large[0]]:g} in row {too_large[0]}."
        )
    return array.astype(np.int64)


def _missing(array: np.ndarray) -> np.ndarray:
    """Return the positions of NaN, None, pandas's NA and infinity in labels (n,)."""
    if array.dtype.kind == "f":
        return np.flatnonzero(~np.isfinite(array))
    if array.dtype.kind == "O":
        return np.flatnonzero([_is_missing(value) for value in array.flat])
    return np.flatnonzero(np.zeros(0))


def _is_missing(value: Any) -> bool:
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def as_array(values: ArrayLike, what: str) -> np.ndarray:
    """Return an array. Objects, as tables have them, become the numbers or texts that they all are."""
    require_unmasked(what, values)
    try:
        array = np.asarray(values)
        if array.dtype.kind != "O":
            return array
        is_column = array.ndim == 1 or array.shape[1:] == (1,)
        if is_column and any(map(_is_missing, array.flat)):  # NaN among texts would become the text "nan"
            return array
        converted = np.asarray(array.tolist())
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{what} do not form an array: {error}.") from error
    return converted if is_column or converted.dtype.kind in "iubf" else array


def _not_a_number(array: np.ndarray) -> str:
    """Describe the first value that is not a number: `'red' in row 3, column 2`."""
    for place, value in np.ndenumerate(array):
        if array.dtype.kind != "O" or not isinstance(value, Number) or isinstance(value, complex):
            column = f", column {place[1]}" if array.ndim == 2 else ""
            shown = value.item() if isinstance(value, np.generic) else value
            return f"{brief(repr(shown))} in row {place[0]}{column}"
    return f"dtype {array.dtype}"


def whole_bytes(array: np.ndarray) -> np.ndarray | None:
    """Return an array (n, …) of whole numbers from 0 to 255 as uint8, in memory; None for any other."""
    return array.astype(np.uint8, copy=False) if are_whole_bytes(array) else None


def are_whole_bytes(array: np.ndarray) -> bool:
    """Return whether an array (n, …) has only whole numbers from 0 to 255. A mapped one is read piece by piece."""
    if array.dtype == np.uint8:
        return True
    if array.ndim < 2 or not array.size or array.dtype.kind not in "iubf":
        return False
    rows = max(1, _AT_ONCE * len(array) // array.size)
    return all(
        _is_whole(piece[start : start + rows]) for piece in mapped.pieces(array) for start in range(0, len(piece), rows)
    )


def _is_whole(part: np.ndarray) -> bool:
    return bool(part.min() >= 0 and part.max() <= 255 and np.array_equal(part.astype(np.uint8), part))


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


def _require_bytes(array: np.ndarray, what: str) -> None:
    if array.dtype == np.uint8:
        return
    require_8_bits(int(array.min()), int(array.max()), what)


def require_8_bits(low: float, high: float, what: str) -> None:
    """Raise `DataError` for images of whole numbers from `low` to `high` that 8 bits do not have."""
    if low < 0 or high > 255:
        raise DataError(
            f"Images of whole numbers must be 8-bit, from 0 to 255. Those of {what} go from {low} to {high}: "
            'pass images.astype("float32") to keep their values.'
        )


def _require_finite(array: np.ndarray, what: str) -> None:
    with np.errstate(over="ignore"):  # values too large for float32 become inf
        if np.isfinite(np.array(mapped.value_range(array)).astype(np.float32)).all():  # NaN passes through both
            return
        row = next(row for row, values in enumerate(array) if not np.isfinite(values.astype(np.float32)).all())
        value = array[row][~np.isfinite(array[row].astype(np.float32))].flat[0]
    raise DataError(
        f"The inputs of {what} must be finite float32 numbers. Got {value} in row {row}: replace or remove such rows."
    )


def _frozen(array: np.ndarray) -> np.ndarray:
    """Return a read-only view. The caller's array stays writable."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
