"""Keras's layers as operations."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlplab.errors import ModelError
from mlplab.exports.operations import Kind, Operation
from mlplab.inspection.network.graph import NOISE, Call

ACTIVATIONS = {
    "relu", "leaky_relu", "relu6", "elu", "selu", "gelu", "sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "silu",
    "hard_silu", "softplus", "softsign", "softmax", "exponential", "mish", "log_sigmoid", "prelu",
}  # fmt: skip
"""Functions that an activation can have, by Keras's names."""

_MERGES = {
    "Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Average": "average", "Maximum": "maximum",
    "Minimum": "minimum", "Concatenate": "concatenate",
}  # fmt: skip


_AUGMENTATIONS = {
    "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom", "RandomBrightness", "RandomContrast",
}  # fmt: skip
"""Layers that change images in training alone."""


def operations_of(call: Call, inputs: tuple[str, ...], output: str) -> list[Operation]:
    """Return what one call of a layer computes when it predicts; nothing for layers that only act in training.

    Args:
        call: the call of the layer.
        inputs: names of its inputs.
        output: name of its output.

    Raises:
        ModelError: for a layer that has no such form, named.
    """
    if call.kind in NOISE | _AUGMENTATIONS:
        return []
    parts = _parts(call)
    if parts is None:
        raise ModelError(_refusal(call))
    operations = []
    for place, (kind, weights, options) in enumerate(parts, 1):
        result = output if place == len(parts) else f"{output}/{place}"
        plain = {name: np.asarray(array, np.float32) for name, array in weights.items()}
        operations.append(Operation(kind, inputs, result, plain, options, call.name))
        inputs = (result,)
    return operations


_Part = tuple[Kind, Mapping[str, Any], Mapping[str, Any]]
_Parts = list[_Part] | None


def _parts(call: Call) -> _Parts:
    """Return kind, weights and options of each operation of a call; None if it has no such form."""
    from mlplab.engine import keras

    if call.takes_constants or (len(call.inputs) > 1 and call.kind not in _MERGES):
        return None  # such as a mask
    convert = _CONVERTERS.get(call.kind)
    is_layer = isinstance(call.layer, keras.layers.Layer)  # else an operation on tensors, such as x + y
    if convert is None or not (is_layer or convert is _merge) or getattr(call.layer, "quantization_mode", None):
        return None
    return convert(call)


def _dense(call: Call) -> _Parts:
    layer = call.layer
    bias = np.zeros(layer.units) if layer.bias is None else layer.bias
    return _with_activation(("dense", {"kernel": layer.kernel, "bias": bias}, {}), call)


def _einsum_dense(call: Call) -> _Parts:
    """Read the two equations of plain rows: a factor for each unit, and a product with a matrix."""
    layer = call.layer
    rows, rest = layer.equation.replace(" ", "").split(",")
    of_kernel, result = rest.split("->")
    if len(rows) != 2 or rows[0] != result[0]:
        return None
    bias = np.zeros(layer.kernel.shape[-1]) if layer.bias is None else layer.bias
    if of_kernel == rows[1] and result == rows:
        return _with_activation(("affine", {"scale": layer.kernel, "shift": bias}, {}), call)
    if of_kernel == rows[1] + result[1:] and len(result) == 2:
        return _with_activation(("dense", {"kernel": layer.kernel, "bias": bias}, {}), call)
    return None


def _activation(call: Call) -> _Parts:
    activation = _activation_part(call)
    return None if activation is None else [activation] if activation else [_IDENTITY]


def _batch_normalisation(call: Call) -> _Parts:
    layer = call.layer
    if layer.axis not in (-1, len(call.inputs[0].shape) - 1):
        return None
    mean, variance = _exact(layer.moving_mean), _exact(layer.moving_variance)
    scale = (1.0 if layer.gamma is None else _exact(layer.gamma)) / np.sqrt(variance + layer.epsilon)
    shift = (0.0 if layer.beta is None else _exact(layer.beta)) - mean * scale
    return [("affine", {"scale": scale, "shift": shift}, {})]


