"""Run the script that fills a folder for a class without a network: tools/offline_folder.py.

A wheel of mlplab has the script, the lock and the notebooks in course/offline/ (pyproject.toml puts them there).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mlplab.course.exercise import load_module
from mlplab.errors import FetchError

_CHECKOUT, _PACKAGED = Path(__file__).parents[3], Path(__file__).parent / "offline"
_LOCK = "requirements-notebook.lock"


def fill(
    folder: Path, systems: Sequence[str], pythons: Sequence[str], datasets: Sequence[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Fill the folder with this mlplab's lock and notebooks; see `fill` in the script."""
    materials, script = find_materials()
    targets = script.find_targets(systems, pythons)
    return script.fill(folder, targets, datasets, say, materials / _LOCK, materials / "notebooks")


def find_materials() -> tuple[Path, ModuleType]:
    """Return the folder with the lock and the notebooks, and the script as a module; `FetchError` without them."""
    for folder, path in ((_CHECKOUT, _CHECKOUT / "tools"), (_PACKAGED, _PACKAGED)):
        if (folder / _LOCK).is_file():
            return folder, load_module(path / "offline_folder.py")
    raise FetchError(f"There is no {_LOCK}, which lists the packages. Install mlplab again, or use a clone of it.")
