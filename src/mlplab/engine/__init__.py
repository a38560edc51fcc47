"""Keras's own training step, compiled into whole epochs. Prints what Keras prints, reads files of mapped arrays only.

`fit`, `evaluate`, `predict` and `fit_population` are thin faces of one driver (driver.py): a model alone is a
population of one. A source (source.py) says what an epoch reads, and is where rows are shuffled.

fit.py predict.py population.py    the functions; variations.py: what the members of a population differ in
inputs.py       arguments → sources; checks.py: whether model and data fit each other
source.py       what an epoch reads; ordered_source.py: what evaluate and predict read
placement.py    arrays to the device; ahead.py: the next item computed meanwhile
chunks.py       arrays larger than memory, a part at a time; streams.py: data that comes batch by batch
augmentation.py a transform of Rows: images flipped, moved and deformed, rows mixed
semi_supervised.py    labelled rows, and rows without labels
uint8_images.py images / 255 kept as bytes
member.py       one model in training: epochs, History; callbacks.py: who is called when
driver.py       trains, evaluates, predicts all members; devices.py: a thread for each device; interrupts.py: Ctrl-C
passes.py       one epoch, evaluation or prediction of one model: what goes in, what comes out
loop.py         a step compiled into a loop; step_loop.py: a step alone, for callbacks by batch; forms.py: programs
compile_cache.py    which models share a loop, by their configuration (signature.py)
kept_programs.py    programs on the disk, for later processes
packing.py      weights as few vectors; dense_products.py: the order of their products
traced_hyperparameters.py    numbers that may differ within one program
state.py        a model's variables ↔ arrays
eager.py        Keras's own loop, for models that are not compiled
keras_internals.py    private names of Keras; backend.py: Keras on JAX
separate_members.py   refuses members that share trained layers; population_progress.py: what is printed
"""

from mlplab.engine.backend import keras  # isort: skip - first: it sets JAX up, and Ctrl-C waits while JAX is imported

from mlplab.engine.augmentation import Augmentation
from mlplab.engine.chunks import ChunkedSource, chunk_bytes_for
from mlplab.engine.driver import fit_members
from mlplab.engine.fit import fit
from mlplab.engine.member import Member
from mlplab.engine.population import Population, fit_population
from mlplab.engine.predict import evaluate, predict
from mlplab.engine.semi_supervised import SemiSupervisedSource
from mlplab.engine.source import ArraySource, Rows, Segment, Source

__all__ = [
    "ArraySource",
    "Augmentation",
    "ChunkedSource",
    "Member",
    "Population",
    "Rows",
    "Segment",
    "SemiSupervisedSource",
    "Source",
    "chunk_bytes_for",
    "evaluate",
    "fit",
    "fit_members",
    "fit_population",
    "keras",
    "predict",
]
