"""Modules that Keras imports and nothing uses come late, and are the same modules when they are used."""

import importlib.util
import subprocess
import sys

import pytest

from mlplab.late_imports import LATE

HEAVY = ("IPython", "h5py", "matplotlib", "pandas", "requests", "scipy", "sklearn")

USED = """
import sys
import mlplab
from mlplab import keras
heavy = [name for name in %r if name in sys.modules and len(vars(sys.modules[name])) > 20]
assert not heavy, heavy

import numpy as np, pandas
from sklearn.base import BaseEstimator
assert issubclass(keras.wrappers.SKLearnClassifier, BaseEstimator)
import keras._tf_keras.keras as as_in_tensorflow
assert as_in_tensorflow.Model is keras.Model
assert callable(keras.applications.VGG16)
assert callable(keras.visualization.plot_image_gallery)
from jax.experimental.sparse import linalg
assert callable(linalg.spsolve)
from jax.experimental import pallas
assert callable(pallas.pallas_call)
import requests, IPython, psutil
assert psutil.__version__ and requests.__version__
assert callable(requests.get)
assert callable(IPython.get_ipython)
assert type(requests) is type(sys)
try:
    requests.no_such_name
except AttributeError as error:
    assert "no_such_name" in str(error)

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(pandas.DataFrame(np.ones((4, 3))), pandas.Series(np.ones(4)), verbose=0)
model.save("model.h5")
keras.saving.load_model("model.h5", compile=False)
"""


def test_they_are_not_imported_with_keras_and_work_when_used(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", USED % (HEAVY,)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, "Error" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("name", sorted(LATE))
def test_each_is_a_module_of_this_version(name):
    assert importlib.util.find_spec(name) is not None
