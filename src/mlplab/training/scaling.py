"""The scaling of raw inputs for a model of the user's own, which may scale them itself.

8-bit inputs are scaled to [0, 1] for a model, unless its first layers do that, or it was trained without.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import evaluate, keras, predict
from mlplab.runs import Preprocessing
from mlplab.training import splits
from mlplab.training.network import targets_for

_log = logging.getLogger("mlplab")

_SCALES = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.BatchNormalization)
_ROWS = 2000
"""Training rows that are enough to see which scaling a model was made for."""
_MORE_RIGHT = 0.02
"""Difference in accuracy on these rows that is no chance."""


def preprocessing_for(model: keras.Model, inputs: np.ndarray, rows: np.ndarray, standardize: bool) -> Preprocessing:
    """Fit the scaling of raw inputs (n, …) to the training rows, for a model that is to be trained.

    A model whose first layers scale gets the inputs as they are, if that is what these layers are for: what leaves them
    then has a spread closer to 1 than with inputs that are scaled before.
    """
    layers = _scaling_layers(model)
    if not layers or standardize:
        return splits.fit_preprocessing(inputs, rows, standardize)
    if inputs.dtype != np.uint8:
        return Preprocessing()
    fitted, unscaled = splits.fit_preprocessing(inputs, rows, False), Preprocessing()
    sample = inputs[_spaced(rows)]
    if _distance_from_1(layers, unscaled(sample)) >= _distance_from_1(layers, fitted(sample)):
        return fitted
    _log.info("The model scales its inputs itself: it gets them as they are.")
    return unscaled


def preprocessing_of_trained(
    model: keras.Model, data: Data, history: Sequence[Mapping[str, Any]], scale: float | None
) -> Preprocessing:
    """Return the scaling of raw inputs that a trained model was trained with.

    Floats go into a model as they are. For 8-bit inputs, the scales 1, 255 and the full scale of the data are tried on
    training rows: the right one gives the loss that the history ends with. Without a history, it is that of the model's
    first layers, or else the full scale, unless another makes clearly more predictions right.

    Args:
        history: an object for each epoch, with `loss`; may be empty.
        scale: what inputs are divided by, if it is known.
    """
    inputs, every = data.train.inputs, np.arange(len(data.train))
    if scale is not None:
        return Preprocessing(float(scale))
    if inputs.dtype != np.uint8:
        return Preprocessing()
    expected = preprocessing_for(model, inputs, every, standardize=False)
    full_scale = splits.fit_preprocessing(inputs, every, standardize=False)
    candidates = list(dict.fromkeys([expected, full_scale, Preprocessing(), Preprocessing(255.0)]))
    rows = _spaced(every)
    batches = [candidate(inputs[rows]) for candidate in candidates]
    logged = history[-1].get("loss") if history else None
    if logged is not None:
        targets = targets_for(model, data)[rows]
        losses = [evaluate(model, x, targets, verbose=0, return_dict=True)["loss"] for x in batches]
        distances = [abs(loss - logged) if math.isfinite(loss) else math.inf for loss in losses]
        chosen = candidates[int(np.argmin(distances))]
    else:
        labels = data.train.labels[rows]
        right = [float((predict(model, x, verbose=0).argmax(1) == labels).mean()) for x in batches]
        best = int(np.argmax(right))
        chosen = candidates[best] if right[best] > right[0] + _MORE_RIGHT else candidates[0]
    _log.info(
        f"8-bit inputs of {data.name} go into the model "
        + ("as they are" if chosen.scale == 1 else f"divided by {chosen.scale:g}")
        + ", as fits its training. If that is wrong, give save_run the right scale."
    )
    return chosen


def _scaling_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the first layers of a model, up to the last that scales inputs; none if no layer does.

    No other layer with weights comes before it, and none that has several inputs.
    """
    first, end = [], 0
    for layer in _flat(model):
        if isinstance(layer, _SCALES):
            end = len(first) + 1
        elif layer.weights or isinstance(getattr(layer, "input", None), list):
            break
        first.append(layer)
    return first[:end]


def _flat(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flat(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _distance_from_1(layers: Sequence[keras.layers.Layer], x: np.ndarray) -> float:
    """Return how far, as a factor's logarithm, the spread of the values is from 1 after these layers."""
    for layer in layers:
        x = np.asarray(layer(x))
    spread = float(np.std(x))
    return abs(math.log(spread)) if spread > 0 else math.inf


def _spaced(rows: np.ndarray) -> np.ndarray:
    """Return at most 2,000 of the rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _ROWS)).astype(np.int64)]
