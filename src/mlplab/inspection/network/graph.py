"""A Keras model read as a graph: what follows what, which units are hidden, which weights meet the inputs.

Nothing is computed here. Keras is imported by whoever brings the model.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.errors import ModelError
from mlplab.table import Table

if TYPE_CHECKING:
    import keras

NORMALISATIONS = {
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization", "UnitNormalization",
    "Normalization",
}  # fmt: skip
NOISE = {
    "Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "SpatialDropout1D", "SpatialDropout2D",
    "ActivityRegularization", "Identity",
}  # fmt: skip
ACTIVATIONS = {"Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"}
_KEEP_ORDER = {"Flatten", "Reshape", "Rescaling"} | NORMALISATIONS | NOISE
"""Layers whose output has the numbers of their input, scaled at most, in the same order."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer: a box of the graph.

    Attributes:
        layer: the Keras layer (or operation).
        name: the layer's, with ":2", ":3" … for further calls of a shared one.
        inputs, outputs: its symbolic tensors.
        parents: positions of the calls that its inputs come from.
        shared: whether an earlier call has the same layer, and so the same weights.
    """

    layer: Any
    name: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    parents: tuple[int, ...]
    shared: bool

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    @property
    def activation(self) -> str:
        """Keras's name of the activation function, or of the layer that is one; "" for none, or linear."""
        function = getattr(self.layer, "activation", None)
        if function is not None:
            name = str(getattr(function, "__name__", type(function).__name__))
            return "" if name == "linear" else name
        return self.kind.lower() if self.kind in ACTIVATIONS else ""

    @property
    def parameters(self) -> int:
        return 0 if self.shared else sum(math.prod(weight.shape) for weight in getattr(self.layer, "weights", ()))

    @property
    def has_weights(self) -> bool:
        """Whether it is a layer in the sense of "hidden layer": it has weights, and is more than a normalisation."""
        return bool(getattr(self.layer, "weights", ())) and self.kind not in NORMALISATIONS | ACTIVATIONS

    @property
    def is_dense(self) -> bool:
        return any(kind.__name__ == "Dense" for kind in type(self.layer).__mro__)


@dataclass(frozen=True, eq=False)
class Network:
    """The graph of a model, models inside it taken apart too.

    Attributes:
        model: of one graph, without models inside.
        calls: each after those that it takes its inputs from.
    """

    model: "keras.Model"
    calls: tuple[Call, ...]

    def producer(self, tensor: Any) -> Call:
        return next(call for call in self.calls if any(output is tensor for output in call.outputs))

    def consumers(self, tensor: Any) -> Iterator[tuple[Call, int]]:
        """The calls that take a tensor, and at which place among their inputs."""
        for call in self.calls:
            yield from ((call, place) for place, taken in enumerate(call.inputs) if taken is tensor)

    def last_hidden(self) -> tuple[Any, Call | None]:
        """The tensor that the last layer with weights takes, and the layer with weights that it comes from.

        None for that layer where there is no hidden one: the tensor then holds the inputs. Where the graph merges
        after the last layer, the first branch counts.
        """
        tensor = self.model.outputs[0]
        last = self._back_to_weights(tensor)
        tensor = last.inputs[0] if last is not None else self.model.inputs[0]
        return tensor, self._back_to_weights(tensor)

    def hidden_name(self) -> str:
        """What `last_hidden` holds, in a few words."""
        tensor, source = self.last_hidden()
        if source is None:
            return "the inputs themselves, as there is no hidden layer"
        size = math.prod(side or 1 for side in tensor.shape[1:])
        call = self.producer(tensor)
        while not call.has_weights and len(call.inputs) == 1:
            call = self.producer(call.inputs[0])
        return f"the {size:,} outputs of {call.name}, the last hidden layer"

    def _back_to_weights(self, tensor: Any) -> Call | None:
        call = self.producer(tensor)
        while not call.has_weights and call.inputs:
            call = self.producer(call.inputs[0])
        return call if call.has_weights else None

    def hidden_dense(self) -> list[Call]:
        """Dense layers that another layer with weights comes after."""
        followed: set[int] = set()
        for position in reversed(range(len(self.calls))):
            call = self.calls[position]
            if call.has_weights or position in followed:
                followed.update(call.parents)
        return [call for position, call in enumerate(self.calls) if call.is_dense and position in followed]

    def first_dense(self) -> Call | None:
        """The first dense layer that takes the inputs themselves, flat, scaled at most; None where there is none."""
        tensors, size = [self.model.inputs[0]], math.prod(self.model.inputs[0].shape[1:])
        for call in self.calls:
            if any(taken is tensor for tensor in tensors for taken in call.inputs):
                if call.is_dense and call.layer.kernel.shape[0] == size:
                    return call
                if call.kind in _KEEP_ORDER:
                    tensors += call.outputs
        return None

    def unit_outputs(self, dense: Call) -> tuple[Any, str]:
        """What the units of a dense layer give on: the tensor after their activation, and the activation's name.

        The activation may be a layer of its own, after a normalisation.
        """
        tensor, call = dense.outputs[0], dense
        while not call.activation:
            after = list(self.consumers(tensor))
            if len(after) != 1 or after[0][0].kind not in NORMALISATIONS | NOISE | ACTIVATIONS:
                return dense.outputs[0], ""
            call = after[0][0]
            tensor = call.outputs[0]
        return tensor, call.activation

    def outgoing_norm(self, tensor: Any) -> np.ndarray:
        """For each unit, the L2 norm of the weights from it to the dense layers that come next, (units,).

        Scales of batch normalisation in between are part of the weights. Ones, where nothing dense comes next.
        """
        units = tensor.shape[-1]
        squares = np.zeros(units)
        waiting = [(tensor, np.arange(units), np.ones(units))]
        while waiting:
            tensor, where, gain = waiting.pop()
            for call, place in self.consumers(tensor):
                if call.is_dense:
                    kernel = np.asarray(call.layer.kernel.value, np.float64)[where]
                    squares += gain**2 * (kernel**2).sum(1)
                elif (passed := _passed_on(call, place, where, gain)) is not None:
                    waiting.append((call.outputs[0], *passed))
        return np.sqrt(squares) if squares.any() else np.ones(units)


