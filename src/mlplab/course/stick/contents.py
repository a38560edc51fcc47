"""All of a stick but its wheels: data sets, usual ranges, notebooks, installers, and the page for learners."""

import contextlib
import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

import mlplab
from mlplab.datasets import find_entry
from mlplab.datasets.cache import cache_folder, store
from mlplab.datasets.fetch import fetch_entry
from mlplab.datasets.payload import Payload
from mlplab.errors import DataError, FetchError

_PACKAGE = Path(mlplab.__file__).parent
_INSTALLERS = Path(__file__).parent / "installers"
_LOCK = "requirements-notebook.lock"
_WINDOWS_LINES = (".bat", ".txt")  # what Windows opens wants its line ends


@dataclass(frozen=True)
class Materials:
    """What a stick is made from.

    Attributes:
        lock: the lock file of the packages.
        notebooks: a folder of notebooks; there may be none in it.
    """

    lock: Path
    notebooks: Path


def materials() -> Materials:
    """The lock and the notebooks of this mlplab: in its checkout, or else in the package. FetchError if in neither."""
    checkout = _PACKAGE.parents[1]
    for folder in (checkout, _PACKAGE / "course" / "offline"):
        if (folder / _LOCK).is_file():
            return Materials(folder / _LOCK, folder / "notebooks")
    raise FetchError(
        f"This mlplab has no {_LOCK}, which says what belongs on a stick: neither {checkout} nor the package has it. "
        "Install mlplab again from its wheel, or make the stick in a clone of the repository."
    )


def put_data(names: Iterable[str], folder: Path, scratch: Path, say: Callable[[str], None]) -> None:
    """The files of data sets, gzipped, laid out as `MLPLAB_DATA` wants them.

    Raises:
        UsageError: if there is no such data set.
        FetchError: if no source has it.
        OSError: if the folder cannot be written.
    """
    for entry in map(find_entry, names):
        here = folder / entry.name
        missing = [payload for payload in entry.payloads if not _is_good(payload, _gzipped(payload, here))]
        if missing:
            say(f"Data set {entry.name}.")
            here.mkdir(parents=True, exist_ok=True)
            files = fetch_entry(entry)
            for payload in missing:
                store(gzip.compress(files[payload.file].content, 6, mtime=0), _gzipped(payload, here), scratch)


def _gzipped(payload: Payload, folder: Path) -> Path:
    return folder / f"{payload.file}.gz"


def _is_good(payload: Payload, path: Path) -> bool:
    try:
        payload.read(path)
    except (OSError, DataError):
        return False
    return True


def put_usual_ranges(folder: Path, scratch: Path) -> int:
    """What the checks have trained on this machine, so that thirty laptops need not: how many files it is."""
    return _copy(sorted((cache_folder() / "course").glob("*.json")), folder, scratch)


def put_notebooks(notebooks: Path, folder: Path, scratch: Path) -> int:
    """The notebooks: how many they are."""
    return _copy(sorted(notebooks.glob("*.ipynb")), folder, scratch)


def _copy(paths: Sequence[Path], folder: Path, scratch: Path) -> int:
    if paths:
        folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        store(path.read_bytes(), folder / path.name, scratch)
    return len(paths)


def installer_names() -> list[str]:
    return sorted(path.name for path in _INSTALLERS.iterdir() if path.is_file())


def put_installers(folder: Path, scratch: Path, **facts: str) -> None:
    """The files that a learner starts, and the page that says how, in which `$name` stands for a fact."""
    for name in installer_names():
        text = (_INSTALLERS / name).read_text("utf-8")
        if name.endswith(".txt"):
            text = Template(text).substitute(facts)
        if name.endswith(_WINDOWS_LINES):
            text = text.replace("\n", "\r\n")
        store(text.encode(), folder / name, scratch)
    with contextlib.suppress(OSError):  # file systems of sticks may know no such thing, and 'sh install.sh' needs none
        (folder / "install.sh").chmod(0o755)
