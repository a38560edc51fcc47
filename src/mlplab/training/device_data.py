"""The training rows of a data set on the device, shared by all sources over them."""

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows
from mlplab.runs import Preprocessing


class DeviceData:
    """The training rows of a data set on the device.

    Args:
        data: its training rows are taken.
        targets: (n,) labels or (n, classes) one-hot rows, as the loss takes them.
    """

    def __init__(self, data: Data, targets: np.ndarray):
        self._arrays = ArraySource(data.train.inputs, targets).arrays

    def source(
        self,
        rows: np.ndarray | None = None,
        *,
        preprocessing: Preprocessing,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
    ) -> ArraySource:
        """Return a source over some rows, or over all of them.

        Args:
            rows: row numbers, int (m,).
            preprocessing: applied to the inputs in each step.
            batch_size, shuffle, seed: as in `ArraySource`.
        """
        return ArraySource(
            *self._arrays,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            batch=Rows(preprocess=preprocessing),
            subset=rows,
        )
