"""Loss and accuracy over the epochs, of training and validation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.inspection.examples import opened
from mlplab.runs import Run
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def show_curves(source: Any) -> Table:
    """Curves of loss and accuracy over the epochs.

    Args:
        source: a run; or the `History` that `fit` returns.

    Returns:
        Table of epoch (from 1) and of what was logged: loss, accuracy, val_loss, val_accuracy, … Of a population these
        are medians of the members that were trained so far, each beside the smallest and the largest value: loss_low,
        loss_high, …
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
    members = of_members(source) if isinstance(source, Run) else []

    def draw() -> "Figure":
        from mlplab.figures import charts

        return charts.curves(columns, members)

    return Table(_with_range(columns, members), f"Loss and metrics by epoch ({name})", draw)


def of_members(run: Run) -> list[dict[str, np.ndarray]]:
    """Columns of epoch and of what was logged, of each member of a population that has done an epoch."""
    histories = [member.history for member in run.members]
    return [
        {"epoch": np.arange(1, len(next(iter(history.values()))) + 1)}
        | {name: np.array(values) for name, values in history.items()}
        for history in histories
        if history
    ]


def _with_range(columns: dict[str, np.ndarray], members: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """With the smallest and the largest value of the members beside each column."""
    if not members:
        return columns
    found = {}
    for name, values in columns.items():
        found[name] = values
        if name != "epoch":
            each = np.full((len(members), len(values)), np.nan)
            for row, member in zip(each, members, strict=True):
                row[: len(member[name])] = member[name]
            found |= {f"{name}_low": np.nanmin(each, 0), f"{name}_high": np.nanmax(each, 0)}
    return found
