"""Keras's own training step, compiled into whole epochs. No disk, no printing but Keras's own.

fit.py        one model, trained
population.py many variations of one model, trained at once; standing.py: the best, the median and the worst
member.py     a model in training as the host sees it: its epochs, callbacks, History
lanes.py      members spread over all devices
varied.py     numbers that members may differ in, though they share one program
predict.py    evaluate and predict
source.py     what an epoch reads: arrays on the device and an order (this is where a batch is shuffled)
program.py    a model's compiled loops, shared by models of one architecture
loop.py       a step → many steps in one call, interruptible
packing.py    trainable and optimizer variables as one vector, where that changes nothing but the speed
state.py      Keras variables ↔ arrays, the only crossing
checks.py     a model and data that do not belong together are refused here
backend.py    Keras on JAX, or one clear error
"""

from mlplab.engine.backend import keras
from mlplab.engine.fit import fit
from mlplab.engine.member import Member
from mlplab.engine.parallel import fit_members
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
