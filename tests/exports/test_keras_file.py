"""A run as Keras's own file: Keras alone opens it and gives the run's probabilities for raw inputs."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from agreement import agree

import mlplab
from mlplab import keras
from mlplab.errors import UsageError
from mlplab.runs.dataset_ref import data_of

ALONE = """
import sys
sys.modules["mlplab"] = None  # an import of it fails
import keras, numpy as np
for path in sys.argv[1:]:
    model = keras.models.load_model(f"{path}.keras")
    np.save(f"{path}-outputs.npy", model.predict(np.load(f"{path}.npy"), verbose=0))
print(keras.backend.backend())
"""


def test_keras_alone_gives_the_same_for_every_kind_of_run(any_run, tmp_path):
    """In a process without mlplab, on Keras's NumPy backend."""
    expected = {}
    for kind in ("digits", "encoded", "ladder", "population", "binary", "logit", "colour", "embeddings"):
        run, data = any_run(kind)
        exported = mlplab.export(run, "keras", tmp_path / f"{kind}.keras", data=data)
        test = data_of(run, data, quiet=True).test
        assert exported.check.rows == len(test)
        np.save(tmp_path / f"{kind}.npy", test.inputs)
        expected[kind] = run.predict(test.inputs)
    done = subprocess.run(
        [sys.executable, "-c", ALONE, *(str(tmp_path / kind) for kind in expected)],
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "numpy\n"
    for kind, probabilities in expected.items():
        assert agree(np.load(tmp_path / f"{kind}-outputs.npy"), probabilities), kind


def test_it_holds_layers_of_keras_alone_and_no_optimizer(any_run, tmp_path):
    exported = mlplab.export(any_run("population")[0], out=tmp_path / "network.keras")
    with zipfile.ZipFile(exported.path) as file:
        config = json.loads(file.read("config.json"))
    modules = {part["module"].split(".")[0] for part in parts_of(config) if part.get("module")}
    assert modules == {"keras"}
    assert not any(part.get("compile_config") for part in parts_of(config))
    model = keras.models.load_model(exported.path, safe_mode=True)
    names = [layer.name for layer in model.layers]
    assert {"network0", "network0_preprocessing", "network1", "network1_preprocessing", "mean"} <= set(names)
    assert exported.notes == ("Classes, in the order of the probabilities: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9.",)


def parts_of(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from parts_of(part)


def test_layers_without_another_form_are_exported_too(tmp_path, digits):
    """A convolution, and statistics that were adapted."""
    layers = keras.layers
    normalise = layers.Normalization(axis=None)
    normalise.adapt(digits.train.inputs.astype(np.float32))
    keras.utils.set_random_seed(0)
    parts = [keras.Input((8, 8)), normalise, layers.Reshape((8, 8, 1)), layers.Conv2D(4, 3, activation="relu")]
    model = keras.Sequential([*parts, layers.Flatten(), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    run = mlplab.save_run(model, "digits", out=tmp_path / "run", scale=1)
    opened = keras.models.load_model(mlplab.export(run, "keras", tmp_path / "network.keras").path)
    assert agree(opened.predict(digits.test.inputs, verbose=0), run.predict(digits.test.inputs))


def test_only_the_ending_that_keras_opens_is_written(digits_run, tmp_path):
    with pytest.raises(UsageError, match=r"end in \.keras; got network\.zip"):
        mlplab.export(digits_run, "keras", tmp_path / "network.zip")
    assert not list(tmp_path.iterdir())
