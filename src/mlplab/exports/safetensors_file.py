"""A run as one safetensors file: weights, and in the header JSON that says what to compute with them."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files
from mlplab.exports import numpy_network
from mlplab.exports.checking import Checked, compare, predict_in_batches
from mlplab.exports.folding import folded
from mlplab.exports.formats import Written
from mlplab.exports.identity import Identity
from mlplab.exports.operations import Operation
from mlplab.exports.reading import graph_of
from mlplab.runs import Run

FORMAT = 1
KEY = "network"
"""The entry of the header with the JSON."""


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write a run as safetensors, read it again and compare it with the run on some rows.

    Raises:
        ModelError: for a layer without a form as an operation, and a difference from the run.
    """
    graph = folded(graph_of(run))
    operations, tensors = described(graph.operations)
    about = {"format": FORMAT, **Identity.of(run).to_json(), "operations": operations, "output": graph.output}
    path.write_bytes(files.tensor_bytes(tensors, (KEY, json.dumps(about, ensure_ascii=False))))
    network, tensors = numpy_network.load(path)
    predict = functools.partial(numpy_network.predict, network, tensors)
    check = compare(rows, predict_in_batches(predict, rows.inputs))
    return Written(check)


def described(operations: Sequence[Operation]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return operations as JSON has them, with names in place of their weights, and the weights by name."""
    listed: list[dict[str, Any]] = []
    tensors: dict[str, np.ndarray] = {}
    for operation in operations:
        # A dense layer's values before its activation have "/1" in their name, which its weights do without.
        value = operation.output.removesuffix("/1") if operation.kind == "dense" else operation.output
        names = {name: f"{value}/{name}" for name in operation.weights}
        tensors |= {names[name]: array for name, array in operation.weights.items()}
        parts = {"kind": operation.kind, "inputs": operation.inputs, "output": operation.output, "weights": names}
        listed.append({**parts, "options": operation.options, "layer": operation.layer})
    return listed, tensors
