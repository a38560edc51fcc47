"""Operations as nodes of an ONNX graph, of operator set 17."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlplab.exports.operations import Graph, Operation
from mlplab.exports.packages import import_onnx

onnx = import_onnx()

Options = dict[str, Any]


@dataclass
class Nodes:
    """Nodes and constants of a graph as it grows.

    Attributes:
        listed: the nodes, each after those whose values it takes.
        constants: float32 or int64 arrays by name.
    """

    listed: list[Any] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node of an ONNX operator. Returns its output."""
        self.listed.append(onnx.helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        """Add a constant. Returns its name."""
        self.constants[name] = np.asarray(values, dtype)
        return name


def nodes_of(graph: Graph, source: str, result: str) -> Nodes:
    """Return the nodes of a graph that takes its float32 inputs from the value `source` and names its output `result`.

    Every other value is named after the operation's output that it is. An output called like `source` or `result` gets
    "/value" at its end, since ONNX allows a name only once.
    """
    nodes, shapes = Nodes(), graph.shapes()
    names = {name: f"{name}/value" if name in (source, result) else name for name in shapes}
    names |= {"input": source}
    if graph.output == "input":
        nodes.add("Identity", [source], result)
    else:
        names[graph.output] = result
    for operation in graph.operations:
        inputs = [names[name] for name in operation.inputs]
        _ADDED[operation.kind](nodes, operation, inputs, names[operation.output], shapes)
    return nodes


_Shapes = dict[str, tuple[int, ...]]


def _affine(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    scale, shift = operation.weights["scale"], operation.weights["shift"]
    value, scales, shifts = inputs[0], (scale != 1).any(), shift.any()
    if scales:
        value = nodes.add(
            "Mul", [value, nodes.constant(f"{output}/scale", scale)], f"{output}/scaled" if shifts else output
        )
    if shifts:
        nodes.add("Add", [value, nodes.constant(f"{output}/shift", shift)], output)
    elif not scales:
        nodes.add("Identity", [value], output)


def _reshape(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    shape = nodes.constant(f"{output}/shape", [0, *operation.options["shape"]], np.int64)  # 0: of the input
    nodes.add("Reshape", [inputs[0], shape], output)


def _dense(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    kernel, bias = (nodes.constant(f"{output}/{name}", operation.weights[name]) for name in ("kernel", "bias"))
    if len(shapes[operation.inputs[0]]) == 1:
        nodes.add("Gemm", [inputs[0], kernel, bias], output)
    else:
        nodes.add("Add", [nodes.add("MatMul", [inputs[0], kernel], f"{output}/product"), bias], output)


def _normalise(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    (value,), epsilon = inputs, operation.options["epsilon"]
    width = shapes[operation.inputs[0]][-1:]
    scale, shift = (
        nodes.constant(f"{output}/{name}", np.broadcast_to(operation.weights[name], width))
        for name in ("scale", "shift")
    )
    if operation.options["statistic"] == "mean_variance":
        nodes.add("LayerNormalization", [value, scale, shift], output, axis=-1, epsilon=epsilon)
        return
    square = nodes.add("Mul", [value, value], f"{output}/square")
    mean = nodes.add("ReduceMean", [square], f"{output}/mean", axes=[-1], keepdims=1)
    root = nodes.add(
        "Sqrt",
        [nodes.add("Add", [mean, nodes.constant(f"{output}/epsilon", epsilon)], f"{output}/sum")],
        f"{output}/root",
    )
    scaled = nodes.add("Mul", [nodes.add("Div", [value, root], f"{output}/normal"), scale], f"{output}/scaled")
    nodes.add("Add", [scaled, shift], output)


def _merge(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    how = operation.options["how"]
    if how == "concatenate":
        nodes.add("Concat", inputs, output, axis=-1)
    elif how in ("average", "maximum", "minimum", "add"):
        nodes.add({"average": "Mean", "maximum": "Max", "minimum": "Min", "add": "Sum"}[how], inputs, output)
    else:
        kind, value = {"subtract": "Sub", "multiply": "Mul"}[how], inputs[0]
        for place, other in enumerate(inputs[1:], 1):
            value = nodes.add(kind, [value, other], output if place == len(inputs) - 1 else f"{output}/{place}")


def _activation(nodes: Nodes, operation: Operation, inputs: list[str], output: str, shapes: _Shapes) -> None:
    function, options = operation.options["function"], dict(operation.options)
    if function in _COMPOSED:
        _COMPOSED[function](nodes, inputs[0], output, options)
    elif function == "prelu":
        nodes.add("PRelu", [inputs[0], nodes.constant(f"{output}/alpha", operation.weights["alpha"])], output)
    else:
        kind, attributes = _SINGLE[function]
        nodes.add(kind, inputs, output, **{to: options.get(of, default) for to, (of, default) in attributes.items()})


_SINGLE: dict[str, tuple[str, dict[str, tuple[str, Any]]]] = {
    "leaky_relu": ("LeakyRelu", {"alpha": ("negative_slope", 0.2)}),
    "elu": ("Elu", {"alpha": ("alpha", 1.0)}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": ("", 1 / 6), "beta": ("", 0.5)}),
    "tanh": ("Tanh", {}),
    "hard_silu": ("HardSwish", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "softmax": ("Softmax", {"axis": ("", -1)}),
    "exponential": ("Exp", {}),
}
"""Operators that compute an activation, with their attributes: from which option each comes, and its default."""


def _relu(nodes: Nodes, value: str, output: str, options: Options) -> None:
    """Clip what is above the threshold to [0, max_value], and subtract the slope times what is missing to it."""
    slope, most, threshold = (options.get(name) for name in ("negative_slope", "max_value", "threshold"))
    if most is None and not slope and not threshold:
        nodes.add("Relu", [value], output)
        return
    limit, zero = nodes.constant(f"{output}/threshold", threshold or 0), nodes.constant(f"{output}/zero", 0)
    is_above = nodes.add("Greater", [value, limit], f"{output}/above")
    positive = nodes.add(
        "Where", [is_above, value, zero], f"{output}/positive" if slope or most is not None else output
    )
    if most is not None:
        bounds = [zero, nodes.constant(f"{output}/most", most)]
        positive = nodes.add("Clip", [positive, *bounds], f"{output}/clipped" if slope else output)
    if slope:
        missing = nodes.add("Relu", [nodes.add("Sub", [limit, value], f"{output}/below")], f"{output}/missing")
        negative = nodes.add("Mul", [missing, nodes.constant(f"{output}/slope", slope)], f"{output}/negative")
        nodes.add("Sub", [positive, negative], output)


def _clip(low: float, high: float) -> Callable[[Nodes, str, str, Options], None]:
    def add(nodes: Nodes, value: str, output: str, options: Options) -> None:
        bounds = [nodes.constant(f"{output}/low", low), nodes.constant(f"{output}/high", high)]
        nodes.add("Clip", [value, *bounds], output)

    return add


def _gelu(nodes: Nodes, value: str, output: str, options: Options) -> None:
    """x Φ(x), with Φ(x) = (1 + erf(x / √2)) / 2; the operator Gelu is newer."""
    root, one, half = (
        nodes.constant(f"{output}/{name}", number)
        for name, number in (("root", np.sqrt(2)), ("one", 1.0), ("half", 0.5))
    )
    error = nodes.add("Erf", [nodes.add("Div", [value, root], f"{output}/quotient")], f"{output}/erf")
    product = nodes.add("Mul", [value, nodes.add("Add", [error, one], f"{output}/sum")], f"{output}/product")
    nodes.add("Mul", [product, half], output)


def _silu(nodes: Nodes, value: str, output: str, options: Options) -> None:
    nodes.add("Mul", [value, nodes.add("Sigmoid", [value], f"{output}/sigmoid")], output)


def _mish(nodes: Nodes, value: str, output: str, options: Options) -> None:
    softplus = nodes.add("Softplus", [value], f"{output}/softplus")
    nodes.add("Mul", [value, nodes.add("Tanh", [softplus], f"{output}/tanh")], output)


def _log_sigmoid(nodes: Nodes, value: str, output: str, options: Options) -> None:
    """-softplus(-x)"""
    softplus = nodes.add("Softplus", [nodes.add("Neg", [value], f"{output}/negated")], f"{output}/softplus")
    nodes.add("Neg", [softplus], output)


_COMPOSED: dict[str, Callable[[Nodes, str, str, Options], None]] = {
    "relu": _relu,
    "relu6": _clip(0, 6),
    "hard_tanh": _clip(-1, 1),
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "log_sigmoid": _log_sigmoid,
}

_ADDED: dict[str, Callable[[Nodes, Operation, list[str], str, _Shapes], None]] = {
    "affine": _affine,
    "reshape": _reshape,
    "dense": _dense,
    "activation": _activation,
    "normalise": _normalise,
    "merge": _merge,
}
