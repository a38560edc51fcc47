"""The settings `augment` and `mixup` → what changes the training batches."""

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import Augmentation, keras
from mlplab.errors import UsageError
from mlplab.runs import Preprocessing, Settings, augment
from mlplab.training.network import takes_class_numbers


def augmentation(
    settings: Settings, model: keras.Model, data: Data, preprocessing: Preprocessing
) -> Augmentation | None:
    """Return what changes the batches of a model's training at random; None if nothing does.

    Pixels that are left empty get what `preprocessing` makes of 0.

    Raises:
        UsageError: for features, which are no images, and for a model whose targets cannot be mixed.
    """
    if settings.augment == "none" and not settings.mixup:
        return None
    if settings.mixup and takes_class_numbers(model):
        raise UsageError(
            "mixup mixes targets, which must be one-hot rows, and the model's loss takes class numbers: compile it "
            "with loss='categorical_crossentropy' and an output for each class, or leave mixup out."
        )
    if settings.augment == "none":
        return Augmentation(mixup=settings.mixup)
    shape = data.train.inputs.shape[1:]
    if not data.train.has_images:
        raise UsageError(
            f"augment={settings.augment!r} changes images, and the rows of {data.name} are {shape[0]:,} numbers: leave "
            "augment out.",
            arguments=("augment",),
        )
    changes = augment.changes(settings.augment)
    amounts = {name: amount for name, amount in changes.items() if amount is not None}
    fill = float(preprocessing(np.zeros(1))[0]) if set(changes) != {"flip"} else 0.0
    return Augmentation(tuple(changes), shape[:2], fill, settings.mixup, **amounts)
