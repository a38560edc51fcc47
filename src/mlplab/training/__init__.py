"""Training as a run: the only place where data sets, engine and runs meet.

    story.py      train, resume, save_run: load → split → build → fit → save
    splits.py     which rows are trained on, and how inputs are scaled
    network.py    the model: built from settings, or a user's own
    work.py       model and data in place; model ↔ checkpoint
    keeping.py    early stopping, and a checkpoint after each epoch
    folder.py     the run directory's making and its lock; conditions.py: what it began on, and goes on with
    result.py     predictions, scores, seconds

The package is not called `train`, for `mlplab.train` is the function, and a module of that name would take its place.
"""

from mlplab.training.trainer import resume, save_run, train

__all__ = ["resume", "save_run", "train"]
