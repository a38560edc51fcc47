"""NPZ files with a training and a test set, in the layout of Keras's `mnist.npz`."""

import hashlib
import io
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.errors import DataError

_LAYOUTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)

Pair = tuple[np.ndarray, np.ndarray]


def read_npz(path: Path) -> tuple[Pair, Pair, tuple[str, ...] | None, str]:
    """Return (x_train, y_train), (x_test, y_test), the class names if the file has them, and the file's SHA-256.

    The arrays may also be called train_images, train_labels, test_images, test_labels.

    Raises:
        DataError: if the file is missing, damaged or has other arrays. Pickled objects are not loaded.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        arrays = npz.read(io.BytesIO(content), names={"class_names"}.union(*_LAYOUTS))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a readable NPZ file of plain arrays ({error}).") from error
    keys = next((layout for layout in _LAYOUTS if set(layout) <= set(arrays)), None)
    if keys is None:
        raise DataError(
            f"{path} must hold the arrays {', '.join(_LAYOUTS[0])}. "
            f"Got {', '.join(sorted(arrays)) or 'none'}. "
            "Write it by np.savez_compressed(path, x_train=…, y_train=…, x_test=…, y_test=…)."
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in keys)
    names = tuple(map(str, arrays["class_names"].reshape(-1))) if "class_names" in arrays else None
    return (x_train, y_train), (x_test, y_test), names, hashlib.sha256(content).hexdigest()
