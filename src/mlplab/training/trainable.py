"""What is refused before anything is made: settings of several trainings that a data set cannot have."""

import dataclasses
from collections.abc import Iterable

from mlplab.datasets import Data
from mlplab.runs import Preprocessing, Settings
from mlplab.training import splits
from mlplab.training.augmentation import augmentation
from mlplab.training.class_weights import row_weights
from mlplab.training.network import build_network, require_memory

_CHECKED = (
    "optimizer",
    "activation",
    "ladder",
    "pixel_encoding",
    "augment",
    "validation",
    "labelled",
    "class_weight",
)
"""Settings whose values may be misspelt, or not fit the data."""


def require_trainable(settings: Iterable[Settings], data: Data, networks: int) -> None:
    """Raise for settings of which one cannot be trained on a data set. It builds a small network of each kind.

    Args:
        networks: that are trained together with the same settings, which the memory has to hold.

    Raises:
        UsageError: for misspelt names, networks that are too large, impossible splits, unknown classes, for changes and
            encodings of pixels where the data has none, and for images without labels that nothing learns from.
        DataError: if all rows are of one class.
    """
    known = set()
    for each in settings:
        each.require_ladder(data.unlabelled)
        require_memory(each, data, networks)
        kind = repr([getattr(each, name) for name in _CHECKED])
        if kind in known:
            continue
        known.add(kind)
        split = splits.split(data.train, each)
        row_weights(each.class_weight, data.train.labels, data.class_names, split["train"])
        model = build_network(dataclasses.replace(each, hidden=(1,)), data, splits.rows_of_epoch(split, data))
        augmentation(each, model, data, Preprocessing())
