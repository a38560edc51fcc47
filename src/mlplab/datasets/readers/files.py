"""The files of a folder of strangers: listed and read without leaving the folder."""

import functools
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from mlplab.datasets.readers.rows import Picture, shown
from mlplab.errors import DataError

LARGEST_IMAGE_FILE = 2**28 + 2**20
"""Bytes of a file with one image, at most: of as many pixels as are decoded, not compressed."""
_HIDDEN = ("thumbs.db", "desktop.ini", "__macosx")
_DEEPEST = 32


def list_files(root: Path) -> tuple[list[str], list[str]]:
    """Return the files and the folders in a folder and its sub-folders, relative to it, each sorted by its parts.

    Hidden ones (a dot before the name, and what Windows and macOS leave behind) are skipped.

    Raises:
        DataError: for a link that leads out of the folder or to a folder, a device, a pipe, or a folder that cannot be
            read.
    """
    files, folders, waiting = [], [], [""]
    inside = os.path.realpath(root)
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    if is_hidden(entry.name):
                        continue
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if _is_folder(entry, inside):
                        folders.append(name)
                        waiting.append(name)
                    else:
                        files.append(name)
        except OSError as error:
            raise DataError(f"{shown(os.path.join(root, folder))} cannot be read: {error.strerror}.") from error
        if folder.count("/") > _DEEPEST:
            raise DataError(f"{shown(root)} has folders in folders, more than {_DEEPEST} deep: flatten it.")
    return sorted(files, key=_parts), sorted(folders, key=_parts)


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _HIDDEN


def _parts(name: str) -> list[str]:
    return name.split("/")


def _is_folder(entry: os.DirEntry[str], inside: str) -> bool:
    """Return whether an entry is a folder (True) or a file (False). Raises `DataError` for anything else."""
    if entry.is_symlink():
        require_inside(entry.path, inside)
        if os.path.isdir(entry.path):
            raise DataError(f"{shown(entry.path)} is a link to a folder. Put the folder itself there, or remove it.")
    if entry.is_dir():
        return True
    if not entry.is_file():
        raise DataError(
            f"{shown(entry.path)} is neither a file nor a folder, but a device, a pipe or a broken link: remove it."
        )
    return False


def require_inside(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Raise `DataError` if a path leads out of a folder."""
    if not os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep):
        raise DataError(
            f"{shown(path)} is a link that leads out of the folder. Put the file itself there, or remove it."
        )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file. Raises `DataError` as `opened` does."""
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a regular file. Raises `DataError` for any other, which may have no end, and if it cannot be read."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DataError(f"{shown(path)} is no regular file, but a folder, a device or a pipe.")
            yield file
    except OSError as error:
        if error.errno is None:  # a library's, about the content
            raise
        raise DataError(f"{shown(path)} cannot be read: {error.strerror}.") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for what writes to a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_file(path: Path) -> bytes:
    """Return the bytes of a file with one image. Raises `DataError` as `opened` does, and if it is too large."""
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_IMAGE_FILE:
            raise DataError(
                f"{shown(path)} has {size:,} bytes; expected at most {LARGEST_IMAGE_FILE:,} in one file. Make it "
                "smaller, or remove it."
            )
        return file.read()


def picture_of(path: Path, name: str | None = None) -> Picture:
    """Return the picture in a file. `name`: for messages; None: the path."""
    return Picture(name or shown(path), functools.partial(read_file, path), path)
