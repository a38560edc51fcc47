"""Import Keras without the packages that it uses where they are installed, none of which JAX needs: a second less."""

import importlib.abc
import sys
from typing import Any

_NOT_NEEDED = ("sklearn", "matplotlib", "pandas", "tensorflow", "torch")


class LeanKeras(importlib.abc.MetaPathFinder):
    """Makes these packages look absent while Keras is being imported, and at no other time."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        keras = getattr(sys.modules.get("keras"), "__spec__", None)
        # `_initializing` is what the import system itself looks at to report circular imports.
        if fullname in _NOT_NEEDED and getattr(keras, "_initializing", False):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
