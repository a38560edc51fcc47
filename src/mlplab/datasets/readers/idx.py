"""IDX files in a folder, as MNIST and its descendants come: images and labels of each part, plain or gzipped."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from mlplab import npz
from mlplab.datasets.idx import announced_bytes, read_idx
from mlplab.datasets.readers.rows import Found, Rows, in_parts, shown
from mlplab.errors import DataError

_FILES = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("t10k", "test")}
"""With what the names of a part's files begin."""
_IMAGES, _LABELS = "images-idx3-ubyte", "labels-idx1-ubyte"


def idx_files(folder: Path) -> dict[str, tuple[Path | None, Path | None]]:
    """Return the files with images and labels of each part in a folder: train-images-idx3-ubyte, … or .gz.

    A part of which there is neither is left out.
    """
    pairs = {}
    for part, starts in _FILES.items():
        pair = tuple(
            next(
                (
                    path
                    for start in starts
                    for joint in ("-", ".")  # as some programs unpack them
                    for end in ("", ".gz")
                    if (path := folder / f"{start}-{kind.replace('-idx', f'{joint}idx')}{end}").is_file()
                ),
                None,
            )
            for kind in (_IMAGES, _LABELS)
        )
        if any(pair):
            pairs[part] = pair
    return pairs


def read_idx_pairs(folder: Path) -> Found:
    """Return images uint8 (n, h, w) and labels uint8 (n,) of each part.

    Raises:
        DataError: for a file without its partner, and one that is damaged, or of another kind.
    """
    sha256: dict[str, str] = {}
    parts = {}
    for part, (images, labels) in idx_files(folder).items():
        if images is None or labels is None:
            there = images or labels
            missing = _IMAGES if images is None else _LABELS
            raise DataError(f"{shown(there or folder)} lacks its partner, …-{missing}: put it into the same folder.")
        parts[part] = Rows(read_idx_file(images, 3, sha256), read_idx_file(labels, 1, sha256))
        if len(parts[part].inputs) != len(parts[part].labels):
            raise DataError(
                f"{shown(images)} has {len(parts[part].inputs):,} images, and {labels.name} "
                f"{len(parts[part].labels):,} labels: they do not belong together."
            )
    train, test = in_parts(parts, folder)
    return Found(train, test, sha256)


def is_idx(path: Path) -> bool:
    """Return whether a file, plain or gzipped, begins as an IDX file of 8-bit numbers does."""
    try:
        with path.open("rb") as start:
            opened = gzip.open if start.read(2) == b"\x1f\x8b" else open
        with opened(path, "rb") as file:
            return file.read(3) == b"\0\0\x08"
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def read_idx_file(path: Path, ndim: int, sha256: dict[str, str]) -> np.ndarray:
    """Read one file, no more than its header announces, lest a small gzip file fill the memory.

    `sha256`: gets the hexadecimal SHA-256 of the decompressed content, by the name of the file.

    Raises:
        DataError: if it is damaged, or has another number of axes than `ndim`.
    """
    try:
        with path.open("rb") as start:
            opened = gzip.open if start.read(2) == b"\x1f\x8b" else open
        with opened(path, "rb") as file:
            header = file.read(4)
            header += file.read(4 * header[3]) if len(header) == 4 else b""
            announced = announced_bytes(header)
            npz.require_memory(announced)
            content = bytearray(header + file.read(announced + 1))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{shown(path)} cannot be read: {error}. Get the file again.") from error
    sha256[path.name.removesuffix(".gz")] = hashlib.sha256(content).hexdigest()
    return read_idx(content, ndim=ndim, name=shown(path))
