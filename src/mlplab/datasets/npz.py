"""NPZ files with a training and a test set, in the layout of Keras's `mnist.npz`."""

import hashlib
import io
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.errors import DataError, UsageError

_LAYOUTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)

_WRITTEN_BY = "np.savez_compressed('data.npz', x_train=…, y_train=…, x_test=…, y_test=…)"

Pair = tuple[np.ndarray, np.ndarray]


def check_suffix(path: Path) -> None:
    """Raise `UsageError` for a path of anything but an NPZ file: a folder of images, a table, a run."""
    if path.suffix != ".npz":
        is_run = (path / "config.json").exists()
        raise UsageError(
            f"{path} is neither the name of a data set nor an .npz file. "
            + ("A run is there, and data is expected." if is_run else f"Write its arrays by {_WRITTEN_BY}.")
        )


def read_npz(path: Path) -> tuple[Pair, Pair, tuple[str, ...] | None, str]:
    """Return (x_train, y_train), (x_test, y_test), the class names if the file has them, and the file's SHA-256.

    The arrays may also be called train_images, train_labels, test_images, test_labels.

    Raises:
        DataError: if the file is missing, damaged or has other arrays. Pickled objects are not loaded.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        how = f" Write arrays by {_WRITTEN_BY}." if path.is_dir() else ""
        raise DataError(f"{path} cannot be read: {error.strerror}.{how}") from error
    try:
        arrays = npz.read(io.BytesIO(content), names={"class_names"}.union(*_LAYOUTS))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a readable NPZ file of plain arrays ({error}). Copy it again, or write it by {_WRITTEN_BY}."
        ) from error
    keys = next((layout for layout in _LAYOUTS if set(layout) <= set(arrays)), None)
    if keys is None:
        raise DataError(
            f"{path} must hold the arrays {', '.join(_LAYOUTS[0])}. "
            f"Got {', '.join(sorted(arrays)) or 'none'}. "
            f"Write it by {_WRITTEN_BY}."
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in keys)
    names = tuple(map(str, arrays["class_names"].reshape(-1))) if "class_names" in arrays else None
    return (x_train, y_train), (x_test, y_test), names, hashlib.sha256(content).hexdigest()
