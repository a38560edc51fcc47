"""Write Fashion-MNIST as the NPZ file that the peers read, and print the folder of mlplab's copy.

Runs in mlplab's environment; not timed.
"""

import os
import sys
from pathlib import Path

import numpy as np

from mlplab.datasets import load_data
from mlplab.datasets.cache import cache_folder

path = Path(sys.argv[1])
(x_train, y_train), (x_test, y_test) = load_data("fashion-mnist")  # fetched here, so that no run is charged for it
if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    os.replace(part, path)
print(cache_folder())
