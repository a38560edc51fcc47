"""The training rows on the device: as a whole, or in chunks."""

from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import (
    ArraySource,
    Augmentation,
    ChunkedSource,
    Rows,
    SemiSupervisedSource,
    chunk_bytes_for,
    chunks,
    keras,
    placement,
)
from mlplab.errors import UsageError
from mlplab.runs import Preprocessing, Settings
from mlplab.training.augmentation import augmentation
from mlplab.training.class_weights import row_weights
from mlplab.training.network import takes_class_numbers, targets_for

_VALIDATED_AT_ONCE = 1000
"""Rows of a batch in validation."""


class DeviceData:
    """Raw training inputs and targets, on the device once, for any number of models and sources.

    Images without labels come after the training rows, with the target 0, which nothing reads. The test rows of the
    data set stay where they are.

    Args:
        data: the data set.
        chunk_bytes: of the chunks in which the rows go to the device, each when its turn comes; None: all at once. The
            order of the rows depends on it.

    Raises:
        UsageError: for images without labels beside rows in chunks.
    """

    def __init__(self, data: Data, chunk_bytes: int | None):
        self._data, self._chunk_bytes = data, chunk_bytes
        inputs, images = data.train.inputs, data.unlabelled
        if images is not None:
            self._require_whole()
        self._beside = np.arange(len(images or ())) + len(inputs)
        self._inputs: Any = self._placed(inputs if images is None else np.concatenate([inputs, images.inputs]))
        self._targets: dict[bool, Any] = {}
        self._weights: dict[bytes, Any] = {}
        self._held_out: dict[bytes, np.ndarray] = {}

    @classmethod
    def of(cls, data: Data) -> "DeviceData":
        """Return the training rows in chunks of the size that suits this machine, or as a whole: `chunk_bytes_for`."""
        return cls(data, chunk_bytes_for(data.train.inputs))

    def _require_whole(self) -> None:
        """Raise `UsageError` unless all rows are in memory, as a ladder network needs them."""
        if self._chunk_bytes is not None:
            raise UsageError(
                f"A ladder network keeps all rows in memory, and {self._data.name} has "
                f"{self._data.train.inputs.nbytes / 1e9:,.1f} GB of them. Take fewer rows, or leave ladder out.",
                arguments=("ladder",),
            )

    def _placed(self, array: np.ndarray) -> Any:
        return placement.on_device(array) if self._chunk_bytes is None else array

    def source(
        self,
        model: keras.Model,
        rows: np.ndarray,
        *,
        preprocessing: Preprocessing,
        transform: Augmentation | None = None,
        **order: Any,
    ) -> ArraySource:
        """Return a source of some training rows, by their integer positions, with the targets that the model takes.

        `order`: the arguments sample_weight, batch_size, shuffle and seed of `ArraySource`.
        """
        arrays, order = (self._inputs, self._targets_for(model)), {"batch": Rows(preprocessing, transform), **order}
        if self._chunk_bytes is None:
            return ArraySource(*arrays, subset=rows, **order)
        return ChunkedSource(*arrays, subset=rows, chunk_bytes=self._chunk_bytes, **order)

    def validation_source(self, model: keras.Model, rows: np.ndarray, *, preprocessing: Preprocessing) -> ArraySource:
        """Return a source of the rows to validate with, in their order.

        They lie all over a file, so that reading them takes as long as reading nearly all of it. So those that take no
        more than a chunk, those of all models together, are copied into memory once.
        """
        if self._chunk_bytes is None or (inputs := self._copied(rows, self._chunk_bytes)) is None:
            return self.source(model, rows, preprocessing=preprocessing, batch_size=_VALIDATED_AT_ONCE)
        order = {"batch": Rows(preprocessing), "batch_size": _VALIDATED_AT_ONCE}
        return ChunkedSource(inputs, self._targets_for(model)[rows], chunk_bytes=self._chunk_bytes, **order)

    def _copied(self, rows: np.ndarray, most_bytes: int) -> np.ndarray | None:
        """Return a copy of some inputs in memory, the same array for the same rows; None if they are too large."""
        name = rows.tobytes()
        if name not in self._held_out:
            count = sum(map(len, self._held_out.values())) + len(rows)
            if count * self._inputs[:1].nbytes > most_bytes:
                return None
            self._held_out[name] = chunks.copied_rows(self._inputs, rows, len(rows))
        return self._held_out[name]

    def _targets_for(self, model: keras.Model) -> Any:
        kind = takes_class_numbers(model)
        if kind not in self._targets:
            targets = targets_for(model, self._data)
            beside = np.zeros((len(self._beside), *targets.shape[1:]), targets.dtype)
            self._targets[kind] = self._placed(np.concatenate([targets, beside]))
        return self._targets[kind]

    def training_source(
        self,
        model: keras.Model,
        rows: np.ndarray,
        settings: Settings,
        *,
        preprocessing: Preprocessing,
        unlabelled: np.ndarray | None = None,
        **order: Any,
    ) -> ArraySource | SemiSupervisedSource:
        """Return a source of the rows to train a model on: shuffled, changed at random and weighted by class.

        The settings say how. For a ladder network: of labelled rows, and of others that are used without labels, beside
        the images without labels.

        `order`: as in `source`; batch size and seed are by default those of the settings.

        Raises:
            UsageError: for a ladder network on rows in chunks.
        """
        if unlabelled is not None:
            self._require_whole()
            unlabelled = np.concatenate([unlabelled, self._beside])
            return SemiSupervisedSource(
                self._inputs,
                self._targets_for(model),
                labelled=rows,
                unlabelled=unlabelled,
                batch_size=min(settings.batch_size, len(unlabelled)),
                seed=settings.seed,
                preprocess=preprocessing,
            )
        order = {"batch_size": settings.batch_size, "shuffle": True, "seed": settings.seed, **order}
        weights = row_weights(settings.class_weight, self._data.train.labels, self._data.class_names, rows)
        if weights is not None:  # networks with the same weights share the array
            name = weights.tobytes()
            if name not in self._weights:
                self._weights[name] = self._placed(weights)
            weights = self._weights[name]
        transform = augmentation(settings, model, self._data, preprocessing)
        more = {"preprocessing": preprocessing, "transform": transform, "sample_weight": weights}
        return self.source(model, rows, **more, **order)
