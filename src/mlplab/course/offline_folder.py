"""Find and run the script that fills a folder for a class without a network: tools/offline_folder.py.

The wheel of mlplab contains the script, the lock and the notebooks in course/offline/ (pyproject.toml puts them there).
"""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mlplab.errors import FetchError

_PACKAGE = Path(__file__).parents[1]
_LOCK = "requirements-notebook.lock"


def fill(
    folder: Path, systems: Sequence[str], pythons: Sequence[str], datasets: Sequence[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Fill the folder with this mlplab's lock and notebooks; see `fill` in the script."""
    materials, script = find_materials()
    targets = script.find_targets(systems, pythons)
    return script.fill(folder, targets, datasets, say, materials / _LOCK, materials / "notebooks")


def find_materials() -> tuple[Path, ModuleType]:
    """Return the folder with the lock and the notebooks, and the script as a module.

    Raises:
        FetchError: if neither a checkout nor the package has them.
    """
    checkout, packaged = _PACKAGE.parents[1], _PACKAGE / "course" / "offline"
    for folder, path in ((checkout, checkout / "tools"), (packaged, packaged)):
        spec = importlib.util.spec_from_file_location("offline_folder", path / "offline_folder.py")
        if (folder / _LOCK).is_file() and spec is not None and spec.loader is not None:
            script = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(script)
            return folder, script
    raise FetchError(
        f"This mlplab has no {_LOCK}, which lists the packages: neither {checkout} nor {packaged} has it. "
        "Install mlplab again from its wheel, or use a clone of the repository."
    )
