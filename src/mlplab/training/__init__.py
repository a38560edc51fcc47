"""Training one run, or several seeds of it.

    trainer.py        train, resume, save_run: load → split → build → fit → save
    splits.py         rows for training and validation, and the scaling that is fitted to them
    scaling.py        the scaling for a model of the user's own, which may scale inputs itself
    network.py        the model: built from settings, or the user's
    job.py            the training rows on the device; a model with them, ready to train; model ↔ checkpoint
    session.py        early stopping, and a checkpoint after each epoch
    outcome.py        predictions, scores, seconds
    seeds.py          several seeds as one run

The package is not called `train`: `mlplab.train` is the function, and a module of that name would take its place.
"""

from mlplab.training.trainer import resume, save_run, train

__all__ = ["resume", "save_run", "train"]
