"""Training one run, or several seeds of it.

    trainer.py        train: load → split → build → fit → save; resume
    data_log.py       what it says of its data: sizes, findings
    saving.py         save_run: a model that is trained already
    splits.py         rows for training and validation, and the scaling that is fitted to them
    class_weights.py  how much the rows of each class count in the loss
    scaling.py        the scaling for a model of the user's own, which may scale inputs itself
    network.py        the model: built from settings, or the user's
    ladders.py        a ladder network: built from settings, its averages, and the classifier that the run keeps
    weight_averaging.py  the mean of the weights after the last epochs, and batch normalisation's statistics for it
    device_data.py    the training rows on the device, as a whole or in chunks
    job.py            a model with its data, ready to train; model ↔ checkpoint
    session.py        early stopping, and a checkpoint after each epoch
    outcome.py        predictions, scores, seconds
    seeds.py          several seeds as one run
    trainable.py      what a sweep or a study is refused for before anything is made

The package is not called `train`: `mlplab.train` is the function, and a module of that name would take its place.
"""

from mlplab.training.saving import save_run
from mlplab.training.trainer import resume, train

__all__ = ["resume", "save_run", "train"]
