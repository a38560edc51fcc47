"""A small study of digits, and all that it may not lose or change however often it is stopped."""

import contextlib
from collections.abc import Iterator
from typing import Any

import optuna

from mlplab.tuning import Study

SPACE: dict[str, Any] = {
    "hidden": [16],
    "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "batch_size": 433,  # a third of the rows trained on: no smaller batch at the end, one compilation less
    "epochs": 9,
}
OPTIONS: dict[str, Any] = {"trials": 10, "population": 4, "seed": 3, "seeds": 1}


def trials_with_curves(study: Study) -> list[dict[str, Any]]:
    """All trials with their states, values and curves."""
    pairs = zip(study.trials, study.optuna.trials, strict=True)
    return [{**trial, "curve": recorded.intermediate_values} for trial, recorded in pairs]


@contextlib.contextmanager
def storage(study: Study) -> Iterator[optuna.storages.RDBStorage]:
    """Open the database as other programs do, and close it: an open connection warns in a later test."""
    opened = optuna.storages.RDBStorage(f"sqlite:///{study.path / 'study.db'}")
    try:
        yield opened
    finally:
        opened.remove_session()
        opened.engine.dispose()
