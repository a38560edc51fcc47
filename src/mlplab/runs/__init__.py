"""Run directories: only this package writes and reads them. Opening one imports neither Keras nor JAX.

run.py            `Run`: a run directory, opened
directory.py      `RunDirectory`: names, reading and writing of its files
settings.py       settings of a network and its training, each declared once; setting.py: what a declaration says
augment.py        the random changes of images that the setting `augment` names
settings_arguments.py  settings as arguments of functions and of the command line; settings_types.py: their types
config.py         settings, data set, versions: config.json
result.py         scores, seconds, memory: result.json
logs.py           loss and metrics of epochs: metrics.jsonl
checkpoint.py     the newest complete epoch
checksums.py      SHA256SUMS: whether files are as they were written
probabilities.py  what a model's outputs mean
architecture.py   a model as JSON without code, and back
dataset_ref.py    the data set of a run, verified
preparation.py    how new pictures become inputs of a run
travel.py         a run directory as bytes, to a cluster and back
machine.py        versions, threads, memory of this process, and whether they are those of a run
"""

from mlplab.runs.config import FORMAT, Config, Preprocessing
from mlplab.runs.directory import Predictions, is_run
from mlplab.runs.run import Run, list_runs
from mlplab.runs.settings import Settings

__all__ = ["FORMAT", "Config", "Predictions", "Preprocessing", "Run", "Settings", "is_run", "list_runs"]