def _normalise(call: Call) -> _Parts:
    layer = call.layer
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0] if len(layer.axis) == 1 else None
    if axis not in (-1, len(call.inputs[0].shape) - 1) or getattr(layer, "rms_scaling", False):
        return None
    is_layer_norm = call.kind == "LayerNormalization"
    scale, shift = (layer.gamma, layer.beta) if is_layer_norm else (layer.scale, None)
    weights = {"scale": 1.0 if scale is None else scale, "shift": 0.0 if shift is None else shift}
    statistic = "mean_variance" if is_layer_norm else "mean_square"
    return [("normalise", weights, {"statistic": statistic, "epsilon": float(layer.epsilon)})]


def _adapted(call: Call) -> _Parts:
    layer = call.layer
    mean, deviation = _exact(layer.mean), np.maximum(np.sqrt(_exact(layer.variance)), 1e-7)
    mean, deviation = mean[0], deviation[0]  # without the batch axis
    if layer.invert:
        return [("affine", {"scale": deviation, "shift": mean}, {})]
    return [_shift(-mean), _scale(1 / deviation)]  # in this order: both can be far larger than the difference


def _rescaling(call: Call) -> _Parts:
    return [("affine", {"scale": call.layer.scale, "shift": call.layer.offset}, {})]


def _reshape(call: Call) -> _Parts:
    shape = tuple(call.outputs[0].shape[1:])
    swaps = getattr(call.layer, "data_format", None) == "channels_first" and len(call.inputs[0].shape) > 2
    return None if swaps or None in shape else [("reshape", {}, {"shape": shape})]


def _merge(call: Call) -> _Parts:
    axis = getattr(call.layer, "axis", -1)
    dimensions = {len(tensor.shape) for tensor in (*call.inputs, *call.outputs)}
    if len(call.inputs) < 2 or len(dimensions) > 1:
        return None  # with rows of fewer dimensions, which Keras extends
    if call.kind == "Concatenate" and axis not in (-1, max(dimensions) - 1):
        return None
    return [("merge", {}, {"how": _MERGES[call.kind]})]


def _scale(factor: Any) -> _Part:
    return "affine", {"scale": factor, "shift": 0.0}, {}


def _shift(by: Any) -> _Part:
    return "affine", {"scale": 1.0, "shift": by}, {}


_IDENTITY = _scale(1.0)

_CONVERTERS: dict[str, Callable[[Call], _Parts]] = {
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "BatchNormalization": _batch_normalisation,
    "LayerNormalization": _normalise,
    "RMSNormalization": _normalise,
    "Normalization": _adapted,
    "Rescaling": _rescaling,
    "Flatten": _reshape,
    "Reshape": _reshape,
    **dict.fromkeys(("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"), _activation),
    **dict.fromkeys(_MERGES, _merge),
}


def _with_activation(part: _Part, call: Call) -> _Parts:
    activation = _activation_part(call)
    return None if activation is None else [part, activation] if activation else [part]


def _activation_part(call: Call) -> _Part | tuple[()] | None:
    """Return the activation of a layer, () if it is linear, None if it has no form as an operation."""
    layer, name = call.layer, {"leakyrelu": "leaky_relu"}.get(call.activation, call.activation)
    if not name:
        return ()
    weights: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if call.kind == "ReLU":
        options = {"negative_slope": layer.negative_slope, "max_value": layer.max_value, "threshold": layer.threshold}
    elif call.kind == "LeakyReLU":
        options = {"negative_slope": layer.negative_slope}
    elif call.kind == "ELU":
        options = {"alpha": layer.alpha}
    elif call.kind == "PReLU":
        weights = {"alpha": layer.alpha}
    elif call.kind == "Softmax" and layer.axis not in (-1, len(call.inputs[0].shape) - 1):
        return None
    options = {key: float(value) if value is not None else None for key, value in options.items()}
    return ("activation", weights, {"function": name, **options}) if name in ACTIVATIONS else None


def _exact(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64)


def _refusal(call: Call) -> str:
    activation = f" with the activation {call.activation}" if call.activation else ""
    shape = math.prod(side or 1 for side in call.outputs[0].shape[1:])
    return (
        f"The layer {call.name} ({call.kind}{activation}, {shape:,} outputs) has no form outside Keras here. Export as "
        "keras, or build the model of dense, normalising, activation, dropout and merging layers."
    )
