"""Keras's own training step, compiled into whole epochs. No disk, no printing but Keras's own.

fit.py        the host loop: epochs, validation, callbacks, History
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
from mlplab.engine.predict import evaluate, predict
from mlplab.engine.source import ArraySource, Rows, Segment, Source

__all__ = ["ArraySource", "Rows", "Segment", "Source", "evaluate", "fit", "keras", "predict"]
