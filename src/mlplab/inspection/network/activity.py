"""Outputs of a model's tensors, statistics of its units, and gradients at its inputs."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import mapped
from mlplab.inspection.network.graph import Network
from mlplab.runs.probabilities import class_outputs, takes_logits

if TYPE_CHECKING:
    import keras

_BLOCK = 2000
_BLOCK_NUMBERS = 2**23
"""Most rows of a block, and most numbers it returns: 32 MB of float32."""

LIMITS = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh", "softsign", "soft_sign"), (-1.0, 1.0)),
}
"""Activation functions bounded on both sides, with their limits."""

NEAR, MOSTLY = 0.05, 0.95
"""A unit is saturated if its outputs are within 5 % of the range of a limit on at least 95 % of the rows."""


class Forward:
    """Compute tensors of a network for raw rows, in blocks of one shape, so that one compilation serves all.

    Args:
        tensors: the symbolic tensors of the network to compute.
        preprocess: applied to the raw rows first, inside the compiled function.
    """

    def __init__(self, network: Network, tensors: Sequence[Any], preprocess: Any):
        import jax

        from mlplab.engine import keras

        part = keras.Model(network.model.inputs, list(tensors))
        self._weights = _weights(part)
        width = sum(math.prod(side or 1 for side in tensor.shape[1:]) for tensor in [*part.inputs, *tensors])
        self._block = max(1, min(_BLOCK, _BLOCK_NUMBERS // width))
        self._compiled = jax.jit(
            lambda weights, x: keras.tree.flatten(part.stateless_call(*weights, preprocess(x), training=False)[0])
        )

    def __call__(self, rows: np.ndarray) -> Iterator[list[np.ndarray]]:
        """Yield float32 arrays (b, …), one for each tensor, for each block of rows (n, …)."""
        for start in range(0, len(rows), self._block):
            block = rows[start : start + self._block]
            missing = self._block - len(block)
            padded = np.concatenate([block, np.zeros((missing, *rows.shape[1:]), rows.dtype)]) if missing else block
            yield [np.asarray(values, np.float32)[: len(block)] for values in self._compiled(self._weights, padded)]
            mapped.release(rows)


def saliency(model: "keras.Model", inputs: np.ndarray, classes: np.ndarray, count: int) -> np.ndarray:
    """Compute gradients of log p(class) with respect to the model's inputs.

    Simonyan, Vedaldi and Zisserman (2013), "Deep inside convolutional networks", section 3, use the score of the class
    before the softmax; the log-probability depends on the scores of all classes.

    Args:
        model: a run's, see `runs.probabilities`.
        inputs: preprocessed, float32 (n, …), as are the gradients.
        classes: int (n,).
        count: the number of all classes.
    """
    import jax

    logits = takes_logits(model)

    def log_probability(x: Any, weights: Any) -> Any:
        outputs = model.stateless_call(*weights, x, training=False)[0].astype("float32")
        outputs = class_outputs(outputs, count, logits)
        logs = jax.nn.log_softmax(outputs) if logits else jax.numpy.log(jax.numpy.maximum(outputs, 1e-30))
        # Each row's output depends on that row only, so the gradient of the sum has the gradients of all rows.
        return logs[np.arange(len(classes)), classes].sum()

    return np.asarray(jax.jit(jax.grad(log_probability))(inputs, _weights(model)), np.float32)


def _weights(model: "keras.Model") -> tuple[list[Any], list[Any]]:
    return [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]


class UnitStatistics:
    """Statistics of a layer's units, added up block by block.

    Args:
        activation: name of the activation function, which defines saturation.
    """

    def __init__(self, activation: str):
        self._limits = LIMITS.get(activation)
        self._n: int = 0
        self._sums: Any = 0.0  # float64 (5, units): outputs, squares, above 0, near the lower limit, near the upper
        self._lowest: Any = np.inf
        self._highest: Any = -np.inf

    def add(self, outputs: np.ndarray) -> None:
        """Add outputs of the units, float32 (rows, …, units)."""
        outputs = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
        low, high = self._limits or (np.nan, np.nan)
        margin = NEAR * (high - low)
        parts = (outputs, outputs**2, outputs > 0, outputs <= low + margin, outputs >= high - margin)
        self._n += len(outputs)
        self._sums = self._sums + np.stack([part.sum(0) for part in parts])
        self._lowest = np.minimum(self._lowest, outputs.min(0))
        self._highest = np.maximum(self._highest, outputs.max(0))

    def columns(self) -> dict[str, np.ndarray]:
        """Return mean, sd, active (fraction of rows with an output above 0) and state, each (units,)."""
        mean, square, active, low, high = self._sums / self._n
        dead = self._lowest == self._highest
        saturated = ~dead & (np.maximum(low, high) >= MOSTLY)
        sd = np.where(dead, 0.0, np.sqrt(np.maximum(square - mean**2, 0.0)))
        state = np.select([dead, saturated], ["dead", "saturated"], "")
        return {"mean": mean, "sd": sd, "active": active, "state": state}
