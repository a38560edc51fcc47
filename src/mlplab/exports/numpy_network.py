"""Reads a network that `mlplab export --format safetensors` wrote, and predicts with it: NumPy and safetensors alone.

Nothing of mlplab is imported, so that this file can be copied to where there is no mlplab.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

_erf = np.vectorize(math.erf, otypes=[np.float32])


def load(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read the description of a network and its weights by name. Numbers and texts alone: no code runs."""
    with safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()["network"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping


def predict(network: Mapping[str, Any], weights: Mapping[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Return probabilities (n, classes) for raw inputs (n, …)."""
    values = {"input": np.asarray(inputs, np.float32)}
    for operation in network["operations"]:
        taken = [values[name] for name in operation["inputs"]]
        arrays = {name: weights[tensor] for name, tensor in operation["weights"].items()}
        values[operation["output"]] = _computed(operation["kind"], taken, arrays, operation["options"])
    return values[network["output"]]


def _computed(kind: str, taken: list[np.ndarray], arrays: dict[str, np.ndarray], options: dict[str, Any]) -> np.ndarray:
    x = taken[0]
    if kind == "dense":
        return x @ arrays["kernel"] + arrays["bias"]
    if kind == "affine":
        return x * arrays["scale"] + arrays["shift"]
    if kind == "reshape":
        return x.reshape(len(x), *options["shape"])
    if kind == "activation":
        return _activated(x, arrays, **options)
    if kind == "merge":
        return _merged(taken, options["how"])
    if kind == "normalise":
        if options["statistic"] == "mean_variance":
            x = x - x.mean(-1, keepdims=True)
        root = np.sqrt(np.square(x).mean(-1, keepdims=True) + options["epsilon"])
        return x / root * arrays["scale"] + arrays["shift"]
    raise ValueError(f"Unknown operation {kind!r}.")


def _merged(taken: list[np.ndarray], how: str) -> np.ndarray:
    if how == "concatenate":
        return np.concatenate(taken, axis=-1)
    if how == "average":
        return sum(taken[1:], taken[0]) / len(taken)
    function = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum}
    result = taken[0]
    for other in taken[1:]:
        result = function.get(how, np.minimum)(result, other)
    return result


def _activated(x: np.ndarray, arrays: dict[str, np.ndarray], function: str, **options: Any) -> np.ndarray:
    if function == "prelu":
        return np.maximum(x, 0) + arrays["alpha"] * np.minimum(x, 0)
    return ACTIVATIONS[function](x, **{name: value for name, value in options.items() if value is not None})


def _relu(x: np.ndarray, negative_slope: Any = 0, max_value: Any = np.inf, threshold: Any = 0) -> np.ndarray:
    return np.minimum(np.where(x > threshold, x, 0), max_value) - negative_slope * np.maximum(threshold - x, 0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))  # never overflows
    return np.where(x >= 0, 1, small) / (1 + small)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def _elu(x: np.ndarray, alpha: Any = 1) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x / 6 + 0.5, 0, 1)


ACTIVATIONS: dict[str, Any] = {
    "relu": _relu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "gelu": lambda x: x / 2 * (1 + _erf(x / math.sqrt(2))),
    "sigmoid": _sigmoid,
    "hard_sigmoid": _hard_sigmoid,
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "silu": lambda x: x * _sigmoid(x),
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softmax": _softmax,
    "exponential": np.exp,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "log_sigmoid": lambda x: -_softplus(-x),
}
"""Functions by Keras's names."""
