"""The folder that keeps what was fetched: one sub-folder a data set, with its payloads, decompressed.

Reading needs no lock, as files only ever appear whole; `locked` is for those who add to it.
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
    """`MLPLAB_CACHE` where it is set, else the user's cache folder, as the system has it."""
    chosen = os.environ.get("MLPLAB_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("mlplab", appauthor=False)


def user_folder() -> Path | None:
    """The folder of the user's own copies, `MLPLAB_DATA`, if set."""
    chosen = os.environ.get("MLPLAB_DATA")
    return Path(chosen).expanduser() if chosen else None


@contextmanager
def locked(folder: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """Holds a data set's folder for this process alone, and gives a scratch folder within it.

    The scratch folder is on the same file system, so that what is complete can be renamed. It is removed at
    the end; one that a killed process has left is removed now.

    Raises:
        OSError: if the folder cannot be made or written.
    """
    import filelock  # brings asyncio, which loading from the cache does without

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


def store(content: bytes | bytearray, path: Path, scratch: Path) -> None:
    """Writes a file that appears whole or not at all, and survives a power cut. OSError if it cannot."""
    partial = scratch / f"{path.name}.partial"
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_origins(folder: Path) -> dict[str, str]:
    """Which source each file of a data set's folder once came from; what is not known is left out."""
    try:
        origins = json.loads((folder / _ORIGINS).read_text())
    except (OSError, ValueError):  # only a note: the files are known by their hashes
        return {}
    return origins if isinstance(origins, dict) else {}


def store_origins(origins: dict[str, str], folder: Path, scratch: Path) -> None:
    """Adds to what `read_origins` gives. OSError if it cannot."""
    text = json.dumps(read_origins(folder) | origins, indent=1) + "\n"
    store(text.encode(), folder / _ORIGINS, scratch)
