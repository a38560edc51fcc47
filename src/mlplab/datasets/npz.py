"""NPZ files with a training and a test set, as Keras's own `mnist.npz` is laid out."""

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlplab.errors import DataError

_LAYOUTS = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)


@dataclass(frozen=True)
class NpzContent:
    """What an NPZ file holds: four arrays, as they are, and the file's own SHA-256."""

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    class_names: tuple[str, ...] | None
    sha256: str


def read_npz(path: Path) -> NpzContent:
    """Reads the arrays x_train, y_train, x_test, y_test, and class_names where there are any.

    They may also be called train_images, train_labels, test_images, test_labels.

    Raises:
        DataError: if the file is missing, damaged or has other arrays. Pickled objects are not loaded.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    arrays = _arrays(content, path)
    keys = next((layout for layout in _LAYOUTS if set(layout) <= set(arrays)), None)
    if keys is None:
        raise DataError(
            f"{path} must hold the arrays {', '.join(_LAYOUTS[0])}. "
            f"Got {', '.join(sorted(arrays)) or 'none'}. "
            "Write it by np.savez_compressed(path, x_train=…, y_train=…, x_test=…, y_test=…)."
        )
    x_train, y_train, x_test, y_test = (arrays[key] for key in keys)
    names = tuple(map(str, arrays["class_names"])) if "class_names" in arrays else None
    return NpzContent((x_train, y_train), (x_test, y_test), names, hashlib.sha256(content).hexdigest())


def _arrays(content: bytes, path: Path) -> dict[str, np.ndarray]:
    """The arrays of known names. Others are left unread: they may be large, or objects."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            known = {"class_names"}.union(*_LAYOUTS)
            return {key: archive[key] if key in known else np.empty(0) for key in archive.files}
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is no readable NPZ file of plain arrays ({error}).") from error
