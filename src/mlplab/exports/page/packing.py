"""A graph of operations as the page has it: JSON that says what to compute, and all weights in one array."""

import base64
import functools
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.exports import numpy_network
from mlplab.exports.checking import predict_in_batches
from mlplab.exports.operations import Graph, Operation
from mlplab.exports.reading import MEAN
from mlplab.exports.safetensors_file import described

_PASS_ON = ("affine", "normalise", "activation")
"""Operations that a hidden layer may have after its product with a matrix, up to its activation."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A network as a page has it.

    Attributes:
        spec: `operations` as in safetensors files; the `shapes` of all values by name; where each of the `tensors`
            begins among the numbers, and its shape; the value that is the `output`, and those of the `members` of a
            population; the hidden `layers` of units; and how many `numbers` there are.
        numbers: float32 (n,), all weights.
    """

    spec: dict[str, Any]
    numbers: np.ndarray

    def payload(self, more: bytes = b"") -> str:
        """Return the weights, and further bytes after them, compressed, in base64.

        The first bytes of all weights come first, then the second ones, …: signs and exponents compress well together.
        """
        planes = self.numbers.astype("<f4").view(np.uint8).reshape(-1, 4).T
        return base64.b64encode(zlib.compress(planes.tobytes() + more, 9)).decode("ascii")

    def probabilities(self, numbers: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes (n, classes) for raw inputs (n, …), with these weights."""
        tensors = {
            name: numbers[tensor["at"] : tensor["at"] + math.prod(tensor["shape"])].reshape(tensor["shape"])
            for name, tensor in self.spec["tensors"].items()
        }
        return predict_in_batches(functools.partial(numpy_network.predict, self.spec, tensors), inputs)


def unpacked(payload: str, count: int) -> np.ndarray:
    """Return the weights, float32 (count,), that a page holds: the inverse of `Packed.payload`."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(payload)), np.uint8, 4 * count)
    return np.ascontiguousarray(planes.reshape(4, count).T).view("<f4")[:, 0]


def pack(graph: Graph) -> Packed:
    """Return a network as a page has it."""
    operations, arrays = described(graph.operations)
    tensors: dict[str, Any] = {}
    at = 0
    for name, array in arrays.items():
        tensors[name] = {"at": at, "shape": list(array.shape)}
        at += array.size
    shapes = graph.shapes()
    spec = {
        "operations": operations,
        "tensors": tensors,
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "output": graph.output,
        "members": list(graph.operations[-1].inputs) if _members(graph) else [],
        "layers": list(_hidden_layers(graph, shapes)),
        "numbers": at,
    }
    return Packed(spec, np.concatenate([array.reshape(-1) for array in arrays.values()]).astype(np.float32))


def _members(graph: Graph) -> list[str]:
    """Return what the names of the values of each network of a population begin with; nothing for one network."""
    last = graph.operations[-1]
    return [name.split("/")[0] for name in last.inputs] if last.output == MEAN else []


def _hidden_layers(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, Any]]:
    """Yield the layers of units that another layer follows: the value that their units have after the activation."""
    members = _members(graph)
    pixels = {"input"}  # values that are raw pixels, perhaps scaled
    for place, operation in enumerate(graph.operations):
        if operation.kind in ("affine", "reshape") and operation.inputs[0] in pixels:
            pixels.add(operation.output)
        of_units = operation.kind == "dense" and len(shapes[operation.output]) == 1  # else it encodes each number
        if not of_units or not _is_followed(graph, place):
            continue
        value, activation = _units(graph, operation)
        inputs, units = operation.weights["kernel"].shape
        prefix = operation.output.split("/")[0]
        yield {
            "name": operation.layer,
            "activation": activation,
            "value": value,
            "units": units,
            "member": members.index(prefix) if members else 0,
            "pixels": place if operation.inputs[0] in pixels and inputs == math.prod(graph.input_shape) else None,
        }


def _is_followed(graph: Graph, place: int) -> bool:
    """Return whether another dense layer follows an operation."""
    reached = {graph.operations[place].output}
    for operation in graph.operations[place + 1 :]:
        if reached.intersection(operation.inputs):
            if operation.kind == "dense":
                return True
            reached.add(operation.output)
    return False


def _units(graph: Graph, dense: Operation) -> tuple[str, str]:
    """Return the value of a dense layer's units after their activation, and the activation's name."""
    value = dense.output
    while True:
        consumers = [operation for operation in graph.operations if value in operation.inputs]
        if len(consumers) != 1 or consumers[0].kind not in _PASS_ON:
            return dense.output, ""
        value = consumers[0].output
        if consumers[0].kind == "activation":
            return value, str(consumers[0].options["function"]).replace("_", " ")
