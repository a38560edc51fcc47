"""Settings of a network and its training: what `train` was asked for, defaults filled in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlplab.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """What was asked, defaults filled in.

    Attributes:
        hidden, activation, dropout, batch_norm: the network, as `models.mlp` takes them; `hidden` is None for a
            model of the user's own, which then tells all of the network and its optimizer itself.
        optimizer, learning_rate, schedule: "none", or "cosine": down to 0 over all epochs.
        weight_decay: the part of the weights that a step takes away, times the learning rate (decoupled, as in AdamW);
            None: as the optimizer has it by itself.
        early_stopping: epochs without a better validation accuracy after which training ends; 0: never. The
            weights kept are those of the best epoch.
        validation: fraction of the training rows held out, stratified by class; 0: none.
        labelled: train on this many rows, as many of each class; None: on all.
        standardize: inputs to mean 0 and standard deviation 1 instead of the data set's usual range.
        seed: of initial weights, split, shuffling and dropout.
    """

    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    dropout: float = 0.0
    batch_norm: bool = False
    optimizer: str = "adam"
    learning_rate: float = 0.001
    schedule: str = "none"
    weight_decay: float | None = None
    epochs: int = 10
    batch_size: int = 32
    early_stopping: int = 0
    validation: float = 0.1
    labelled: int | None = None
    standardize: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.hidden is not None:
            object.__setattr__(self, "hidden", tuple(self.hidden))
        require(all(units >= 1 for units in self.hidden or ()), "hidden", self.hidden, "units of at least 1 a layer")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a fraction from 0 to below 1")
        require(0 <= self.validation < 1, "validation", self.validation, "a fraction from 0 to below 1")
        require(self.learning_rate > 0, "learning-rate", self.learning_rate, "a number above 0")
        decay = self.weight_decay
        require(decay is None or 0 <= decay < 1, "weight-decay", decay, "a fraction from 0 to below 1")
        require(self.schedule in ("none", "cosine"), "schedule", self.schedule, "none or cosine")
        require(self.epochs >= 1, "epochs", self.epochs, "a whole number of at least 1")
        require(self.batch_size >= 1, "batch-size", self.batch_size, "a whole number of at least 1")
        require(self.early_stopping >= 0, "early-stopping", self.early_stopping, "a number of epochs, or 0 for never")
        require(self.seed >= 0, "seed", self.seed, "a whole number of at least 0")
        require(self.labelled is None or self.labelled >= 1, "labelled", self.labelled, "a number of rows")
        if self.early_stopping and not self.validation:
            raise UsageError(
                f"Early stopping after {self.early_stopping} epochs needs a validation split to look at, and "
                "validation is 0. Give --validation 0.1, or leave early stopping out."
            )

    @classmethod
    def filled(cls, hidden: Sequence[int] | None = None, own_model: bool = False, **asked: Any) -> "Settings":
        """What was asked, on top of defaults.

        With `hidden` (or a model of one's own) that is just what is asked for: no dropout, schedule or early
        stopping unless given. With neither, a sensible network: two hidden layers, dropout, a cosine schedule,
        early stopping.

        Raises:
            UsageError: for values out of range, and for what contradicts a model of one's own.
        """
        asked = {name: value for name, value in asked.items() if value is not None}
        if own_model:
            told = sorted(_OF_NETWORK & asked.keys()) + (["hidden"] if hidden is not None else [])
            if told:
                raise UsageError(
                    f"A model of your own is compiled already: give model, or {' and '.join(told)}, not both."
                )
            return cls(hidden=None, **asked)
        if hidden is not None:
            return cls(hidden=tuple(hidden), **asked)
        stopping = 10 if asked.get("validation") != 0 else 0
        sensible = {"hidden": (256, 128), "dropout": 0.2, "schedule": "cosine", "epochs": 30, "batch_size": 128}
        return cls(**{**sensible, "early_stopping": stopping, **asked})


_OF_NETWORK = {"activation", "dropout", "batch_norm", "optimizer", "learning_rate", "schedule", "weight_decay"}


def require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name} must be {expected}; got {value!r}.")
