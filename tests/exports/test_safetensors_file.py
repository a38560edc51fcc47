"""A run as safetensors: the lines of docs/export.md, NumPy and safetensors alone give the run's probabilities."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from agreement import agree
from safetensors import SafetensorError, safe_open
from test_onnx_layers import LAYERS, drawn, graph_of_model

import mlplab
from mlplab import keras
from mlplab.exports import numpy_network
from mlplab.exports.layers import ACTIVATIONS
from mlplab.exports.safetensors_file import described
from mlplab.runs.dataset_ref import data_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_lines_of_the_document_predict(any_run, tmp_path, monkeypatch):
    """They compute networks of dense layers with ReLU, as most runs have, also several of them."""
    (lines,) = re.findall(r"```python\n(import json\n.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert len(lines.splitlines()) < 30
    assert "mlplab" not in lines
    monkeypatch.chdir(tmp_path)
    for kind in ("digits", "population", "ladder"):
        run, data = any_run(kind)
        Path("network.safetensors").unlink(missing_ok=True)
        mlplab.export(run, out="network.safetensors", data=data)
        scope = {"images": data_of(run, data, quiet=True).test.inputs}
        exec(compile(lines, DOCUMENT.name, "exec"), scope)
        assert agree(scope["probabilities"], run.predict(scope["images"]))
        assert scope["network"]["class_names"] == list(run.class_names)


def test_every_kind_of_run_agrees(any_run, kind, tmp_path):
    run, data = any_run(kind)
    exported = mlplab.export(run, "safetensors", tmp_path / "network", data=data)
    inputs = data_of(run, data, quiet=True).test.inputs
    network, weights = numpy_network.load(exported.path)
    assert agree(numpy_network.predict(network, weights, inputs), run.predict(inputs))
    assert network["format"] == 1
    assert network["input"]["shape"] == list(run.config.input_shape)
    assert all(array.dtype == np.float32 for array in weights.values())


def predicted_by_numpy(model, x):
    """The forward pass of `numpy_network` for a model."""
    graph = graph_of_model(model)
    operations, tensors = described(graph.operations)
    return numpy_network.predict({"operations": operations, "output": graph.output}, tensors, x)


@pytest.mark.parametrize("function", sorted(ACTIVATIONS - {"prelu"}))
def test_activation_in_numpy(function, rng):
    model = drawn(keras.Sequential([keras.Input((9,)), keras.layers.Dense(7, function)]), rng)
    x = (3 * rng.normal(size=(40, 9))).astype(np.float32)
    np.testing.assert_allclose(predicted_by_numpy(model, x), np.asarray(model(x)), rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_in_numpy(name, rng):
    layer = type(LAYERS[name]).from_config(LAYERS[name].get_config())
    model = drawn(keras.Sequential([keras.Input((6,)), layer]), rng)
    x = (3 * rng.normal(size=(40, 6))).astype(np.float32)
    np.testing.assert_allclose(predicted_by_numpy(model, x), np.asarray(model(x)), rtol=2e-5, atol=1e-4)


def test_it_is_a_plain_safetensors_file(digits_run, tmp_path):
    path = mlplab.export(digits_run, out=tmp_path / "network.safetensors").path
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    assert length < 10_000
    with safe_open(path, "numpy") as file:
        assert set(file.metadata()) == {"network"}
        shapes = {re.sub(r"_\d+", "", name): file.get_tensor(name).shape for name in sorted(file.keys(), reverse=True)}
        assert len(file.keys()) == 4
    assert shapes.keys() == {"dense/bias", "dense/kernel"}
    assert shapes["dense/kernel"] in [(64, 16), (16, 10)]


@pytest.mark.parametrize("damage", [lambda content: content[:-40], lambda content: b"\xff" * 8 + content[8:]])
def test_a_damaged_file_is_refused_by_the_library(digits_run, damage, tmp_path):
    path = mlplab.export(digits_run, out=tmp_path / "network.safetensors").path
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SafetensorError):
        numpy_network.load(path)
