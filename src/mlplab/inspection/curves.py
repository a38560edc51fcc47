"""Loss and accuracy over the epochs, of training and validation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.inspection.examples import opened
from mlplab.inspection.table import Table
from mlplab.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_curves(source: Any) -> Table:
    """Curves of loss and accuracy over the epochs.

    Args:
        source: a run; or the `History` that `fit` returns.

    Returns:
        Table of epoch (from 1) and of what was logged: loss, accuracy, val_loss, val_accuracy, …
    """
    return curves(source).show()


def curves(source: Any) -> Table:
    """See `show_curves`."""
    if isinstance(source, str | Path):
        source = opened(source)
    if isinstance(source, Run):
        logged, first, name = source.history, 1, source.path.name
    elif isinstance(getattr(source, "history", None), dict):
        logged, first, name = source.history, source.epoch[0] + 1 if source.epoch else 1, "training"
    else:
        raise UsageError(f"Give a run, or the History that fit returns; got {type(source).__name__}.")
    logged = {key: values for key, values in logged.items() if np.ndim(values) == 1}
    epochs = len(next(iter(logged.values()), ()))
    if not epochs:
        raise UsageError(f"There are no curves to show: {name} has no epoch yet.")
    columns = {"epoch": np.arange(first, first + epochs)} | {key: np.array(values) for key, values in logged.items()}

    def draw() -> "Figure":
        from mlplab.figures import charts

        return charts.curves(columns)

    return Table(columns, f"Loss and metrics by epoch ({name})", draw)
