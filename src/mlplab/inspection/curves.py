"""Loss and metrics of training and validation by epoch."""

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.errors import UsageError
from mlplab.figures import charts
from mlplab.inspection.examples import open_run
from mlplab.runs import Run, logs
from mlplab.table import Table


def show_curves(source: Any) -> Table:
    """Show loss and metrics by epoch.

    Args:
        source: a run; or the `History` that `fit` returns.

    Returns:
        Table of epoch (from 1) and the logged metrics: loss, accuracy, val_loss, val_accuracy, … For a population they
        are medians over the members trained so far, each beside the smallest and the largest value: loss_low,
        loss_high, … The figure draws loss and accuracy.

    Example:
        table = mlplab.show_curves(run)
        losses = table["val_loss"]
    """
    return curves(source).show()


def curves(source: Any) -> Table:
    """Build the table of `show_curves`."""
    if isinstance(source, str | Path):
        source = open_run(source)
    if isinstance(source, Run):
        history, first, name = source.history, 1, source.path.name
    elif isinstance(getattr(source, "history", None), dict):
        history = logs.by_name(logs.of_history(source))
        first, name = source.epoch[0] + 1 if source.epoch else 1, "training"
    else:
        raise UsageError(f"Give a run, or the History that fit returns; got {type(source).__name__}.")
    columns = _columns(history, first)
    if not len(columns["epoch"]):
        raise UsageError(f"There are no curves to show: {name} has no epoch yet.")
    members = member_columns(source) if isinstance(source, Run) else []
    draw = functools.partial(charts.curves, columns, members)
    return Table(_with_range(columns, members), f"Loss and metrics by epoch ({name})", draw)


def ending(run: Run) -> str:
    """State after which epoch the training of one network ended, and the weights of which epoch were kept."""
    settings, epochs, kept = run.config.settings, len(run.epochs), run.kept_epoch
    patience, text = settings.early_stopping, ""
    if epochs < settings.epochs:
        text = f"Training stopped early, after epoch {epochs} of at most {settings.epochs}"
        if patience and epochs - kept == patience:
            monitored = "accuracy" if "val_accuracy" in run.epochs[-1] else "loss"
            text += f": {patience} epoch{'s' * (patience > 1)} without a better validation {monitored}"
        text += ". "
    first = settings.first_averaged_epoch
    if first is not None and first < epochs:
        mean = f"The mean of the weights after epochs {first} to {epochs} was kept"
        return f"{text}{mean}. The curves show the weights before averaging, the last of them after epoch {epochs}."
    text += f"The weights of epoch {kept} of {epochs} were kept"
    if kept == epochs:
        return f"{text}."
    return text + (", the best on the validation rows." if patience else ", which a callback restored.")


def member_columns(run: Run) -> list[dict[str, np.ndarray]]:
    """Return epoch and logged metrics of each member with at least one completed epoch; [] for a single network."""
    return [_columns(member.history) for member in run.members if member.history]


def _columns(history: dict[str, list[Any]], first: int = 1) -> dict[str, np.ndarray]:
    """Return epoch, and the logs that are numbers."""
    epochs = len(next(iter(history.values()), ()))
    numbers = {name: values for name, values in history.items() if all(isinstance(v, int | float) for v in values)}
    return {"epoch": np.arange(first, first + epochs)} | {name: np.array(values) for name, values in numbers.items()}


def _with_range(columns: dict[str, np.ndarray], members: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Add the smallest and the largest value of the members beside each column."""
    if not members:
        return columns
    table = {}
    for name, values in columns.items():
        table[name] = values
        if name != "epoch":
            logged = [member[name] for member in members if name in member]
            by_epoch = list(itertools.zip_longest(*logged, fillvalue=np.nan))
            # fmin and fmax leave NaN out, and give it where there is nothing else.
            table |= {f"{name}_low": np.fmin.reduce(by_epoch, 1), f"{name}_high": np.fmax.reduce(by_epoch, 1)}
    return table
