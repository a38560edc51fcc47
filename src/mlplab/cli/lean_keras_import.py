"""Keras without the packages that it imports where it finds them, for parts of it that JAX does not touch."""

import importlib.abc
import sys
from typing import Any

_NOT_NEEDED = ("sklearn", "matplotlib", "pandas", "tensorflow", "torch")


class LeanKeras(importlib.abc.MetaPathFinder):
    """While Keras is being imported, some packages are not found: a second less. Before and afterwards they are."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        keras = getattr(sys.modules.get("keras"), "__spec__", None)
        # The import system's own mark, by which it tells of circular imports.
        if fullname in _NOT_NEEDED and getattr(keras, "_initializing", False):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
