"""Read loss, optimizer and number of steps of a compiled model."""

import math
import re
from typing import Any

import numpy as np


def loss_of(model: Any) -> str:
    """Return the loss's name in snake case, such as "categorical_crossentropy"; "" without a loss."""
    from mlplab.engine import keras

    loss = only_loss(model.loss)
    if loss is None:
        return ""
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            return str(loss)
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def optimizer_of(model: Any) -> str:
    """Return the optimizer's name in lower case, such as "adam"; "" without an optimizer."""
    if model.optimizer is None:
        return ""
    inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return type(inner).__name__.lower()


def learning_rate_of(model: Any) -> float:
    """Return the current learning rate, also of a schedule; NaN without an optimizer."""
    return math.nan if model.optimizer is None else float(np.asarray(model.optimizer.learning_rate))


def steps(model: Any) -> int:
    """Return the number of steps that the optimizer has taken."""
    optimizer = getattr(model, "optimizer", None)
    return 0 if optimizer is None else int(np.asarray(optimizer.iterations))


def steps_per_epoch(model: Any) -> int | None:
    """Return the number of steps in an epoch of the model's last `fit`; None if the model has no History."""
    last = getattr(model, "history", None)
    return (last.params or {}).get("steps") if last is not None else None


def only_loss(loss: Any) -> Any:
    """Return the only loss in a list or dict of one; other losses unchanged."""
    parts = list(loss.values()) if isinstance(loss, dict) else loss
    return parts[0] if isinstance(parts, list | tuple) and len(parts) == 1 else loss
