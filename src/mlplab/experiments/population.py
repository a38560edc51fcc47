"""What the experiments share: rows held out, networks rebuilt for many seeds, populations trained with progress."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import Member, fit_members, keras
from mlplab.engine.backend import isolated_random_state
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import UsageError
from mlplab.progress import Progress, ProgressListener
from mlplab.runs import Run, Settings
from mlplab.runs.architecture import FrozenWeights, frozen_weights
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
        frozen: the weights of its layers that are not trained, see `runs.architecture.frozen_weights`.
    """

    settings: Settings
    architecture: dict[str, Any] | None = None
    frozen: FrozenWeights = field(default_factory=dict)

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
        if settings.hidden is not None:
            return cls(settings)
        with isolated_random_state():
            return cls(settings, source.architecture, frozen_weights(source.model))

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
            return rebuild(self.architecture, seed, self.frozen), seed
        return build_network(dataclasses.replace(self.settings, seed=seed), data, rows), seed


@deferred_interrupt()
def train_members(members: Sequence[Member], progress: ProgressListener | None) -> None:
    """Train all members to their last epochs as one population. Reports the training steps done, over all members."""
    steps = sum(member.source.steps * (member.epochs - member.epoch) for member in members)
    fit_members(members, progress=None if progress is None else lambda done, _: progress(Progress(done, steps)))
