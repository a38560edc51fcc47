"""How a population stands: the best, the median and the worst of its members."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras.src.utils.io_utils import print_msg

from mlplab.engine.backend import keras
from mlplab.engine.member import Member
from mlplab.engine.parallel import Progress

_MONITORED = ("val_accuracy", "accuracy", "val_loss", "loss")


@dataclass(frozen=True)
class Standing:
    """The newest epoch that each member has ended, its look at the validation data included.

    Attributes:
        monitor: what they are ranked by: the first of val_accuracy, accuracy, val_loss and loss that they log.
        best, median, worst: its values.
        aside: members that diverged.
    """

    monitor: str
    best: float
    median: float
    worst: float
    aside: int

    def __str__(self) -> str:
        told = f"{self.monitor} best {self.best:.4f}, median {self.median:.4f}, worst {self.worst:.4f}"
        return told + (f", {self.aside} diverged" if self.aside else "")


def standing(members: Sequence[Member]) -> Standing | None:
    """How the members stand; None as long as no epoch is done."""
    logs = [member.told for member in members if member.told and member.failure is None]
    monitor = next((name for name in _MONITORED if logs and all(name in each for each in logs)), None)
    if monitor is None:
        return None
    values = sorted((each[monitor] for each in logs), reverse=monitor.endswith("accuracy"))
    aside = sum(member.failure is not None for member in members)
    return Standing(monitor, values[0], float(np.median(values)), values[-1], aside)


def printed(members: Sequence[Member], verbose: int | str) -> Progress | None:
    """Keras's progress bar over all steps of a population (1), or a line an epoch (2); None for silence (0)."""
    if verbose == 0:
        return None
    total = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
    if verbose == 2:
        return _Lines(members)
    bar: Any = keras.utils.Progbar(total, unit_name="step", stateful_metrics=())
    names = ("best", "median", "worst")

    def progress(done: int, members: Sequence[Member]) -> None:
        now: Any = standing(members)
        values = [] if now is None else [(f"{now.monitor} {name}", getattr(now, name)) for name in names]
        bar.stateful_metrics |= {name for name, _ in values}
        bar.update(done, values, finalize=not any(member.active for member in members))

    return progress


class _Lines:
    """A line for each epoch that all members still in training have done."""

    def __init__(self, members: Sequence[Member]):
        self._told = min(member.epoch for member in members)

    def __call__(self, done: int, members: Sequence[Member]) -> None:
        reached = max(member.epoch for member in members)
        if reached > self._told:
            self._told = reached
            epochs = max(member.epochs for member in members)
            print_msg(f"Epoch {reached}/{epochs} - {len(members)} members - {standing(members)}")
