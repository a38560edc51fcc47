"""The training rows of a data set on the device, once, for any number of sources."""

from typing import Any

import jax
import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows
from mlplab.runs import Preprocessing


class DeviceData:
    """Raw training inputs and their targets, on the device.

    Args:
        data: a data set. Its test rows stay where they are.
        targets: (n,) or (n, classes), see `network.targets_for`.
    """

    def __init__(self, data: Data, targets: np.ndarray):
        self._arrays: Any = jax.device_put((data.train.inputs, targets, None))

    def source(
        self,
        rows: np.ndarray | None = None,
        *,
        preprocessing: Preprocessing,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
    ) -> ArraySource:
        """Return a source of some rows, by their integer positions; None: of all."""
        batch = Rows(preprocess=preprocessing)
        return ArraySource(*self._arrays, batch=batch, subset=rows, batch_size=batch_size, shuffle=shuffle, seed=seed)
