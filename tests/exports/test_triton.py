"""A run as a model repository for Triton: three files, whose configuration is what Triton's schema says."""

import numpy as np
import onnxruntime
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

import mlplab
from mlplab import Run

FIELDS = {
    "ModelInput": [(1, "name", 9), (2, "data_type", "DataType"), (4, "dims", [3])],
    "ModelOutput": [(1, "name", 9), (2, "data_type", "DataType"), (3, "dims", [3]), (4, "label_filename", 9)],
    "ModelDynamicBatching": [],
    "ModelConfig": [
        (1, "name", 9),
        (4, "max_batch_size", 5),
        (5, "input", ["ModelInput"]),
        (6, "output", ["ModelOutput"]),
        (11, "dynamic_batching", "ModelDynamicBatching"),
        (17, "backend", 9),
    ],
}
"""Those fields of Triton's `inference.ModelConfig` that are written here: number, name, type."""


def model_config(text):
    """Parse a configuration by Triton's schema. Raises for a field that it has not."""
    file = descriptor_pb2.FileDescriptorProto(name="model_config.proto", package="inference", syntax="proto3")
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(
        ["INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32"]
    ):
        kinds.value.add(name=f"TYPE_{name}", number=number)
    for message, fields in FIELDS.items():
        made = file.message_type.add(name=message)
        for number, name, kind in fields:
            kind, repeated = (kind[0], 3) if isinstance(kind, list) else (kind, 1)
            field = made.field.add(name=name, number=number, label=repeated)
            if isinstance(kind, int):
                field.type = kind
            else:
                field.type, field.type_name = (14 if kind == "DataType" else 11), f".inference.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    schema = pool.FindMessageTypeByName("inference.ModelConfig")
    return text_format.Parse(text, message_factory.GetMessageClass(schema)())


@pytest.mark.parametrize("kind", ["fashion", "embeddings"])
def test_repository(kind, any_run, tmp_path):
    run, data = any_run(kind)
    exported = mlplab.export(run, "triton", tmp_path / "models", data=data)
    name = run.path.name
    files = sorted(path.relative_to(exported.path).as_posix() for path in exported.path.rglob("*") if path.is_file())
    assert files == [f"{name}/1/model.onnx", f"{name}/config.pbtxt", f"{name}/labels.txt"]
    assert exported.bytes == sum((exported.path / file).stat().st_size for file in files)
    config = model_config((exported.path / name / "config.pbtxt").read_text("utf-8"))
    assert (config.name, config.backend, config.max_batch_size) == (name, "onnxruntime", 1024)
    (given,), (result,) = config.input, config.output
    session = onnxruntime.InferenceSession(
        exported.path / name / "1" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    taken, made = session.get_inputs()[0], session.get_outputs()[0]
    types = {"tensor(uint8)": 2, "tensor(float)": 11}
    assert (given.name, given.data_type, list(given.dims)) == (taken.name, types[taken.type], taken.shape[1:])
    assert (result.name, result.data_type, list(result.dims)) == (made.name, types[made.type], made.shape[1:])
    labels = exported.path / name / result.label_filename
    assert labels.read_text("utf-8").splitlines() == list(run.class_names)
    assert exported.check.rows == len(np.asarray(run.predictions("test").label))


def test_names_that_triton_would_not_take(digits_run, tmp_path):
    """A directory with spaces and letters of any script, and class names of several lines."""
    import shutil

    odd = shutil.copytree(digits_run.path, tmp_path / "my run: ü")
    exported = mlplab.export(Run(odd), "triton", tmp_path / "models")
    assert [path.name for path in exported.path.iterdir()] == ["my_run___"]
    assert model_config((exported.path / "my_run___" / "config.pbtxt").read_text()).name == "my_run___"
