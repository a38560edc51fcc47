"""Readers: one file a format. Each returns `Found`: labels with arrays or undecoded pictures, in a stated order.

rows.py      `Found`, `Rows`, `Picture`
files.py     the files of a folder, which no link leaves
folder.py    class folders with images
npz.py       NPZ files
"""

from collections.abc import Callable
from pathlib import Path

from mlplab.datasets.readers.folder import read_folder
from mlplab.datasets.readers.npz import read_npz
from mlplab.datasets.readers.rows import Found, shown
from mlplab.datasets.reading import Reading
from mlplab.errors import DataError, UsageError

_OF_FILES: dict[str, Callable[[Path, Reading], Found]] = {".npz": read_npz}
SUFFIXES = tuple(_OF_FILES)
"""Of the files that are read."""


def reader_of(path: Path) -> Callable[[Path, Reading], Found]:
    """Return the function that reads a file or folder.

    Raises:
        UsageError: for a run, and for a file of another kind.
        DataError: if nothing is there.
    """
    if (path / "config.json").exists():
        raise UsageError(f"{shown(path)} is a run, and data is expected: a data set's name, a file or a folder.")
    if path.is_dir():
        return lambda path, reading: read_folder(path)
    reader = _OF_FILES.get(path.suffix.lower())
    if reader is None:
        raise UsageError(
            f"{shown(path)} is neither the name of a data set nor a file that is read. Expected a folder with a folder "
            f"of images for each class, or a file: {', '.join(SUFFIXES)}."
        )
    if not path.exists():
        raise DataError(f"{shown(path)} cannot be read: No such file or directory.")
    return reader
