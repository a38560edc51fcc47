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

    from mlplab import course
    from mlplab.datasets import load, load_data
    from mlplab.engine import evaluate, fit, fit_population, predict
    from mlplab.experiments.baselines import baselines
    from mlplab.experiments.label_errors import find_label_errors
    from mlplab.experiments.learning_curve import learning_curve
    from mlplab.experiments.learning_rate import find_learning_rate
    from mlplab.inspection.calibration import calibrate, show_calibration
    from mlplab.inspection.classification import classification_report, score
    from mlplab.inspection.comparison import compare
    from mlplab.inspection.confusion import most_confused, show_confusion
    from mlplab.inspection.curves import show_curves
    from mlplab.inspection.failures import show_failures
    from mlplab.inspection.network.attribution import show_neighbours, show_saliency
    from mlplab.inspection.network.model_graph import plot_model
    from mlplab.inspection.network.projection import show_projection
    from mlplab.inspection.network.units import show_units
    from mlplab.inspection.seeds import show_seeds
    from mlplab.models import mlp
    from mlplab.reports import report
    from mlplab.runs import Run, list_runs
    from mlplab.training import resume, save_run, train
    from mlplab.tuning import tune

__all__ = [
    "Run",
    "baselines",
    "calibrate",
    "classification_report",
    "compare",
    "course",
    "evaluate",
    "find_label_errors",
    "find_learning_rate",
    "fit",
    "fit_population",
    "keras",
    "learning_curve",
    "list_runs",
    "load",
    "load_data",
    "mlp",
    "most_confused",
    "plot_model",
    "predict",
    "report",
    "resume",
    "save_run",
    "score",
    "show_calibration",
    "show_confusion",
    "show_curves",
    "show_failures",
    "show_neighbours",
    "show_projection",
    "show_saliency",
    "show_seeds",
    "show_units",
    "train",
    "tune",
]
__version__ = "0.1.0"

_HOMES = {
    "mlplab": ("course",),
    "mlplab.datasets": ("load", "load_data"),
    "mlplab.engine": ("evaluate", "fit", "fit_population", "keras", "predict"),
    "mlplab.inspection.network.attribution": ("show_neighbours", "show_saliency"),
    "mlplab.experiments.baselines": ("baselines",),
    "mlplab.inspection.calibration": ("calibrate", "show_calibration"),
    "mlplab.inspection.classification": ("classification_report", "score"),
    "mlplab.inspection.comparison": ("compare",),
    "mlplab.inspection.confusion": ("most_confused", "show_confusion"),
    "mlplab.inspection.curves": ("show_curves",),
    "mlplab.inspection.failures": ("show_failures",),
    "mlplab.experiments.label_errors": ("find_label_errors",),
    "mlplab.inspection.network.model_graph": ("plot_model",),
    "mlplab.inspection.network.projection": ("show_projection",),
    "mlplab.experiments.learning_curve": ("learning_curve",),
    "mlplab.experiments.learning_rate": ("find_learning_rate",),
    "mlplab.reports": ("report",),
    "mlplab.inspection.seeds": ("show_seeds",),
    "mlplab.inspection.network.units": ("show_units",),
    "mlplab.models": ("mlp",),
    "mlplab.runs": ("Run", "list_runs"),
    "mlplab.training": ("resume", "save_run", "train"),
    "mlplab.tuning": ("tune",),
}

if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", "jax")


def __getattr__(name: str) -> Any:
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'mlplab' has no attribute {name!r}")
    value = (
        importlib.import_module(f"mlplab.{name}") if home == "mlplab" else getattr(importlib.import_module(home), name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
