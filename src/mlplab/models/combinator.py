"""The layer of a ladder network's decoder that joins what comes from above with what comes from the side."""

from typing import Any

import keras
import numpy as np
from keras import ops

_PARAMETERS = 10
_ONES = (1, 6)
"""Positions of a2 and a7, which begin at 1; the other parameters begin at 0."""


@keras.saving.register_keras_serializable("mlplab")
class Combinator(keras.layers.Layer):
    """Estimate clean values from corrupted ones, given a signal u from the layer above: a denoising function.

    It is linear in the corrupted value z, with a slope and a centre that depend on u, for each unit alone:

        μ = a1·sigmoid(a2·u + a3) + a4·u + a5
        v = a6·sigmoid(a7·u + a8) + a9·u + a10
        estimate = (z − μ)·v + μ

    The "vanilla" combinator of Rasmus et al. (2015), arXiv 1507.02672, equation 2. Its parameters a1 to a10 are the
    rows of one weight, (10, units). The layer takes z and u, both (batch, units), and returns (batch, units).

    Args:
        units: of z and u.

    Example:
        estimate = Combinator(250)(z, u)
    """

    def __init__(self, units: int, **arguments: Any):
        super().__init__(**arguments)
        self.units = units
        self.a = self.add_weight(name="a", shape=(_PARAMETERS, units), initializer=_first_values)
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}

    def call(self, z: Any, u: Any) -> Any:
        a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = (self.a[i] for i in range(_PARAMETERS))
        centre = a1 * ops.sigmoid(a2 * u + a3) + a4 * u + a5
        slope = a6 * ops.sigmoid(a7 * u + a8) + a9 * u + a10
        return (z - centre) * slope + centre


def _first_values(shape: tuple[int, int], dtype: Any = None) -> np.ndarray:
    values = np.zeros(shape, dtype)
    values[_ONES, :] = 1
    return values
