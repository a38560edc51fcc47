"""A small space on digits, and what a study may not lose or change however often it is stopped."""

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
ASKED: dict[str, Any] = {"trials": 10, "population": 4, "seed": 3, "seeds": 1}


def outcomes(study: Study) -> list[dict[str, Any]]:
    """All trials with their states, values and curves."""
    return [
        {**trial, "curve": kept.intermediate_values}
        for trial, kept in zip(study.trials, study.optuna.trials, strict=True)
    ]


@contextlib.contextmanager
def storage(study: Study) -> Iterator[optuna.storages.RDBStorage]:
    """The database as others open it, closed in the end: a connection left over warns in whichever test runs then."""
    opened = optuna.storages.RDBStorage(f"sqlite:///{study.path / 'study.db'}")
    try:
        yield opened
    finally:
        opened.remove_session()
        opened.engine.dispose()
