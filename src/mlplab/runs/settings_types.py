"""Settings as keyword arguments. Written by `make settings` from settings.py; do not edit."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class SettingsArguments(TypedDict, total=False):
    """None: the default."""

    hidden: int | Sequence[int] | None
    ladder: str | None
    activation: str | None
    dropout: float | None
    pixel_encoding: int | None
    input_dropout: float | None
    noise: float | None
    hidden_noise: float | None
    batch_norm: bool | None
    optimizer: str | None
    learning_rate: float | None
    schedule: str | None
    warmup: float | None
    weight_decay: float | None
    decay_kernels_only: bool | None
    ema: float | None
    swa: float | None
    label_smoothing: float | None
    epochs: int | None
    batch_size: int | None
    early_stopping: int | None
    validation: float | None
    labelled: int | None
    class_weight: Mapping[Any, float] | str | None
    augment: str | None
    mixup: float | None
    standardize: bool | None
    seed: int | None
