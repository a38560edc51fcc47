"""mlplab: train Keras dense networks faster without changing them, and see what they get wrong.

Public names are loaded when they are first used, so that `import mlplab` (and `mlplab --help`) costs nothing; they are
listed in `__init__.pyi`. Import mlplab before Keras: Keras reads its backend once, when it is imported, and the engine
needs JAX.
"""

import importlib
import os
import sys
from typing import Any

from mlplab import late_imports

__version__ = "0.1.0"

with open(f"{os.path.dirname(__file__)}/__init__.pyi", encoding="utf-8") as _stub:
    # A public name has a line "from MODULE import NAME as NAME".
    _MODULES = {line.split()[3]: line.split()[1] for line in _stub if line.startswith("from ")}
__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    late_imports.install()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        if os.path.isfile(f"{os.path.dirname(__file__)}/{name}/__init__.py"):  # mlplab.runs, mlplab.tuning
            return importlib.import_module(f"mlplab.{name}")
        raise AttributeError(f"module 'mlplab' has no attribute {name!r}")
    module = importlib.import_module("mlplab.course" if name == "course" else _MODULES[name])
    value = module if name == "course" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
