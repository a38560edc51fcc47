"""What a run was asked to do, and of what: config.json."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.errors import RunError, UsageError

FORMAT = 1
"""The run format that this version writes and reads."""


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
        _require(all(units >= 1 for units in self.hidden or ()), "hidden", self.hidden, "units of at least 1 a layer")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "a fraction from 0 to below 1")
        _require(0 <= self.validation < 1, "validation", self.validation, "a fraction from 0 to below 1")
        _require(self.learning_rate > 0, "learning-rate", self.learning_rate, "a number above 0")
        decay = self.weight_decay
        _require(decay is None or 0 <= decay < 1, "weight-decay", decay, "a fraction from 0 to below 1")
        _require(self.schedule in ("none", "cosine"), "schedule", self.schedule, "none or cosine")
        _require(self.epochs >= 1, "epochs", self.epochs, "a whole number of at least 1")
        _require(self.batch_size >= 1, "batch-size", self.batch_size, "a whole number of at least 1")
        _require(self.early_stopping >= 0, "early-stopping", self.early_stopping, "a number of epochs, or 0 for never")
        _require(self.seed >= 0, "seed", self.seed, "a whole number of at least 0")
        _require(self.labelled is None or self.labelled >= 1, "labelled", self.labelled, "a number of rows")
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


def _require(holds: bool, name: str, value: object, expected: str) -> None:
    if not holds:
        raise UsageError(f"{name} must be {expected}; got {value!r}.")


@dataclass(frozen=True)
class Preprocessing:
    """`(x - offset) / scale` in float32, on the raw inputs as they come.

    Attributes:
        scale, offset: one number, or one for each feature.
    """

    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0

    def __call__(self, x: Any) -> Any:
        """Works on NumPy and JAX arrays, (n, …) of any dtype → float32."""
        x = x.astype("float32")
        if self.offset != 0.0:
            x = x - np.asarray(self.offset, np.float32)
        return x / np.asarray(self.scale, np.float32)


@dataclass(frozen=True)
class Config:
    """config.json: enough to begin the run again, and to know when that would not be the same.

    Attributes:
        data: `name`, `source` (what `load` takes; None for arrays), `hashes` of train and test.
        input_shape: of one row.
        class_names: in the order of the labels.
        versions, device, threads: what the run began on.
        command: the command line, or None for a run begun in Python.
        corrected_labels: how many training labels differ from the data set's: those in corrected-labels.csv. `hashes`
            are those of the data set.
        seeds: of a population, how many members it has: the first has the seed of the settings, each other the next
            one. 1: a run of one network.
        format: see `FORMAT`.
    """

    settings: Settings
    data: dict[str, Any]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    versions: dict[str, str]
    device: str
    threads: int
    command: list[str] | None = None
    corrected_labels: int = 0
    seeds: int = 1
    format: int = FORMAT

    def __post_init__(self) -> None:
        _require(isinstance(self.seeds, int) and self.seeds >= 1, "seeds", self.seeds, "a whole number of at least 1")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Any, where: str = "config.json") -> "Config":
        """The inverse of `to_json`. Raises `RunError` for another format, or for what is no config."""
        written = value.get("format") if isinstance(value, dict) else None
        if not isinstance(written, int):
            raise RunError(f"{where} does not say which run format it has: it is no run's, or damaged.")
        if written != FORMAT:
            raise RunError(
                f"{where} has run format {written}, and this mlplab reads format {FORMAT}. "
                f"{'Update mlplab' if written > FORMAT else 'Train the run again'}."
            )
        try:
            return cls(
                **{
                    **value,
                    "settings": Settings(**value["settings"]),
                    "input_shape": tuple(value["input_shape"]),
                    "class_names": tuple(value["class_names"]),
                    "preprocessing": Preprocessing(**{k: _number(v) for k, v in value["preprocessing"].items()}),
                }
            )
        except (TypeError, KeyError, AttributeError, UsageError) as error:
            raise RunError(f"{where} is damaged: {error}. Restore it from a copy, or train the run again.") from error


def _number(value: float | list[float]) -> float | tuple[float, ...]:
    return tuple(value) if isinstance(value, list) else value
