"""What a model does with rows: outputs of its tensors block by block, statistics of units, gradients."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.inspection.network.graph import Network

if TYPE_CHECKING:
    import keras

_BLOCK = 2000
_BLOCK_NUMBERS = 2**23
"""Rows, and numbers given out, that a block has at most: 32 MB of float32."""

LIMITS = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "sparse_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "soft_sign": (-1.0, 1.0),
}
"""Activation functions that flatten out at two limits."""

NEAR, MOSTLY = 0.05, 0.95
"""A unit is saturated whose outputs are within 5 % of the range of a limit on 95 % of the rows."""


class Forward:
    """Values of a network's tensors for raw rows, block by block. One compilation, as all blocks have one shape.

    Args:
        network: the network.
        tensors: its symbolic tensors that are wanted.
        preprocess: applied to the raw rows first, inside the compiled step.
        rows: of a block, at most.
    """

    def __init__(self, network: Network, tensors: Sequence[Any], preprocess: Any, rows: int = _BLOCK):
        import jax

        from mlplab.engine import keras

        part = keras.Model(network.model.inputs, list(tensors))
        self._weights = _weights(part)
        width = sum(math.prod(side or 1 for side in tensor.shape[1:]) for tensor in [*part.inputs, *tensors])
        self._block = max(1, min(rows, _BLOCK_NUMBERS // width))
        self._compiled = jax.jit(
            lambda weights, x: keras.tree.flatten(part.stateless_call(*weights, preprocess(x), training=False)[0])
        )

    def __call__(self, rows: np.ndarray) -> Iterator[list[np.ndarray]]:
        """A list of float32 (b, …) for each block of rows (n, …), one array for each tensor."""
        for start in range(0, len(rows), self._block):
            block = rows[start : start + self._block]
            missing = self._block - len(block)
            padded = np.concatenate([block, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else block
            yield [np.asarray(values, np.float32)[: len(block)] for values in self._compiled(self._weights, padded)]


def flat(outputs: np.ndarray) -> np.ndarray:
    """(n, …) → (n, d)."""
    return outputs.reshape(len(outputs), -1)


def saliency(model: "keras.Model", inputs: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Gradients of log p(class) with respect to the model's inputs.

    Simonyan, Vedaldi and Zisserman (2013), "Deep inside convolutional networks", section 3; there of the class's
    score before the softmax, here of the log-probability, in which all scores have their say.

    Args:
        model: gives probabilities, or logits if its loss says so.
        inputs: preprocessed, float32 (n, …).
        classes: int (n,).

    Returns:
        float32 (n, …).
    """
    import jax

    logits = getattr(model.loss, "from_logits", False)

    def log_probability(x: Any, weights: Any) -> Any:
        outputs = model.stateless_call(*weights, x, training=False)[0].astype("float32")
        logs = jax.nn.log_softmax(outputs) if logits else jax.numpy.log(jax.numpy.maximum(outputs, 1e-30))
        # A row's output depends on that row alone, so the sum has the gradients of all of them.
        return logs[np.arange(len(classes)), classes].sum()

    return np.asarray(jax.jit(jax.grad(log_probability))(inputs, _weights(model)), np.float32)


def _weights(model: "keras.Model") -> tuple[list[Any], list[Any]]:
    return [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


class UnitStatistics:
    """Statistics of a layer's units, gathered block by block.

    Args:
        activation: its name, which decides on saturation.
    """

    def __init__(self, activation: str):
        self._limits = LIMITS.get(activation)
        self._n: int = 0
        self._sums: Any = 0.0  # float64 (6, units): outputs, squares, above 0, near the lower and the upper limit
        self._lowest: Any = np.inf
        self._highest: Any = -np.inf

    def add(self, outputs: np.ndarray) -> None:
        """Outputs of the units, float32 (rows, …, units)."""
        outputs = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
        low, high = self._limits or (np.nan, np.nan)
        margin = NEAR * (high - low)
        parts = (outputs, outputs**2, outputs > 0, outputs <= low + margin, outputs >= high - margin)
        self._n += len(outputs)
        self._sums = self._sums + np.stack([part.sum(0) for part in parts])
        self._lowest = np.minimum(self._lowest, outputs.min(0))
        self._highest = np.maximum(self._highest, outputs.max(0))

    def columns(self) -> dict[str, np.ndarray]:
        """mean, sd, active (share of rows with an output above 0) and state, each (units,)."""
        mean, square, active, low, high = self._sums / self._n
        dead = self._lowest == self._highest
        saturated = ~dead & (np.maximum(low, high) >= MOSTLY)
        sd = np.where(dead, 0.0, np.sqrt(np.maximum(square - mean**2, 0.0)))
        state = np.select([dead, saturated], ["dead", "saturated"], "")
        return {"mean": mean, "sd": sd, "active": active, "state": state}
