"""A trained network as a list of plain operations on arrays, the common ground of all export formats.

Each operation is one that ONNX, JavaScript and C can all compute. Its arrays are NumPy's; Keras has no part in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["affine", "reshape", "dense", "activation", "normalise", "merge"]


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation. Values are float32; their first axis is the batch.

    Kinds, with their weights and options:

    - affine: `x * scale + shift`; `scale` and `shift` broadcast over the last axes.
    - reshape: to `shape`, without the batch axis.
    - dense: `x @ kernel + bias`; `kernel` (inputs, units), `bias` (units,).
    - activation: `function`, by Keras's name, with Keras's arguments; `alpha` is a weight of "prelu".
    - normalise: by the "mean_variance" or the "mean_square" (`statistic`) of each row over its last axis, with
      `epsilon`, then `x * scale + shift`.
    - merge: several inputs by `how`: "add", "subtract", "multiply", "average", "maximum", "minimum", or "concatenate"
      along the last axis.

    Attributes:
        kind: see above.
        inputs: names of the values that it takes.
        output: name of the value that it makes.
        weights: float32 arrays by name.
        options: other arguments by name.
        layer: name of the Keras layer that it is from.
    """

    kind: Kind
    inputs: tuple[str, ...]
    output: str
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    layer: str = ""

    def shape(self, inputs: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the shape of what it makes of inputs of some shapes, all without the batch axis."""
        if self.kind == "reshape":
            return tuple(self.options["shape"])
        if self.kind == "dense":
            return *inputs[0][:-1], len(self.weights["bias"])
        if self.kind == "merge" and self.options["how"] == "concatenate":
            return *inputs[0][:-1], sum(shape[-1] for shape in inputs)
        return np.broadcast_shapes(*inputs, *(weight.shape for weight in self.weights.values()))


@dataclass(frozen=True, eq=False)
class Graph:
    """A network from raw inputs to the probabilities of the classes.

    Attributes:
        input_shape: of one input, without the batch axis. The value named "input" is of float32 (batch, *input_shape),
            as the data set has it: 8-bit images are from 0 to 255.
        classes: number of classes.
        operations: each after those whose values it takes.
        output: name of the probabilities, (batch, classes).
    """

    input_shape: tuple[int, ...]
    classes: int
    operations: tuple[Operation, ...]
    output: str

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each value, without the batch axis."""
        shapes = {"input": self.input_shape}
        for operation in self.operations:
            shapes[operation.output] = operation.shape([shapes[name] for name in operation.inputs])
        return shapes

    @property
    def parameters(self) -> int:
        """Numbers in all weights."""
        return sum(array.size for operation in self.operations for array in operation.weights.values())
