"""Graphs of operations → chains of dense layers, with all that is linear between them folded into their weights."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from mlplab.errors import ModelError
from mlplab.exports.operations import Graph, Operation

_NEEDS_SEVERAL = {"softmax", "prelu"}
"""Activations of which one number does not depend on one number alone."""


@dataclass(frozen=True, eq=False)
class Activation:
    """A function of each number alone, by Keras's name, with Keras's arguments.

    Attributes:
        name: "relu", "gelu", …; "" for the numbers themselves.
    """

    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_relu(self) -> bool:
        """Whether it is max(0, x)."""
        return self.name == "relu" and not any(self.options.values())

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return its values, float64, as Keras computes them in float32."""
        if not self.name:
            return values
        if self.is_relu:
            return np.maximum(values, 0)
        import keras

        return np.asarray(keras.activations.get(self.name)(np.float32(values), **self.options), np.float64)


@dataclass(frozen=True, eq=False)
class Dense:
    """A dense layer: `activation(x @ kernel + bias)`.

    Attributes:
        kernel: float64 (inputs, units).
        bias: float64 (units,).
        activation: what follows; none for the last layer, whose outputs are logits.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activation: Activation = field(default_factory=Activation)


@dataclass(frozen=True, eq=False)
class Chain:
    """A network from raw 8-bit pixels to logits.

    Attributes:
        code: float64 (256, numbers), what the first layer gets for each value of a pixel, one pixel after the other;
            None: the pixel itself.
        layers: at least one.
    """

    code: np.ndarray | None
    layers: tuple[Dense, ...]

    @property
    def widths(self) -> tuple[int, ...]:
        """Pixels, and units of each layer."""
        first, numbers = self.layers[0].kernel.shape[0], 1 if self.code is None else self.code.shape[1]
        return (first // numbers, *(layer.bias.size for layer in self.layers))

    def first_inputs(self, pixels: np.ndarray) -> np.ndarray:
        """Return what the first layer gets for pixels (n, pixels): float64 (n, inputs)."""
        return pixels.astype(np.float64) if self.code is None else self.code[pixels].reshape(len(pixels), -1)


def chain_of(graph: Graph) -> Chain:
    """Fold a graph into a chain of dense layers.

    Raises:
        ModelError: for a graph of another form; the operation that does not fit is named.
    """
    folding = _Folding(graph.input_shape)
    operations, two_classes = _without_probabilities(graph.operations)
    for operation in operations:
        folding.add(operation)
    return folding.finish(two_classes)


class _Folding:
    """A chain in the making.

    Attributes:
        value: name of the current value.
        shape: of the current value, without the batch axis.
        scale, shift: float64, of the current value's shape: `scale * x + shift` is pending, x being the outputs of the
            newest layer, or the pixels.
        code: see `Chain`.
        layers: the newest one takes in what is linear until its activation comes.
    """

    def __init__(self, shape: Sequence[int]):
        self.code: np.ndarray | None = None
        self.layers: list[Dense] = []
        self.awaits_activation = False
        self.value = "input"
        self._start_value(tuple(shape))

    def _start_value(self, shape: tuple[int, ...]) -> None:
        self.shape, self.scale, self.shift = shape, np.ones(shape), np.zeros(shape)

    def add(self, operation: Operation) -> None:
        """Fold one more operation, or raise a `ModelError` that names it."""
        if operation.kind != "merge" and operation.inputs != (self.value,):
            _refuse(operation, "on a branch")
        self.value = operation.output
        match operation.kind:
            case "affine":
                scale, shift = (np.asarray(operation.weights[name], np.float64) for name in ("scale", "shift"))
                self.scale, self.shift = self.scale * scale, self.shift * scale + shift
                self.shape = self.scale.shape
            case "reshape":
                self.shape = operation.options["shape"]
                self.scale, self.shift = self.scale.reshape(self.shape), self.shift.reshape(self.shape)
            case "dense":
                self._add_dense(operation)
            case "activation":
                self._add_activation(operation)
            case _:
                _refuse(operation)

    def _add_dense(self, operation: Operation) -> None:
        kernel, bias = (np.asarray(operation.weights[name], np.float64) for name in ("kernel", "bias"))
        if len(self.shape) == 1:
            self._close()
            self.layers.append(Dense(self.scale[:, None] * kernel, bias + self.shift @ kernel))
            self.awaits_activation = True
            self._start_value((bias.size,))
        elif kernel.shape[0] == 1 and not self.layers and (self.code is None or self.code.shape[1] == 1):
            self.code = self._pixel_code(operation) @ kernel + bias
            self._start_value((*self.shape[:-1], bias.size))
        else:
            _refuse(operation)

    def _add_activation(self, operation: Operation) -> None:
        options = dict(operation.options)
        activation = Activation(options.pop("function"), options)
        if activation.name in _NEEDS_SEVERAL or operation.weights:
            _refuse(operation)
        if not self.layers:
            self.code = activation(self._pixel_code(operation))
            self._start_value(self.shape)
        elif self.awaits_activation:
            self._close(activation)
        else:
            _refuse(operation)

    def _pixel_code(self, operation: Operation) -> np.ndarray:
        """Return the numbers (256, numbers) of each pixel with what is pending, if all pixels are treated alike."""
        code = np.arange(256.0)[:, None] if self.code is None else self.code
        each = [array.reshape(-1, code.shape[1]) for array in (self.scale, self.shift)]
        if any((array != array[0]).any() for array in each):
            _refuse(operation)
        scale, shift = each
        return code * scale[0] + shift[0]

    def _close(self, activation: Activation | None = None) -> None:
        """Let the newest layer take in what is pending, and an activation."""
        if self.awaits_activation:
            newest, scale, shift = self.layers[-1], self.scale.ravel(), self.shift.ravel()
            kernel, bias = newest.kernel * scale, newest.bias * scale + shift
            self.layers[-1] = Dense(kernel, bias, activation or Activation())
            self._start_value(self.shape)
        self.awaits_activation = False

    def finish(self, two_classes: bool) -> Chain:
        """Return the chain, with a logit for each class: of one logit z, 0 and z."""
        if not self.awaits_activation:  # logits that no dense layer makes
            size = math.prod(self.shape)
            identity = Operation("dense", (), "", {"kernel": np.eye(size), "bias": np.zeros(size)})
            self.shape, self.scale, self.shift = (size,), self.scale.ravel(), self.shift.ravel()
            self._add_dense(identity)
        self._close()
        if two_classes:
            last = self.layers[-1]
            kernel, bias = (np.concatenate([0 * array, array], axis=-1) for array in (last.kernel, last.bias))
            self.layers[-1] = Dense(kernel, bias)
        return Chain(self.code, tuple(self.layers))


def _without_probabilities(operations: Sequence[Operation]) -> tuple[Sequence[Operation], bool]:
    """Remove what makes probabilities of logits. Return the other operations, and whether two classes share one logit.

    Expects the last operations to be those that `reading.graph_of` writes.
    """
    last = operations[-1]
    if _is(last, "softmax"):
        operations = operations[:-1]
        logits = operations[-1] if operations else last
        is_one = logits.kind == "merge" and len(operations) > 1 and operations[-2].output == logits.inputs[0]
        return (operations[:-2], True) if is_one and operations[-2].inputs == logits.inputs[1:] else (operations, False)
    if last.kind != "merge" or len(operations) < 3 or not _is(operations[-3], "sigmoid"):
        _refuse(last)
    return operations[:-3], True


def _is(operation: Operation, activation: str) -> bool:
    return operation.kind == "activation" and operation.options["function"] == activation


def _refuse(operation: Operation, what: str = "") -> NoReturn:
    what = what or {
        "merge": functools.partial("merging by {how}".format_map),
        "normalise": lambda options: "normalisation of each row",
        "activation": functools.partial("activation {function}".format_map),
        "dense": lambda options: "dense along the last axis",
    }.get(operation.kind, lambda options: operation.kind)(operation.options)
    raise ModelError(
        f"{f'The layer {operation.layer}' if operation.layer else 'The output'} ({what}) has no form in C here. A C "
        "header holds dense layers one after the other on flat inputs, each with at most one activation, batch "
        "normalisation before or after it, and softmax or one sigmoid at the end. Export as onnx, or train such a "
        "model."
    )
