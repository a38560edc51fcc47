"""All that is on disk: run directories. Opening one imports neither Keras nor JAX; predicting does.

run.py            `Run`: a run directory, opened
settings.py       settings of a network and its training, each declared once
config.py         settings, data set, versions: config.json
checkpoint.py     the newest complete epoch (this is where a checkpoint is written)
architecture.py   a model as JSON without code, and back
files.py          atomic writing
machine.py        versions, threads, memory of this process
"""

from mlplab.runs.config import FORMAT, Config, Preprocessing
from mlplab.runs.run import Predictions, Run, list_runs
from mlplab.runs.settings import Settings

__all__ = ["FORMAT", "Config", "Predictions", "Preprocessing", "Run", "Settings", "list_runs"]
