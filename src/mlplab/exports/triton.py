"""A run as a model repository for NVIDIA's Triton Inference Server: its ONNX file, a configuration, and class names."""

import json
import re
from pathlib import Path
from typing import Any

from mlplab.exports.checking import Checked
from mlplab.exports.formats import Written
from mlplab.exports.onnx_file import INPUT, OUTPUT
from mlplab.exports.onnx_file import write as write_onnx
from mlplab.runs import Run

LABELS = "labels.txt"
_LARGEST_BATCH = 1024
"""Rows that Triton joins into one call, at most."""
_KINDS = {"uint8": "TYPE_UINT8", "float32": "TYPE_FP32"}


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write a folder that Triton takes as its `--model-repository`, with one model, named after the run.

    Raises:
        ModelError: as for ONNX.
    """
    name = model_name(run)
    (path / name / "1").mkdir(parents=True)
    written = write_onnx(run, path / name / "1" / "model.onnx", rows)
    (path / name / LABELS).write_text("".join(f"{_line(each)}\n" for each in run.class_names), "utf-8")
    (path / name / "config.pbtxt").write_text(_configuration(run, name), "utf-8")
    return Written(written.check, [f"Triton knows it as the model {name}: tritonserver --model-repository {path.name}"])


def model_name(run: Run) -> str:
    """Return the name of a run's directory, in letters, digits, "_", "-" and "."."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", run.path.name).lstrip(".") or "network"


def _line(name: str) -> str:
    return " ".join(name.split()) or "-"


def _configuration(run: Run, name: str) -> str:
    """Return config.pbtxt, see Triton's "Model Configuration": shapes are those of one row."""
    known = run.config.input_range or {}
    kind = _KINDS["uint8" if known.get("dtype") == "uint8" else "float32"]

    def tensor(name: str, kind: str, shape: Any, **more: str) -> str:
        dims = ", ".join(map(str, shape))
        fields = [f"name: {json.dumps(name)}", f"data_type: {kind}", f"dims: [ {dims} ]"]
        return "\n    ".join([*fields, *(f"{key}: {json.dumps(value)}" for key, value in more.items())])

    given = tensor(INPUT, kind, run.config.input_shape)
    result = tensor(OUTPUT, _KINDS["float32"], [len(run.class_names)], label_filename=LABELS)
    return f"""name: {json.dumps(name)}
backend: "onnxruntime"
max_batch_size: {_LARGEST_BATCH}
input [
  {{
    {given}
  }}
]
output [
  {{
    {result}
  }}
]
dynamic_batching {{ }}
"""
