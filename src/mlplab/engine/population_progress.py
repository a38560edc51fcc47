"""The progress of a population: metrics of its best, median and worst member."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.engine.backend import keras
from mlplab.engine.driver import Progress
from mlplab.engine.keras_internals import print_msg
from mlplab.engine.member import Member

_MONITORED = ("val_accuracy", "accuracy", "val_loss", "loss")


@dataclass(frozen=True)
class PopulationProgress:
    """The members' metrics after the newest complete epoch of each.

    Attributes:
        monitor: the metric they are ranked by: the first of val_accuracy, accuracy, val_loss and loss that all log.
        best, median, worst: its values.
        diverged: number of members that diverged.
    """

    monitor: str
    best: float
    median: float
    worst: float
    diverged: int

    def __str__(self) -> str:
        text = f"{self.monitor} best {self.best:.4f}, median {self.median:.4f}, worst {self.worst:.4f}"
        return text + (f", {self.diverged} diverged" if self.diverged else "")


def population_progress(members: Sequence[Member]) -> PopulationProgress | None:
    """Rank the members; None before an epoch is complete, and where they log no common metric of `_MONITORED`."""
    logs = [member.last_logs for member in members if member.last_logs and member.failure is None]
    monitor = next((name for name in _MONITORED if logs and all(name in metrics for metrics in logs)), None)
    if monitor is None:
        return None
    values = np.array([metrics[monitor] for metrics in logs], float)
    values = values[np.argsort(-values if monitor.endswith("accuracy") else values)]  # NaN is the worst
    diverged = sum(member.failure is not None for member in members)
    return PopulationProgress(monitor, float(values[0]), float(np.median(values)), float(values[-1]), diverged)


def progress_printer(members: Sequence[Member], verbose: int | str) -> Progress | None:
    """Return a function that prints progress: Keras's bar over all steps (verbose 1) or a line an epoch (2)."""
    if verbose == 0:
        return None
    if verbose == 2:
        return _line_printer(members)
    total = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
    bar: Any = keras.utils.Progbar(total, unit_name="step", stateful_metrics=())

    def update_bar(done: int, members: Sequence[Member]) -> None:
        now: Any = population_progress(members)
        values = [] if now is None else [(f"{now.monitor} {n}", getattr(now, n)) for n in ("best", "median", "worst")]
        bar.stateful_metrics |= {name for name, _ in values}
        bar.update(done, values, finalize=not any(member.active for member in members))

    return update_bar


def _line_printer(members: Sequence[Member]) -> Progress:
    """Return a function that prints a line whenever all members that are still trained have completed an epoch."""
    printed = min(member.epoch for member in members)
    epochs = max(member.epochs for member in members)

    def print_line(done: int, members: Sequence[Member]) -> None:
        nonlocal printed
        last = max(member.epoch for member in members)
        reached = min((member.epoch for member in members if member.active), default=last)
        if reached > printed:
            printed = reached
            metrics = population_progress(members)
            text = "" if metrics is None else f" - {metrics}"
            print_msg(f"Epoch {reached}/{epochs} - {len(members)} members{text}")

    return print_line
