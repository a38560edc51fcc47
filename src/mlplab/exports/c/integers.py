"""A network in whole numbers, and its arithmetic in NumPy, to the bit that of the C header."""

from dataclasses import dataclass

import numpy as np

from mlplab.errors import DataError

_CHUNK = 2**22
"""Numbers that a layer takes at once, so that wide networks on many images fit into memory."""


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """A dense layer in whole numbers.

    A unit's sum is its bias, and 8-bit inputs (0 … 255) times its weights; it stays within 32 bits for all inputs. The
    sum becomes `(sum * multiplier) >> 16`, and that `(… + 2**(shift - 1)) >> shift`: rounded, half away from 0. This is
    the output; of all layers but the last it is limited to 0 … 255, and then looked up in `table`.

    Attributes:
        weights: int8 (units, inputs).
        biases: int32 (units,).
        multipliers: uint16 (units,).
        shifts: uint8 (units,), 1 … 31.
        table: uint8 (256,), the activation; None: ReLU, which the limit at 0 is, or the last layer.
    """

    weights: np.ndarray
    biases: np.ndarray
    multipliers: np.ndarray
    shifts: np.ndarray
    table: np.ndarray | None = None

    @property
    def bytes(self) -> int:
        arrays = (self.weights, self.biases, self.multipliers, self.shifts, self.table)
        return sum(array.nbytes for array in arrays if array is not None)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """Return the scaled sums for uint8 inputs (n, inputs): int64 (n, units), not limited yet."""
        # Products of 64-bit floats are exact here, as all sums are whole numbers below 2**53, and far quicker.
        products = inputs.astype(np.float64) @ self.weights.T.astype(np.float64)
        sums = products.astype(np.int64) + self.biases
        scaled = (np.abs(sums) * self.multipliers.astype(np.int64)) >> 16
        shifts = self.shifts.astype(np.int64)
        return np.sign(sums) * ((scaled + (1 << (shifts - 1))) >> shifts)

    def activated(self, inputs: np.ndarray) -> np.ndarray:
        """Return what the next layer gets for uint8 inputs (n, inputs): uint8 (n, units)."""
        limited = np.clip(self.outputs(inputs), 0, 255).astype(np.uint8)
        return limited if self.table is None else self.table[limited]


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A network from 8-bit pixels to scores of its classes, in whole numbers.

    Attributes:
        code: uint8 (256, numbers), what the first layer gets for each value of a pixel; None: the pixel itself.
        layers: at least one.
        score_bits: a score is 2**score_bits times a logit.
    """

    code: np.ndarray | None
    layers: tuple[IntegerLayer, ...]
    score_bits: int

    @property
    def pixels(self) -> int:
        """Pixels of one image, over all its colours."""
        return self.layers[0].weights.shape[1] // (1 if self.code is None else self.code.shape[1])

    @property
    def classes(self) -> int:
        return self.layers[-1].biases.size

    @property
    def bytes(self) -> int:
        """Bytes of all its numbers."""
        return sum(layer.bytes for layer in self.layers) + (0 if self.code is None else self.code.nbytes)

    @property
    def buffers(self) -> tuple[int, int]:
        """Bytes of the two arrays that hold the hidden layers in turn."""
        hidden = [layer.biases.size for layer in self.layers[:-1]]
        return max(hidden[0::2], default=0), max(hidden[1::2], default=0)

    def predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the class of each image, the first of those with the highest score, and the scores.

        Args:
            images: uint8 (n, …), of `pixels` numbers each.

        Returns:
            int64 (n,), int32 (n, classes).

        Raises:
            DataError: for images that are not of 8 bits or of another size.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.size != len(images) * self.pixels:
            raise DataError(
                f"Expected 8-bit images (uint8) of {self.pixels:,} numbers each; got {images.dtype} of shape "
                f"{images.shape}."
            )
        rows = max(1, _CHUNK // max(layer.weights.shape[1] for layer in self.layers))
        scores = [self._scores(images[start : start + rows]) for start in range(0, len(images), rows)]
        scores = np.concatenate(scores or [np.empty((0, self.classes))]).astype(np.int32)
        return scores.argmax(1), scores

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Return the softmax of the scores of images (see `predict`): float64 (n, classes)."""
        logits = np.ldexp(np.float64(self.predict(images)[1]), -self.score_bits)
        exponentials = np.exp(logits - logits.max(1, keepdims=True))
        return exponentials / exponentials.sum(1, keepdims=True)

    def _scores(self, images: np.ndarray) -> np.ndarray:
        values = images.reshape(len(images), -1)
        if self.code is not None:
            values = self.code[values].reshape(len(images), -1)
        for layer in self.layers[:-1]:
            values = layer.activated(values)
        return self.layers[-1].outputs(values)
