"""A folder that has all a class needs without a network: wheels, data, notebooks, and what installs them."""

import errno
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlplab.course.stick import contents
from mlplab.course.stick.contents import Materials, materials
from mlplab.course.stick.lock import needed_for, read_lock
from mlplab.course.stick.pip import AGAIN
from mlplab.course.stick.shelf import Shelf
from mlplab.course.stick.systems import SYSTEMS, Target, check_python, find_system, this_python, this_system
from mlplab.course.stick.wheels import fetch_wheels, own_wheel, pip_wheel
from mlplab.datasets import find_entry
from mlplab.datasets.cache import locked, store
from mlplab.errors import FetchError, MlplabError, UsageError

__all__ = ["DATASETS", "SYSTEMS", "Materials", "Stick", "make_stick", "materials"]

DATASETS = ("fashion-mnist", "mnist")
_FACTS = "stick.json"  # the last file that is written: a folder with it is complete
_FORMAT = 1


@dataclass(frozen=True)
class Stick:
    """A folder that is ready to be handed round.

    Attributes:
        folder: where it is.
        targets: systems and Python versions that it serves, by name, those of earlier calls included.
        datasets: names of the data sets on it.
        wheels: how many there are.
        notebooks: how many there are.
        files: the number of all its files.
        bytes: their size.
    """

    folder: Path
    targets: tuple[tuple[str, str], ...]
    datasets: tuple[str, ...]
    wheels: int
    notebooks: int
    files: int
    bytes: int


def make_stick(
    folder: Path,
    systems: Sequence[str] = (),
    pythons: Sequence[str] = (),
    datasets: Sequence[str] = (),
    say: Callable[[str], None] = print,
    *,
    source: Materials | None = None,
) -> Stick:
    """Brings onto a stick what each of the systems needs with each of the Python versions.

    What is there and whole is not fetched again, so a call that was stopped goes on. A later call adds to what the
    stick serves already, as long as the lock is the same.

    Args:
        folder: the stick, or any folder; it is made if it is missing.
        systems: names in `SYSTEMS`; by default, this machine's.
        pythons: versions such as "3.12"; by default, this Python's.
        datasets: names of data sets; by default `DATASETS`. One that comes with a dependency takes no room.
        say: is given a line for each step.
        source: the lock and the notebooks; by default, those of this mlplab.

    Raises:
        UsageError: if there is no such system, Python version or data set, or if other things lie in the folder under
            names that a stick has.
        FetchError: if something cannot be had, or if the folder cannot be written.
    """
    source = source or materials()
    asked = [
        Target(system, python)
        for system in ([find_system(name) for name in dict.fromkeys(systems)] or [this_system()])
        for python in ([check_python(version) for version in dict.fromkeys(pythons)] or [this_python()])
    ]
    names = [find_entry(name).name for name in dict.fromkeys(datasets or DATASETS)]
    with _telling(folder):
        _check_folder(folder)
        with locked(folder, say) as scratch:
            return _make(folder, asked, names, source, scratch, say)


def _names() -> list[str]:
    """What lies in a stick's folder."""
    return [*contents.installer_names(), "cache", "data", "notebooks", "requirements.txt", _FACTS, "wheels"]


def _check_folder(folder: Path) -> None:
    """Refuses to write over what is somebody's own. A stick, begun or complete, is known by these two files."""
    if any((folder / name).exists() for name in (".lock", _FACTS)):
        return
    in_the_way = [name for name in _names() if (folder / name).exists()]
    if in_the_way:
        raise UsageError(
            f"{folder} has a {in_the_way[0]} that is not from here, and that a stick would write over. "
            f"Choose a folder of its own, such as {folder / 'mlplab'}."
        )


def _make(
    folder: Path,
    asked: Sequence[Target],
    datasets: Sequence[str],
    source: Materials,
    scratch: Path,
    say: Callable[[str], None],
) -> Stick:
    pins = read_lock(source.lock)
    lock = source.lock.read_bytes()
    digest = hashlib.sha256(lock).hexdigest()
    earlier = _earlier(folder, digest)
    if earlier is None:
        (folder / _FACTS).unlink(missing_ok=True)
    targets = list(dict.fromkeys([*(earlier.targets if earlier else ()), *asked]))
    datasets = list(dict.fromkeys([*(earlier.datasets if earlier else ()), *datasets]))
    shelf = Shelf(folder / "wheels")
    shelf.folder.mkdir(exist_ok=True)
    wheels: set[Path] = set()
    for target in targets:
        wheels |= fetch_wheels(needed_for(pins, target), target, shelf, scratch, say)
    say("mlplab's own wheel.")
    own, pip = own_wheel(shelf, scratch), pip_wheel(shelf, scratch)
    contents.put_data(datasets, folder / "data", scratch, say)
    contents.put_usual_ranges(folder / "cache" / "course", scratch)
    notebooks = contents.put_notebooks(source.notebooks, folder / "notebooks", scratch)
    store(lock, folder / "requirements.txt", scratch)
    facts = _facts(targets, datasets, digest, own, pip)
    contents.put_installers(folder, scratch, **_for_people(targets))
    store(json.dumps(facts, indent=1).encode() + b"\n", folder / _FACTS, scratch)
    return _weighed(folder, targets, datasets, len(wheels | {own, pip}), notebooks)


@dataclass(frozen=True)
class _Earlier:
    targets: tuple[Target, ...]
    datasets: tuple[str, ...]


def _earlier(folder: Path, lock: str) -> _Earlier | None:
    """What the stick is complete for, if it was made with the same lock."""
    try:
        facts = json.loads((folder / _FACTS).read_bytes())
        targets = tuple(Target(find_system(system), check_python(python)) for system, python in facts["targets"])
        datasets = tuple(find_entry(name).name for name in facts["datasets"])
        same = (facts["format"], facts["lock"]) == (_FORMAT, lock)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):  # missing, or damaged
        return None
    return _Earlier(targets, datasets) if same else None


def _facts(targets: Sequence[Target], datasets: Sequence[str], lock: str, own: Path, pip: Path) -> dict[str, object]:
    """What the installer goes by."""
    return {
        "format": _FORMAT,
        "targets": [[target.system.name, target.python] for target in targets],
        "datasets": list(datasets),
        "lock": lock,
        "mlplab": own.name,
        "pip": pip.name,
    }


def _for_people(targets: Sequence[Target]) -> dict[str, str]:
    pythons = sorted({target.python for target in targets}, key=lambda python: int(python.partition(".")[2]))
    return {
        "pythons": " or ".join(pythons),
        "systems": "\n".join(f"  {title}" for title in dict.fromkeys(str(target) for target in targets)),
    }


def _weighed(folder: Path, targets: Sequence[Target], datasets: Sequence[str], wheels: int, notebooks: int) -> Stick:
    ours = [folder / name for name in _names()]
    files = [path for top in ours for path in (top, *top.rglob("*")) if path.is_file()]
    return Stick(
        folder=folder,
        targets=tuple((target.system.name, target.python) for target in targets),
        datasets=tuple(datasets),
        wheels=wheels,
        notebooks=notebooks,
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
    )


@contextmanager
def _telling(folder: Path) -> Iterator[None]:
    """What the system says against the folder becomes a `FetchError`."""
    try:
        yield
    except MlplabError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise FetchError(
                f"There is no room left in {folder}. A stick takes some 300 MB for a system and a Python version. Make "
                f"room, or choose fewer of them. {AGAIN}"
            ) from error
        raise FetchError(
            f"{folder} cannot be written ({error.strerror or error}): a folder was expected that is yours to write in. "
            "Choose another one, or look whether the stick is locked or full."
        ) from error
