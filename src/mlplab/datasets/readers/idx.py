"""IDX files in a folder, as MNIST and its descendants come: images and labels of each part, plain or gzipped."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np

from mlplab.datasets.idx import read_content, read_idx
from mlplab.datasets.readers.files import opened, require_inside
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
                    if os.path.isfile(path := folder / f"{start}-{kind.replace('-idx', f'{joint}idx')}{end}")
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
        for path in (images, labels):
            require_inside(path, folder)
        parts[part] = Rows(_read(images, 3, sha256), _read(labels, 1, sha256))
        if len(parts[part].inputs) != len(parts[part].labels):
            raise DataError(
                f"{shown(images)} has {len(parts[part].inputs):,} images, and {labels.name} "
                f"{len(parts[part].labels):,} labels: they do not belong together."
            )
    train, test = in_parts(parts, folder)
    return Found(train, test, sha256)


def _read(path: Path, ndim: int, sha256: dict[str, str]) -> np.ndarray:
    try:
        with opened(path) as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            content = read_content(gzip.GzipFile(fileobj=file) if is_gzip else file)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{shown(path)} cannot be read: {error}. Get the file again.") from error
    sha256[path.name.removesuffix(".gz")] = hashlib.sha256(content).hexdigest()
    return read_idx(content, ndim=ndim, name=shown(path))
