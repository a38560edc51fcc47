"""What the experiments share: rows held out, networks rebuilt for many seeds, populations trained with progress."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import Member, fit_members, keras
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import UsageError
from mlplab.progress import Progress, ProgressListener
from mlplab.runs import Run, Settings
from mlplab.training import splits
from mlplab.training.network import build_network, rebuild

HELD_OUT = 0.1
"""Share of the training rows that is held out where the settings hold out none."""


def hold_out(data: Data, settings: Settings) -> dict[str, np.ndarray]:
    """Split the training rows as a run with these settings does, but never without validation rows."""
    return splits.split(data.train, dataclasses.replace(settings, validation=settings.validation or HELD_OUT))


@dataclass(frozen=True)
class ModelBuilder:
    """Builds one network for many seeds, here or in another process.

    Attributes:
        settings: of the network and its training.
        architecture: of a user's own model, as `runs.architecture.describe` gives it; None where the settings say all.
    """

    settings: Settings
    architecture: dict[str, Any] | None = None

    @classmethod
    def of(cls, source: Run | Settings) -> "ModelBuilder":
        """Return the builder of a run's network, or of the network that settings describe."""
        if isinstance(source, Settings):
            return cls(source)
        settings = source.config.settings
        if settings.ladder != "none":
            raise UsageError(
                f"{source.path.name} is a ladder network, which also learns from rows without labels. Other networks "
                "like it cannot be trained on a part of the rows: take a run without ladder."
            )
        return cls(settings, None if settings.hidden is not None else source.architecture)

    def build(self, number: int, data: Data, rows: int) -> tuple[keras.Model, int]:
        """Build the network with fresh weights.

        Args:
            number: of the seed. Each number gives another seed, made of it and the settings' seed.
            data: that the network is for.
            rows: that it will be trained on; a schedule ends with them.

        Returns:
            The compiled model and its seed.
        """
        seed = int(np.random.SeedSequence((self.settings.seed, number)).generate_state(1)[0] >> 1)
        if self.architecture is not None:
            return rebuild(self.architecture, seed), seed
        return build_network(dataclasses.replace(self.settings, seed=seed), data, rows), seed


@deferred_interrupt()
def train_members(members: Sequence[Member], progress: ProgressListener | None) -> None:
    """Train all members to their last epochs as one population. Reports the training steps done, over all members."""
    steps = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
    fit_members(members, progress=None if progress is None else lambda done, _: progress(Progress(done, steps)))
