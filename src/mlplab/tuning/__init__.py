"""Tuning: a space searched for the network that is best on a validation split.

    space.py      what is searched, from TOML or a dict; parameters.py: ranges, choices, and what each takes
    config.py     the configuration of a study: study.json
    sampling.py   the structures and values that are tried next: Optuna's, a function of the earlier trials and the seed
    planning.py   how many trials come next, so that they and the winner fit the budget
    database.py   the trials: an Optuna study in SQLite
    study.py      the study's directory
    runner.py     rounds of trials: sampled, trained, recorded
    winner.py     the best network trained again with several seeds
    tuner.py      tune, resume
    page/         the study as a page

The package is not called `tune`, since `mlplab.tune` is the function, and a module of that name would replace it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlplab.tuning.space import Space
    from mlplab.tuning.study import Study
    from mlplab.tuning.tuner import resume, tune

__all__ = ["Space", "Study", "resume", "tune"]

_HOMES = {"Space": "space", "Study": "study", "resume": "tuner", "tune": "tuner"}


def __getattr__(name: str) -> Any:
    """Import names when they are used, as `mlplab` does: reading a space needs no Keras."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
