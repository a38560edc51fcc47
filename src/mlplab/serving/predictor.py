"""An ONNX file as a function from raw rows to the probabilities of the classes. Knows nothing of HTTP, Keras or JAX."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlplab.errors import ModelError, brief
from mlplab.exports.packages import import_onnxruntime

_DATATYPES = {"tensor(uint8)": ("UINT8", np.uint8), "tensor(float)": ("FP32", np.float32)}
"""Types of ONNX Runtime: their names in the Open Inference Protocol, and NumPy's."""
_ONE_THREAD = 2**22
"""Bytes of a file whose network is computed by one thread: to wake others would take longer."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of a network.

    Attributes:
        name: in the graph.
        datatype: by the Open Inference Protocol: "UINT8", "FP32".
        dtype: NumPy's.
        shape: without the batch axis.
    """

    name: str
    datatype: str
    dtype: np.dtype
    shape: tuple[int, ...]


class Predictor:
    """A network that ONNX Runtime computes.

    Args:
        path: the ONNX file: one input, and outputs with a row for each of its rows.

    Attributes:
        input: takes raw rows.
        outputs: the first is the probabilities (n, classes).
        metadata: texts of the file, by their keys.

    Raises:
        MissingPackageError: if ONNX Runtime is not installed.
        ModelError: for a file that is damaged, or that has another form.
    """

    def __init__(self, path: Path):
        runtime = import_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1 if path.stat().st_size < _ONE_THREAD else os.cpu_count() or 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would take all cores
        options.enable_cpu_mem_arena = False  # it would keep the memory of the largest batch for good
        options.log_severity_level = 4
        try:
            self._session = runtime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except OSError:
            raise
        except Exception as error:  # ONNX Runtime has a kind of its own for each cause, and none above them
            raise ModelError(
                f"{path} is no ONNX file that can be run: {brief(error)}. Delete it; it is made again from the run."
            ) from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1:
            raise ModelError(
                f"{path} has {len(inputs)} inputs; expected one. Delete it; it is made again from the run."
            )
        self.input = _tensor(inputs[0], path)
        self.outputs = tuple(_tensor(output, path) for output in outputs)
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        self._names = [output.name for output in self.outputs]

    def predict(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return an array (n, …) for each output, for rows (n, *input.shape) of the input's dtype."""
        return self._session.run(self._names, {self.input.name: rows})


def _tensor(node: Any, path: Path) -> Tensor:
    if node.type not in _DATATYPES or any(not isinstance(side, int) for side in node.shape[1:]):
        raise ModelError(
            f"{path} has {node.name} of type {node.type} and shape {node.shape}; expected uint8 or float32 rows of one "
            "size. Delete it; it is made again from the run."
        )
    datatype, dtype = _DATATYPES[node.type]
    return Tensor(node.name, datatype, np.dtype(dtype), tuple(node.shape[1:]))
