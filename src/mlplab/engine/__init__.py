"""Keras's own training step, compiled into whole epochs. Touches no disk, prints only what Keras prints.

fit.py          one model, trained
predict.py      evaluate and predict
population.py   many variations of one model, trained at once; population_progress.py prints how it goes
driver.py       the one way in which all of these run: passes over sources, on all devices (devices.py)
member.py       a model in training as the host sees it: its epochs, callbacks, History
source.py       what an epoch reads: arrays on the device and an order (this is where batches are shuffled)
inputs.py       arrays → sources; uint8_images.py: images / 255 as bytes
compile_cache.py  a model's compiled loops, shared by models with one signature.py
loop.py         a step → many steps in one call, interruptible
packing.py      trainable and optimizer variables as one vector
traced_hyperparameters.py  numbers in which members that share a program may differ
state.py        Keras variables ↔ arrays
callbacks.py    Keras callbacks in epoch mode
checks.py       refuses a model and data that do not fit each other
keras_internals.py  the private names of Keras
backend.py      Keras on JAX, or one clear error
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
