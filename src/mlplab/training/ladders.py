"""A run's ladder network: built from its settings; what follows its training; and the classifier that the run keeps."""

from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import SemiSupervisedSource, keras, predict
from mlplab.models import ladder
from mlplab.models.ladder_network import LadderNetwork
from mlplab.runs import Settings

_FEW_LABELS = (100, 1000)
"""Numbers of labels for which the authors have costs of their own, beside those for all."""


def preset(settings: Settings, rows: int, beside: int = 0) -> str:
    """Return the preset of `mlplab.ladder`: of the full network the one whose number of labels is the nearest.

    The nearest is the one with the smallest ratio to the run's number of labels: 100, 1000, or all.

    Args:
        rows: without labels, among which are the labelled ones.
        beside: how many of them are beside the data set, so that their labels are not known.
    """
    if settings.ladder != "full":
        return settings.ladder
    labels = settings.labelled or rows - beside
    nearest = min((rows, *_FEW_LABELS), key=lambda number: abs(np.log(number / labels)))
    return "all-labels" if nearest == rows else f"{nearest}-labels"


def ladder_of(settings: Settings, data: Data, rows: int) -> LadderNetwork:
    """Build the ladder network of some settings, for this number of rows without labels."""
    assert settings.hidden is not None
    shape, classes = data.train.inputs.shape[1:], len(data.class_names)
    chosen = preset(settings, rows, beside=len(data.unlabelled or ()))
    return ladder(shape, classes, settings.hidden, preset=chosen, seed=settings.seed)


def classifier(model: keras.Model) -> keras.Model:
    """Return the model that a run keeps: of a ladder network a copy of its encoder, of others the model itself."""
    if not isinstance(model, LadderNetwork):
        return model
    encoder: Any = keras.models.clone_model(model.encoder)
    optimizer: Any = model.optimizer
    encoder.compile(type(optimizer).from_config(optimizer.get_config()), model.loss, metrics=["accuracy"])
    encoder.set_weights(model.encoder.get_weights())
    return encoder


def use_statistics(model: keras.Model, source: Any) -> None:
    """Let a trained ladder network normalise by averages over the labelled batches of a pass; others stay."""
    if isinstance(model, LadderNetwork):
        assert isinstance(source, SemiSupervisedSource)
        model.use_statistics(predict(model.statistics(), source, verbose=0))
