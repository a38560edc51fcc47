"""A run as one ONNX graph: raw inputs in, probabilities out, for a batch of any size."""

from pathlib import Path
from typing import Any

import numpy as np

from mlplab.errors import ModelError
from mlplab.exports.checking import Checked, compare, predict_in_batches
from mlplab.exports.folding import folded
from mlplab.exports.formats import Written
from mlplab.exports.identity import Identity
from mlplab.exports.onnx_nodes import nodes_of
from mlplab.exports.operations import Graph
from mlplab.exports.packages import import_onnx, import_onnxruntime
from mlplab.exports.reading import graph_of
from mlplab.runs import Run

onnx, onnxruntime = import_onnx(), import_onnxruntime()

OPERATORS, FORMAT = 17, 8
"""Versions of ONNX's operator set and file format, of 2022: runtimes of all years since then read them."""
INPUT, OUTPUT = "input", "probabilities"
_MOST_BYTES = 2**31 - 2**20
"""What fits into one file of protocol buffers, with room for what is no weight."""


def write(run: Run, path: Path, rows: Checked) -> Written:
    """Write a run as ONNX, after ONNX's own check and a comparison with the run on some rows.

    Raises:
        ModelError: for a layer without a form in ONNX, a network above 2 GB, and a difference from the run.
    """
    content = model_of(run).SerializeToString()
    check = compare(rows, predict(content, rows.inputs))
    path.write_bytes(content)
    return Written(check)


def model_of(run: Run) -> Any:
    """Return a run as an `onnx.ModelProto`, checked by ONNX."""
    graph, identity = folded(graph_of(run)), Identity.of(run)
    if 4 * graph.parameters > _MOST_BYTES:
        raise ModelError(
            f"{run.path.name} has {graph.parameters:,} weights, more than the 2 GB that an ONNX file can hold. Export "
            "as keras or safetensors."
        )
    model = onnx.helper.make_model(
        _onnx_graph(graph, identity),
        producer_name="mlplab",
        producer_version=identity.texts()["mlplab_version"],
        ir_version=FORMAT,
        opset_imports=[onnx.helper.make_opsetid("", OPERATORS)],
        doc_string=_description(identity),
    )
    onnx.helper.set_model_props(model, identity.texts())
    onnx.checker.check_model(model, full_check=True)
    return model


def _onnx_graph(graph: Graph, identity: Identity) -> Any:
    """Return the graph; 8-bit inputs are cast to float32 in it."""
    is_uint8 = identity.input["dtype"] == "uint8"
    nodes = nodes_of(graph, f"{INPUT}/float32" if is_uint8 else INPUT, OUTPUT)
    helper, kinds = onnx.helper, onnx.TensorProto
    if is_uint8:
        nodes.listed.insert(0, helper.make_node("Cast", [INPUT], [f"{INPUT}/float32"], name="cast", to=kinds.FLOAT))
    takes = helper.make_tensor_value_info(
        INPUT, kinds.UINT8 if is_uint8 else kinds.FLOAT, ["batch", *graph.input_shape]
    )
    gives = helper.make_tensor_value_info(OUTPUT, kinds.FLOAT, ["batch", graph.classes])
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in nodes.constants.items()]
    return helper.make_graph(nodes.listed, "network", [takes], [gives], constants)


def _description(identity: Identity) -> str:
    known = identity.input
    values = "" if known["low"] is None else f", from {known['low']:g} to {known['high']:g}"
    return (
        f"{INPUT}: {known['dtype']}, batch × {' × '.join(map(str, known['shape']))}{values}, not scaled. "
        f"{OUTPUT}: float32, batch × {len(identity.class_names)}, in the order of class_names."
    )


def predict(content: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return what an ONNX file gives for raw inputs (n, …): float32 (n, classes), computed on the CPU."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    dtype = np.uint8 if session.get_inputs()[0].type == "tensor(uint8)" else np.float32

    def outputs(batch: np.ndarray) -> np.ndarray:
        return session.run([OUTPUT], {INPUT: batch.astype(dtype, copy=False)})[0]

    return predict_in_batches(outputs, inputs)