def _passed_on(call: Call, place: int, where: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Where units are in the output of a layer that keeps them apart, and by what they are scaled there.

    None for other layers. An activation function counts as the identity.
    """
    if call.kind == "BatchNormalization":
        layer = call.layer
        scale = np.ones(call.outputs[0].shape[-1]) if layer.gamma is None else np.asarray(layer.gamma.value, np.float64)
        return where, gain * (scale / np.sqrt(np.asarray(layer.moving_variance.value) + layer.epsilon))[where]
    if call.kind == "Concatenate" and call.layer.axis in (-1, len(call.outputs[0].shape) - 1):
        return where + sum(tensor.shape[-1] for tensor in call.inputs[:place]), gain
    if call.kind == "Average":
        gain = gain / len(call.inputs)
    same = call.outputs[0].shape == call.inputs[place].shape
    return (
        (where, gain)
        if same and call.kind in {"Add", "Average", "Flatten"} | NOISE | ACTIVATIONS | NORMALISATIONS
        else None
    )


def read(model: "keras.Model") -> Network:
    """The graph of a Sequential or functional model.

    Raises:
        ModelError: if it has none: it is not built, or its `call` is code.
    """
    graph = _graph(model)
    if any(_is_model(node.operation) for node in _nodes(graph)):
        graph = model = _flat(graph)
    calls: list[Call] = []
    seen: dict[int, int] = {}
    produced: dict[int, int] = {}
    for node in _nodes(graph):
        layer = node.operation
        seen[id(layer)] = count = seen.get(id(layer), 0) + 1
        parents = dict.fromkeys(produced[id(tensor)] for tensor in node.input_tensors)
        name = layer.name if count == 1 else f"{layer.name}:{count}"
        tensors = tuple(node.input_tensors), tuple(node.output_tensors)
        calls.append(Call(layer, name, *tensors, tuple(parents), shared=count > 1))
        produced.update((id(tensor), len(calls) - 1) for tensor in node.output_tensors)
    return Network(model, tuple(calls))


def _graph(model: Any) -> Any:
    """The functional model that a Sequential one holds; of others, themselves."""
    graph = getattr(model, "_functional", model)
    if not hasattr(model, "layers"):
        raise ModelError(f"Expected a Keras model; got {type(model).__name__}.")
    if not hasattr(graph, "_nodes_by_depth"):
        raise ModelError(
            f"{model.name} has no graph to look at: "
            + (
                "it is not built yet. Begin it with keras.Input(shape), or call model.build((None, …))."
                if hasattr(model, "_functional")
                else f"{type(model).__name__}.call is code. Sequential and functional models have one."
            )
        )
    return graph


def _nodes(graph: Any) -> Iterator[Any]:
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        yield from graph._nodes_by_depth[depth]


def _is_model(operation: Any) -> bool:
    return hasattr(getattr(operation, "_functional", None) or operation, "_nodes_by_depth")


def _flat(graph: Any) -> "keras.Model":
    """A functional model of the same layers, in which the models inside `graph` are replaced by what they hold."""
    from mlplab.engine import keras

    def opened(operation: Any) -> Any:
        if not _is_model(operation):
            return operation
        return lambda inputs, **_: _graph(operation)._run_through_graph(inputs, operation_fn=opened)

    inputs = [keras.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in graph.inputs]
    outputs = keras.tree.flatten(graph._run_through_graph(inputs, operation_fn=opened))
    return keras.Model(inputs, outputs)


def layers_table(network: Network) -> Table:
    """A row for each call of a layer, each after its parents.

    Returns:
        Table(name, kind, activation, shape, parameters, parents): the output's shape without the batch; parents
        by name, joined by ", ". A shared layer's further calls are called "name:2", … and have no parameters.
    """
    calls = network.calls
    return Table(
        {
            "name": np.array([call.name for call in calls], str),
            "kind": np.array([call.kind for call in calls], str),
            "activation": np.array([call.activation for call in calls], str),
            "shape": np.array(["; ".join(map(_shape, call.outputs)) for call in calls], str),
            "parameters": np.array([call.parameters for call in calls], np.int64),
            "parents": np.array([", ".join(calls[parent].name for parent in call.parents) for call in calls], str),
        },
        f"Layers of {network.model.name}",
    )


def _shape(tensor: Any) -> str:
    return "×".join("?" if side is None else str(side) for side in tensor.shape[1:]) or "1"
