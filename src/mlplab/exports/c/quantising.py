"""Chains of dense layers → whole numbers of 8 bits, in ranges that training rows show.

Weights are symmetric with a scale for each unit, activations have one scale a layer: Jacob et al. (2018), "Quantization
and training of neural networks for efficient integer-arithmetic-only inference", sections 2.1 to 2.4. Biases make up
for what rounded weights add on average: Nagel et al. (2019), "Data-free quantization through weight equalization and
bias correction", section 4.2, with the means of real rows.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from mlplab.exports.c.chain import Activation, Chain, Dense
from mlplab.exports.c.integers import IntegerLayer, IntegerNetwork

_LARGEST_SUM = 2**31 - 1
_LARGEST_SCALING = 0.25
"""Of a sum to an output: at less than 1/2 the multiplier has 16 bits and the shift is at least 1."""
_MOST_SCORE_BITS = 20
_CUTS = (0.0, 1e-5, 1e-4, 5e-4, 2e-3, 5e-3, 1e-2)
"""Parts of the values that a range may leave out at one end; the range with the least squared error is taken."""
_SAMPLE = 100_000
"""Values of a layer at which ranges are compared."""


@dataclass(frozen=True)
class _Scale:
    """Real numbers as whole ones: `step * whole + low`, from 0 to 255."""

    step: float
    low: float

    def limited(self, values: np.ndarray) -> np.ndarray:
        """Return float64 from 0 to 255, before rounding."""
        return np.clip((values - self.low) / self.step, 0, 255)

    def wholes(self, values: np.ndarray) -> np.ndarray:
        """Return uint8."""
        return np.rint(self.limited(values)).astype(np.uint8)

    def reals(self, wholes: np.ndarray) -> np.ndarray:
        return wholes * self.step + self.low


def quantised(chain: Chain, pixels: np.ndarray) -> IntegerNetwork:
    """Return a chain in whole numbers.

    Args:
        pixels: uint8 (n, pixels), rows to choose ranges by.
    """
    values = chain.first_inputs(pixels)
    code, scale = None, _Scale(1.0, 0.0)
    if chain.code is not None:
        scale = _between(chain.code.min(), chain.code.max())
        code = scale.wholes(chain.code)
    layers = []
    for dense in chain.layers[:-1]:
        layer, values, scale = _hidden(dense, values, scale)
        layers.append(layer)
    weights, biases, steps = _weights(chain.layers[-1], scale.limited(values.mean(0)), scale)
    bits = min(_MOST_SCORE_BITS, int(np.floor(np.log2(_LARGEST_SCALING / steps.max()))))
    last = IntegerLayer(weights, biases, *_multipliers(np.ldexp(steps, bits)))
    return IntegerNetwork(code, (*layers, last), bits)


def _hidden(dense: Dense, values: np.ndarray, scale: _Scale) -> tuple[IntegerLayer, np.ndarray, _Scale]:
    """Return a hidden layer in whole numbers, its exact outputs, and their scale.

    Args:
        values: float64 (n, inputs), its inputs for rows to choose ranges by.
        scale: of its inputs.
    """
    sums = values @ dense.kernel + dense.bias
    of_sums = _range(sums, dense.activation)
    weights, biases, steps = _weights(dense, scale.limited(values.mean(0)), scale, of_sums.low)
    of_sums = _Scale(max(of_sums.step, steps.max() / _LARGEST_SCALING), of_sums.low)
    numbers, outputs = (weights, biases, *_multipliers(steps / of_sums.step)), dense.activation(sums)
    if dense.activation.is_relu:
        return IntegerLayer(*numbers), outputs, of_sums
    activated = dense.activation(of_sums.reals(np.arange(256)))
    of_outputs = _between(activated.min(), activated.max())
    return IntegerLayer(*numbers, of_outputs.wholes(activated)), outputs, of_outputs


def _weights(
    dense: Dense, means: np.ndarray, inputs: _Scale, low: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a layer's weights int8 (units, inputs), its biases int32 (units,), and the step of each unit's sums.

    The bias takes in what the inputs' `low` adds, and that sums are counted from `low`.

    Args:
        means: of its inputs in whole numbers (inputs,), over the rows.
    """
    kernel, bias = dense.kernel * inputs.step, dense.bias + inputs.low * dense.kernel.sum(0) - low
    steps = np.abs(kernel).max(0) / 127
    reach = 255 * np.abs(kernel).sum(0) + np.abs(bias)
    rounding = 255 * len(kernel) + 1  # by how many steps it can enlarge a sum: half of it the weights', half the bias's
    steps = np.maximum(steps, reach / (_LARGEST_SUM - rounding))
    steps = np.where(steps > 0, steps, steps.max() or 1.0)  # units that are always 0
    weights = np.rint(kernel / steps)
    bias += means @ (kernel - weights * steps)
    return weights.astype(np.int8).T, np.rint(bias / steps).astype(np.int32), steps


def _multipliers(scalings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return multipliers uint16 and shifts uint8 with `multiplier / 2**(16 + shift)` next to each scaling."""
    exponents = np.frexp(scalings)[1]  # scaling = f * 2**exponent, f from 1/2 to below 1
    shifts = -exponents
    multipliers = np.minimum(np.rint(np.ldexp(scalings, 16 + shifts)), 2**16 - 1)
    reached = shifts <= 31  # beyond, no sum is large enough for an output other than 0
    return np.where(reached, multipliers, 0).astype(np.uint16), np.where(reached, shifts, 1).astype(np.uint8)


def _range(sums: np.ndarray, activation: Activation) -> _Scale:
    """Return the scale of a layer's sums with which its activations have the least squared error."""
    values = sums.ravel()
    if values.size > _SAMPLE:
        values = np.concatenate([np.random.default_rng(0).choice(values, _SAMPLE), [values.min(), values.max()]])
    exact = activation(values)
    highs = np.unique(np.quantile(values, 1 - np.array(_CUTS)))
    lows = [0.0] if activation.is_relu else np.unique(np.quantile(values, _CUTS))
    scales = [_between(low, high) for low, high in itertools.product(lows, highs)]
    errors = [np.square(activation(scale.reals(scale.wholes(values))) - exact).sum() for scale in scales]
    return scales[int(np.argmin(errors))]


def _between(low: float, high: float) -> _Scale:
    return _Scale(float(high - low) / 255 if high > low else 1.0, float(low))
