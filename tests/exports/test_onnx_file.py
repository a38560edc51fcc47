"""A run as ONNX: the same probabilities in onnxruntime, from raw inputs, in any batch; and what the file says of it."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from agreement import agree

import mlplab
from mlplab.runs.dataset_ref import data_of


def session_of(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_every_kind_of_run_agrees_on_all_test_rows(any_run, kind, tmp_path):
    run, data = any_run(kind)
    exported = mlplab.export(run, "onnx", tmp_path / "network.onnx", data=data)
    test = data_of(run, data, quiet=True).test
    session = session_of(exported.path)
    (given,) = session.get_inputs()
    assert (given.name, given.shape) == ("input", ["batch", *run.config.input_shape])
    assert given.type == ("tensor(uint8)" if test.inputs.dtype == np.uint8 else "tensor(float)")
    found = session.run(["probabilities"], {"input": test.inputs})[0]
    assert found.dtype == np.float32
    assert agree(found, run.predict(test.inputs))
    one = session.run(None, {"input": test.inputs[:1]})[0]
    np.testing.assert_allclose(one, found[:1], atol=1e-6)
    assert exported.check.real
    assert exported.check.rows == len(test)
    assert exported.check.other_classes == 0
    assert exported.check.accuracy == (found.argmax(1) == test.labels).mean()
    assert exported.bytes == exported.path.stat().st_size
    assert list(tmp_path.iterdir()) == [exported.path]


def test_the_file_says_what_it_is(digits_run, tmp_path):
    model = onnx.load(mlplab.export(digits_run, out=tmp_path / "network.onnx").path)
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [(o.domain, o.version) for o in model.opset_import]) == (8, [("", 17)])
    assert (model.producer_name, model.producer_version) == ("mlplab", mlplab.__version__)
    about = {entry.key: entry.value for entry in model.metadata_props}
    weights = (digits_run.path / "model.safetensors").read_bytes()
    assert about["sha256"] == hashlib.sha256(weights).hexdigest()
    assert about["run"] == digits_run.path.name
    assert json.loads(about["class_names"]) == list(digits_run.class_names)
    assert json.loads(about["labels"]) == list(range(10))
    assert json.loads(about["input"]) == {"shape": [8, 8], "dtype": "uint8", "low": 0, "high": 16}
    copy = mlplab.Run(shutil.copytree(digits_run.path, tmp_path / "run"))
    assert json.loads(about["temperature"]) == pytest.approx(mlplab.calibrate(copy)["temperature"])
    images = json.loads(about["images"])
    assert images["white"] == 16
    assert images["reading"] == {}


def test_the_framing_of_images_is_said(fashion_run, any_run, tmp_path):
    about = session_of(mlplab.export(fashion_run, out=tmp_path / "f.onnx").path).get_modelmeta().custom_metadata_map
    assert json.loads(about["images"])["framing"]["background"] == "dark"
    run, data = any_run("embeddings")
    about = session_of(mlplab.export(run, out=tmp_path / "e.onnx", data=data).path).get_modelmeta().custom_metadata_map
    assert "images" not in about
    assert json.loads(about["input"])["dtype"] == "float32"


def test_an_ensemble_is_the_mean_of_its_members_in_one_graph(any_run, digits, tmp_path):
    run, _ = any_run("population")
    path = mlplab.export(run, out=tmp_path / "ensemble.onnx").path
    found = session_of(path).run(None, {"input": digits.test.inputs})[0]
    members = [member.predict(digits.test.inputs) for member in run.members]
    np.testing.assert_allclose(found, np.mean(members, axis=0), atol=1e-6)
    assert len(members) == 2
    about = session_of(path).get_modelmeta().custom_metadata_map
    sums = [hashlib.sha256((member.path / "model.safetensors").read_bytes()).hexdigest() for member in run.members]
    lines = "".join(f"{sha256}  {member.path.name}\n" for sha256, member in zip(sums, run.members, strict=True))
    assert about["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert "temperature" not in about


def test_the_same_run_gives_the_same_bytes(digits_run, tmp_path):
    first, second = (mlplab.export(digits_run, out=tmp_path / f"{name}.onnx").path for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_pixels_are_not_divided_one_by_one(digits_run, tmp_path):
    """The scale of 8-bit inputs is in the weights of the first layer: after the cast only products of matrices."""
    model = onnx.load(mlplab.export(digits_run, out=tmp_path / "network.onnx").path)
    assert [node.op_type for node in model.graph.node] == ["Cast", "Reshape", "Gemm", "Relu", "Gemm", "Softmax"]
