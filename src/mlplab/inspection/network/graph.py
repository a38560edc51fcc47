"""A Keras model read as a graph of layer calls: hidden layers and units.

Nothing is computed here. Keras is imported only when a model is read.
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
"""Layers that return the elements of their input in the same order, possibly scaled."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer: a node of the graph.

    Attributes:
        layer: the Keras layer or operation.
        name: the layer's name, with ":2", ":3" … for further calls of a shared layer.
        inputs, outputs: symbolic tensors.
        parents: positions of the calls that produce the inputs.
        shared: whether an earlier call has the same layer, and so the same weights.
        takes_constants: whether its arguments have arrays or numbers besides the inputs.
    """

    layer: Any
    name: str
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    parents: tuple[int, ...]
    shared: bool
    takes_constants: bool

    @property
    def kind(self) -> str:
        return type(self.layer).__name__

    @property
    def activation(self) -> str:
        """Keras's name of the activation function, or of an activation layer; "" for none or linear."""
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
        """Whether it counts in "hidden layer": it has weights, and does not merely normalise, activate or encode."""
        passes_on = self.kind in NORMALISATIONS | ACTIVATIONS or self.encodes_numbers
        return bool(getattr(self.layer, "weights", ())) and not passes_on

    @property
    def is_dense(self) -> bool:
        """Whether it is a dense layer of units."""
        return self._is_keras_dense and not self.encodes_numbers

    @property
    def encodes_numbers(self) -> bool:
        """Whether it is a frozen dense layer that takes each number of a row alone, as that of `pixel_encoding`."""
        of_one = self._is_keras_dense and self.layer.kernel.shape[0] == 1 and len(self.inputs[0].shape) > 2
        return of_one and not self.layer.trainable

    @property
    def _is_keras_dense(self) -> bool:
        return any(kind.__name__ == "Dense" for kind in type(self.layer).__mro__)


@dataclass(frozen=True, eq=False)
class Network:
    """The graph of a model, including the layers of nested models.

    Attributes:
        model: the same model without nested models.
        calls: the layer calls, each after its parents.
    """

    model: "keras.Model"
    calls: tuple[Call, ...]

    def producer(self, tensor: Any) -> Call:
        """Return the call that computes a tensor."""
        return next(call for call in self.calls if any(output is tensor for output in call.outputs))

    def consumers(self, tensor: Any) -> Iterator[tuple[Call, int]]:
        """Yield the calls that take a tensor, and its place among their inputs."""
        for call in self.calls:
            yield from ((call, place) for place, taken in enumerate(call.inputs) if taken is tensor)

    def last_hidden(self) -> Any:
        """Return the input tensor of the last layer with weights, which are the model's inputs without hidden layer.

        If branches merge after the last layer, follow the first branch.
        """
        last = self._back_to_weights(self.model.outputs[0])
        return last.inputs[0] if last is not None else self.model.inputs[0]

    def hidden_name(self) -> str:
        """Describe the tensor of `last_hidden` in a few words."""
        tensor = self.last_hidden()
        if self._back_to_weights(tensor) is None:
            return "the inputs themselves, as there is no hidden layer"
        size = math.prod(side or 1 for side in tensor.shape[1:])
        call = self.producer(tensor)
        while not call.has_weights and len(call.inputs) == 1:
            call = self.producer(call.inputs[0])
        return f"the {size:,} outputs of {call.name}, the last hidden layer"

    def _back_to_weights(self, tensor: Any) -> Call | None:
        """Return the layer with weights that a tensor comes from, following first inputs; None if there is none."""
        call = self.producer(tensor)
        while not call.has_weights and call.inputs:
            call = self.producer(call.inputs[0])
        return call if call.has_weights else None

    def hidden_dense(self) -> list[Call]:
        """Return the dense layers that another layer with weights follows."""
        followed: set[int] = set()
        for position in reversed(range(len(self.calls))):
            call = self.calls[position]
            if call.has_weights or position in followed:
                followed.update(call.parents)
        return [call for position, call in enumerate(self.calls) if call.is_dense and position in followed]

    def first_dense(self) -> Call | None:
        """Return the first dense layer that takes the flat inputs, possibly scaled or encoded; None if there is none.

        Encoded inputs are several numbers for each input, one after the other.
        """
        tensors, size = [self.model.inputs[0]], math.prod(self.model.inputs[0].shape[1:])
        for call in self.calls:
            if any(taken is tensor for tensor in tensors for taken in call.inputs):
                if call.is_dense and call.layer.kernel.shape[0] == size:
                    return call
                if call.encodes_numbers:
                    size *= call.layer.units
                if call.encodes_numbers or call.kind in _KEEP_ORDER:
                    tensors += call.outputs
        return None

    def unit_outputs(self, dense: Call) -> tuple[Any, str]:
        """Return the tensor of a dense layer's units after their activation, and the activation's name.

        The activation can be a separate layer, after a normalisation.
        """
        tensor, call = dense.outputs[0], dense
        while not call.activation:
            consumers = [call for call, _ in self.consumers(tensor)]
            if len(consumers) != 1 or consumers[0].kind not in NORMALISATIONS | NOISE | ACTIVATIONS:
                return dense.outputs[0], ""
            call = consumers[0]
            tensor = call.outputs[0]
        return tensor, call.activation


