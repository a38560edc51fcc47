"""How strongly each unit of a dense layer acts on the next layers: the norm of its outgoing weights."""

from typing import Any

import numpy as np

from mlplab.inspection.network.graph import ACTIVATIONS, NOISE, NORMALISATIONS, Call, Network


def outgoing_norm(network: Network, tensor: Any) -> np.ndarray:
    """Compute the L2 norm of each unit's weights to the next dense layers, (units,).

    The weights include the scales of batch normalisations in between. Without a next dense layer, return ones.
    """
    units = tensor.shape[-1]
    squares = np.zeros(units)
    open_paths = [(tensor, np.arange(units), np.ones(units))]
    while open_paths:
        tensor, positions, gain = open_paths.pop()
        for call, place in network.consumers(tensor):
            if call.is_dense:
                kernel = np.asarray(call.layer.kernel.value, np.float64)[positions]
                squares += gain**2 * (kernel**2).sum(1)
            elif (passed := _through(call, place, positions, gain)) is not None:
                open_paths.append((call.outputs[0], *passed))
    return np.sqrt(squares) if squares.any() else np.ones(units)


def _through(call: Call, place: int, positions: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return positions and scales of units in the output of a layer that does not mix them, else None.

    An activation function counts as the identity.
    """
    if call.kind == "BatchNormalization":
        layer = call.layer
        scale = np.ones(call.outputs[0].shape[-1]) if layer.gamma is None else np.asarray(layer.gamma.value, np.float64)
        return positions, gain * (scale / np.sqrt(np.asarray(layer.moving_variance.value) + layer.epsilon))[positions]
    if call.kind == "Concatenate" and call.layer.axis in (-1, len(call.outputs[0].shape) - 1):
        return positions + sum(tensor.shape[-1] for tensor in call.inputs[:place]), gain
    if call.kind == "Average":
        gain = gain / len(call.inputs)
    elementwise = {"Add", "Average", "Flatten"} | NOISE | ACTIVATIONS | NORMALISATIONS
    same_shape = call.outputs[0].shape == call.inputs[place].shape
    return (positions, gain) if same_shape and call.kind in elementwise else None
