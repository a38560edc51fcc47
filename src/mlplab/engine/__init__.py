"""Keras's own training step, compiled into whole epochs. Touches no disk, prints only what Keras prints.

`fit`, `evaluate`, `predict` and `fit_population` are thin faces of one driver (driver.py): a model alone is a
population of one. A source (source.py) says what an epoch reads, and is where rows are shuffled.
"""

from mlplab.engine.backend import keras
from mlplab.engine.driver import fit_members
from mlplab.engine.fit import fit
from mlplab.engine.member import Member
from mlplab.engine.population import Population, fit_population
from mlplab.engine.predict import evaluate, predict
from mlplab.engine.source import ArraySource, Rows, Segment, Source

__all__ = [
    "ArraySource",
    "Member",
    "Population",
    "Rows",
    "Segment",
    "Source",
    "evaluate",
    "fit",
    "fit_members",
    "fit_population",
    "keras",
    "predict",
]
