"""mlplab: train Keras dense networks faster without changing them, and see what they get wrong.

Public names are loaded when they are first used, so that `import mlplab` (and `mlplab --help`) costs nothing.
Import mlplab before Keras: Keras reads its backend once, when it is imported, and the engine needs JAX.
"""

import importlib
import os
import sys

__version__ = "0.1.0"

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")

_HOMES = {
    "Run": "mlplab.runs",
    "evaluate": "mlplab.engine",
    "fit": "mlplab.engine",
    "keras": "mlplab.engine",
    "list_runs": "mlplab.runs",
    "load": "mlplab.datasets",
    "load_data": "mlplab.datasets",
    "mlp": "mlplab.models",
    "predict": "mlplab.engine",
    "resume": "mlplab.training",
    "train": "mlplab.training",
}
__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'mlplab' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
