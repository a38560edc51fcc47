"""Logs of epochs: loss, metrics, and whatever else callbacks add, as metrics.jsonl holds them. NumPy only."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.errors import plain_number

_log = logging.getLogger("mlplab")


def plain(value: Any) -> Any:
    """Return a logged value as JSON holds it: numbers, lists for arrays, and as text what is neither."""
    value = plain_number(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    array = np.asarray(value)
    return str(value) if array.dtype.kind in "OSUMmc" else array.tolist()


def of_epoch(number: int, logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the object of an epoch, counted from 1, in metrics.jsonl."""
    return {"epoch": number, **plain(logs or {})}


def of_history(history: Any) -> list[dict[str, Any]]:
    """Return an object for each epoch of the `History` that `fit` returned.

    `mlplab.fit` keeps in it what each epoch logged. Keras's has lists alone: one with fewer values than there are
    epochs, as with `validation_freq`, does not say of which epochs it is, and is left out.
    """
    logged = getattr(history, "logs", None)
    if logged is None:
        epochs = len(getattr(history, "epoch", None) or max(history.history.values(), key=len, default=()))
        complete = {name: values for name, values in history.history.items() if len(values) == epochs}
        if missing := history.history.keys() - complete.keys():
            _log.info(f"Left out, as they were not logged in every epoch: {', '.join(sorted(missing))}.")
        logged = [dict(zip(complete, values, strict=True)) for values in zip(*complete.values(), strict=True)]
    return [of_epoch(number, logs) for number, logs in enumerate(logged, 1)]


def by_name(epochs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return logs by name, a value for each epoch: NaN where an epoch has none."""
    names = dict.fromkeys(name for epoch in epochs for name in epoch if name != "epoch")
    return {name: [epoch.get(name, math.nan) for epoch in epochs] for name in names}


def medians(members: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return an object for each epoch: medians of numbers and of arrays, over the members that logged them."""
    found = []
    for number in range(max(map(len, members), default=0)):
        values: dict[str, list[Any]] = {}
        for epochs in members:
            for name, value in epochs[number].items() if len(epochs) > number else ():
                values.setdefault(name, []).append(value)
        values.pop("epoch")
        numbers = {name: np.median(each, axis=0).tolist() for name, each in values.items() if _are_numbers(each)}
        found.append({"epoch": number + 1, **numbers})
    return found


def _are_numbers(values: list[Any]) -> bool:
    if len({np.shape(value) for value in values}) > 1:
        return False
    return np.asarray(values).dtype.kind in "biuf"
