"""mlplab: train Keras dense networks faster without changing them, and see what they get wrong.

Public names are loaded when they are first used, so that `import mlplab` (and `mlplab --help`) costs nothing.
Import mlplab before Keras: Keras reads its backend once, when it is imported, and the engine needs JAX.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; at run time `_HOMES` tells the same
    import keras

    from mlplab.datasets import load, load_data
    from mlplab.engine import evaluate, fit, predict
    from mlplab.models import mlp
    from mlplab.runs import Run, list_runs
    from mlplab.training import resume, train

__all__ = ["Run", "evaluate", "fit", "keras", "list_runs", "load", "load_data", "mlp", "predict", "resume", "train"]
__version__ = "0.1.0"

_HOMES = {
    "mlplab.datasets": ("load", "load_data"),
    "mlplab.engine": ("evaluate", "fit", "keras", "predict"),
    "mlplab.models": ("mlp",),
    "mlplab.runs": ("Run", "list_runs"),
    "mlplab.training": ("resume", "train"),
}

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'mlplab' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
