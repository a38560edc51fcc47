"""The ladder network with its authors' settings."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mlplab.errors import UsageError, plain_number, unknown_name
from mlplab.models.ladder_network import LadderNetwork


class Preset(NamedTuple):
    """Noise, and weights of the denoising costs: of the inputs, the first layer, the other hidden ones, the last."""

    inputs: float
    first: float
    hidden: float
    last: float
    noise: float = 0.3

    def costs(self, depth: int) -> tuple[float, ...]:
        """Return the weight of each cost, (depth + 1,), for a network of `depth` layers."""
        between = (self.first, *[self.hidden] * (depth - 2))[: depth - 1]
        return self.inputs, *between, self.last


PRESETS = {
    "all-labels": Preset(1000, 1, 0.01, 0.01),
    "bottom-only": Preset(2000, 0, 0, 0),
    "gamma": Preset(0, 0, 0, 2),
    "1000-labels": Preset(2000, 20, 0.1, 0.1, noise=0.2),
    "100-labels": Preset(1000, 10, 0.1, 0.1),
    "baseline": Preset(0, 0, 0, 0, noise=0.5),
}
"""The authors' settings for MNIST, by name."""


def ladder(
    input_shape: Sequence[int],
    classes: int,
    hidden: int | Sequence[int] = (1000, 500, 250, 250, 250),
    *,
    preset: str = "all-labels",
    costs: Sequence[float] | None = None,
    noise: float | None = None,
    input_noise: float = 0.3,
    seed: int | None = None,
) -> LadderNetwork:
    """Build a ladder network, which learns from labelled rows and from others without labels; see docs/ladder.md.

    Args:
        input_shape: shape of one row: (h, w), (h, w, c) or (d,). Values should be in [0, 1].
        classes: units of the last layer.
        hidden: units of each hidden layer, or of the only one.
        preset: the authors' settings for MNIST: `all-labels`, `1000-labels` and `100-labels`; `bottom-only`, which
            reconstructs the inputs alone; `gamma`, which denoises the last layer alone; `baseline` without a decoder.
        costs: weights λ of the denoising costs of the inputs and of each layer, (len(hidden) + 2,). None: the preset's.
        noise: standard deviation of the noise on each layer, in [0, 1]. None: the preset's.
        input_noise: standard deviation of the noise on the inputs, in [0, 1].
        seed: seed of the initial weights and the noise. None: `keras.utils.set_random_seed` decides, if it was called.

    Returns:
        The uncompiled model. It trains on `{"labelled": x, "unlabelled": x}` with the labels of the labelled rows, and
        predicts x (batch, *input_shape) → probabilities (batch, classes).

    Raises:
        UsageError: for an unknown preset, or costs and noise out of range.

    Example:
        model = mlplab.ladder((8, 8), classes=10, hidden=[32, 16], preset="100-labels", seed=0)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        print(model.encoder.count_params())
    """
    if preset not in PRESETS:
        raise UsageError(unknown_name("preset", preset, PRESETS))
    units = [int(plain_number(each)) for each in np.atleast_1d(np.asarray(hidden, object))]
    return LadderNetwork(
        tuple(input_shape),
        int(plain_number(classes)),
        units,
        PRESETS[preset].costs(len(units) + 1) if costs is None else costs,
        PRESETS[preset].noise if noise is None else noise,
        input_noise,
        random.randrange(2**31) if seed is None else seed,
    )