def read(model: "keras.Model") -> Network:
    """Read the graph of a Sequential or functional model.

    Raises:
        ModelError: if it has no graph: it is not built, or a subclass defines its `call`.
    """
    from mlplab.engine import keras_internals

    graph = keras_internals.functional(model)
    if graph is None:
        raise ModelError(_without_graph(model))
    if any(keras_internals.functional(node.operation) is not None for node in keras_internals.nodes(graph)):
        graph = model = keras_internals.without_nested_models(graph)
    calls: list[Call] = []
    counts: dict[int, int] = {}  # calls of each layer
    producers: dict[int, int] = {}  # position of the call that computes each tensor
    for node in keras_internals.nodes(graph):
        layer = node.operation
        counts[id(layer)] = count = counts.get(id(layer), 0) + 1
        parents = dict.fromkeys(producers[id(tensor)] for tensor in node.input_tensors)
        name = layer.name if count == 1 else f"{layer.name}:{count}"
        tensors = tuple(node.input_tensors), tuple(node.output_tensors)
        constants = keras_internals.takes_constants(node)
        calls.append(Call(layer, name, *tensors, tuple(parents), shared=count > 1, takes_constants=constants))
        producers.update((id(tensor), len(calls) - 1) for tensor in node.output_tensors)
    return Network(model, tuple(calls))


def _without_graph(model: Any) -> str:
    """Return a message that says why a model has no graph, and what to do."""
    from mlplab.engine import keras

    if not isinstance(model, keras.Model):
        return f"Expected a Keras model; got {type(model).__name__}."
    if isinstance(model, keras.Sequential):
        return (
            f"{model.name} has no graph: it is not built yet. Add keras.Input(shape) as its first layer, or call "
            "model.build((None, …))."
        )
    return f"{model.name} has no graph: {type(model).__name__}.call is code. Use a Sequential or functional model."


def layers_table(network: Network) -> Table:
    """List the layer calls, each after its parents.

    Returns:
        Table(name, kind, activation, shape, parameters, parents): the output's shape without the batch axis; names of
        the parents, joined by ", ". Further calls of a shared layer are named "name:2", … and have no parameters.
    """
    calls = network.calls
    columns = {
        "name": np.array([call.name for call in calls], str),
        "kind": np.array([call.kind for call in calls], str),
        "activation": np.array([call.activation for call in calls], str),
        "shape": np.array(["; ".join(map(_shape, call.outputs)) for call in calls], str),
        "parameters": np.array([call.parameters for call in calls], np.int64),
        "parents": np.array([", ".join(calls[parent].name for parent in call.parents) for call in calls], str),
    }
    return Table(columns, f"Layers of {network.model.name}")


def _shape(tensor: Any) -> str:
    return "×".join("?" if side is None else str(side) for side in tensor.shape[1:]) or "1"
