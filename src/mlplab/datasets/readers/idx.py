"""IDX files in a folder, as MNIST and its descendants come: images and labels of each part, plain or gzipped."""

import gzip
import hashlib
import math
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import mapped
from mlplab.datasets import decoded, decoding
from mlplab.datasets.idx import announced_shape, read_content, read_header, read_idx, require_axes
from mlplab.datasets.readers.files import opened, require_inside, sha256_of
from mlplab.datasets.readers.rows import Found, Rows, in_parts, shown
from mlplab.errors import DataError

_FILES = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("t10k", "test")}
"""With what the names of a part's files begin."""
_MOST_UNPACKED = 1032
"""Bytes that gzip makes of one, at most (zlib.net, "Technical Details")."""
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
        parts[part] = read_idx_pair(images, labels, sha256)
    train, test = in_parts(parts, folder)
    return Found(train, test, sha256)


def read_idx_pair(images: Path, labels: Path | None, sha256: dict[str, str]) -> Rows:
    """Return the images of a file, uint8 (n, h, w), and the labels of another, uint8 (n,), or None.

    `sha256`: gets the hashes of both, see `read_idx_file`.

    Raises:
        DataError: for a damaged file, and if there is not one label for each image.
    """
    inputs = read_idx_file(images, 3, sha256)
    numbers = None if labels is None else read_idx_file(labels, 1, sha256)
    if labels is not None and numbers is not None and len(inputs) != len(numbers):
        raise DataError(
            f"{shown(images)} has {len(inputs):,} images, and {labels.name} {len(numbers):,} labels: they do not "
            "belong together."
        )
    return Rows(inputs, numbers, content=decoded.key("idx", *sha256.values()))


def is_idx(path: Path) -> bool:
    """Return whether a file, plain or gzipped, begins as an IDX file of 8-bit numbers does."""
    try:
        with opened(path) as file:
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            plain: Any = gzip.GzipFile(fileobj=file) if is_packed else file
            return plain.read(3) == b"\0\0\x08"
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def read_idx_file(path: Path, ndim: int, sha256: dict[str, str]) -> np.ndarray:
    """Read one file, no more than its header announces, lest a small gzip file fill the memory.

    An array that is too large for memory is mapped, or unpacked into the cache folder.

    `sha256`: gets the hexadecimal SHA-256 of the decompressed content, by the name of the file.

    Raises:
        DataError: if it is damaged, or has another number of axes than `ndim`.
    """
    name = path.name.removesuffix(".gz")
    try:
        with opened(path) as file:
            is_packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            plain: Any = gzip.GzipFile(fileobj=file) if is_packed else file
            header = read_header(plain)
            shape = announced_shape(header)
            if mapped.is_large(math.prod(shape)):
                require_axes(shape, ndim, shown(path))
                array, sha256[name] = (_unpacked if is_packed else _mapped)(path, plain, header)
                return array
            content = read_content(plain, header)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{shown(path)} cannot be read: {error}. Get the file again.") from error
    sha256[name] = hashlib.sha256(content).hexdigest()
    return read_idx(content, ndim=ndim, name=shown(path))


def _mapped(path: Path, file: Any, header: bytearray) -> tuple[np.ndarray, str]:
    """Map a large file. Returns the array, uint8, and the SHA-256 of the file."""
    shape = announced_shape(header)
    size = path.stat().st_size
    if size != (announced := len(header) + math.prod(shape)):
        fault = "is truncated" if size < announced else "has trailing bytes"
        raise DataError(
            f"{shown(path)} {fault}: its header announces {announced:,} bytes in all, and it has {size:,}. Get the "
            "file again."
        )
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return np.memmap(path, np.uint8, "r", len(header), shape), digest


def _unpacked(path: Path, file: Any, header: bytearray) -> tuple[np.ndarray, str]:
    """Unpack a large file, open behind its header. Returns the array, and the SHA-256 of the unpacked file."""
    shape = announced_shape(header)
    announced, packed = math.prod(shape), path.stat().st_size
    if announced > _MOST_UNPACKED * packed:
        raise DataError(
            f"{shown(path)} is damaged: its header announces {announced:,} bytes, and its {packed:,} bytes unpack to "
            f"{_MOST_UNPACKED * packed:,} at most. Get the file again."
        )
    name = decoded.key("idx", sha256_of(path))
    if (kept := decoded.find(name)) is not None:
        return kept.array, str(kept.columns["sha256"])
    digest = hashlib.sha256(header)
    with decoding.Writer(name, "unpacking", shape[0], expected=announced) as writer:
        for block in decoding.blocks_of(file, np.uint8, shape):
            digest.update(block.data)
            writer.add(block)
        if file.read(1):
            raise DataError(f"{shown(path)} has trailing bytes behind {shape[0]:,} rows. Get the file again.")
        return writer.finish(sha256=np.array(digest.hexdigest())), digest.hexdigest()
