"""The cache folder: a sub-folder for each data set, with its decompressed files.

Reading needs no lock, because files only appear when they are complete. Writing needs `locked`.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

_ORIGINS = "origins.json"
_SCRATCH = ".fetch-"


def cache_folder() -> Path:
    """Return the folder that `MLPLAB_CACHE` names, by default the user's cache folder of this system."""
    value = os.environ.get("MLPLAB_CACHE")
    return Path(value).expanduser() if value else platformdirs.user_cache_path("mlplab", appauthor=False)


def user_folder() -> Path | None:
    """Return the folder with the user's copies that `MLPLAB_DATA` names, if it is set."""
    value = os.environ.get("MLPLAB_DATA")
    return Path(value).expanduser() if value else None


@contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Lock a data set's folder for this process, and yield a scratch folder within it.

    The scratch folder is on the same file system, so that complete files can be renamed. It is removed at the end, and
    so is one that a killed process has left. Raises `OSError` if the folder cannot be made or written.
    """
    import filelock  # imports asyncio, which reading the cache does not need

    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        say(f"Another process is fetching into {folder}: waiting for it.")
        lock.acquire()
    try:
        for abandoned in folder.glob(f"{_SCRATCH}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder, ignore_cleanup_errors=True) as scratch:
            yield Path(scratch)
    finally:
        lock.release()


def store(content: bytes | memoryview, path: Path, scratch: Path) -> None:
    """Write a file, completely or not at all, even in a power cut. Raises `OSError` if that fails."""
    partial = scratch / f"{path.name}.partial"
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_origins(folder: Path) -> dict[str, str]:
    """Return the provider of each file in a data set's folder for which it is recorded."""
    try:
        origins = json.loads((folder / _ORIGINS).read_text())
    except (OSError, ValueError):  # only a note: hashes identify the files
        return {}
    return origins if isinstance(origins, dict) else {}


def store_origins(origins: dict[str, str], folder: Path, scratch: Path) -> None:
    """Record the providers of files, see `read_origins`. Raises `OSError` if that fails."""
    text = json.dumps(read_origins(folder) | origins, indent=1) + "\n"
    store(text.encode(), folder / _ORIGINS, scratch)
