"""The scaling of raw inputs for a model of the user's own, which may scale them itself.

8-bit inputs are scaled to [0, 1] for a model, unless its first layers do that, or it was trained without.
"""

import dataclasses
import logging
import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np

from mlplab import scores
from mlplab.datasets import Data
from mlplab.engine import evaluate, keras, predict
from mlplab.runs import Preprocessing
from mlplab.runs.probabilities import as_probabilities
from mlplab.training import splits
from mlplab.training.network import targets_for

_log = logging.getLogger("mlplab")

_SCALES = (keras.layers.Rescaling, keras.layers.Normalization, keras.layers.BatchNormalization)
_ROWS = 2000
"""Training rows that are enough to see which scaling a model was made for."""
_ALL_RIGHT = 0.99
"""Accuracy on these rows that says no more of the scaling."""
_LESS = 0.8
"""Part of another loss that is no chance."""
_FAR = math.log(5)
"""Logarithm of a factor by which an estimate is not wrong."""
_NEARER = 0.5
"""Part of the distance of another loss from the logged one that is no chance."""


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
    model: keras.Model, data: Data, scale: float | None, loss: float | None = None
) -> Preprocessing:
    """Return the scaling of raw inputs with which a model was trained.

    Fractions go into a model as they are. 8-bit inputs do so too, or are divided by their full scale or by 255: as the
    model's first layers need it, or else as the optimizer saw them, or else so that the loss on training rows is the
    one that training logged. Where all of that is unknown, the least loss decides, which is doubtful and warned about.

    Args:
        scale: what inputs are divided by, if it is known.
        loss: the training loss that was logged in the epoch whose weights the model has, if it is known.
    """
    inputs = data.train.inputs
    if scale is not None or inputs.dtype != np.uint8:
        return Preprocessing(float(scale or 1))
    every = np.arange(len(inputs))
    chosen, is_sure = preprocessing_for(model, inputs, every, standardize=False), True
    if not _scaling_layers(model):
        candidates = list(dict.fromkeys([chosen, Preprocessing(), Preprocessing(255.0)]))
        sample = dataclasses.replace(data, train=data.train.select(_spaced(every)))
        place, is_sure = _likeliest(model, sample, [candidate(sample.train.inputs) for candidate in candidates], loss)
        chosen = candidates[place]
    how = "as they are" if chosen.scale == 1 else f"divided by {chosen.scale:g}"
    if is_sure:
        _log.info(
            f"8-bit inputs of {data.name} go into the model {how}, as in its training. If that is wrong, give save_run "
            "the right scale."
        )
    else:
        warnings.warn(
            f"8-bit inputs of {data.name} go into the model {how}; whether they did so in its training is doubtful. "
            "Give save_run the scale that they were divided by: scale=1 for none"
            f"{', or the history of the training' if loss is None else ''}.",
            stacklevel=3,
        )
    return chosen


def _likeliest(
    model: keras.Model, sample: Data, candidates: Sequence[np.ndarray], loss: float | None
) -> tuple[int, bool]:
    """Return which of the candidates the model was trained with, and whether that is beyond doubt.

    Each candidate is one scaling of the training rows of the sample, float32 (n, …).
    """
    trained = _size_in_training(model)
    if trained:
        distances = [abs(math.log(max(_root_mean_square(x), 1e-9) / trained)) for x in candidates]
        if min(distances) < _FAR:
            return int(np.argmin(distances)), True
    if loss is not None:
        targets = targets_for(model, sample)
        evaluated = [evaluate(model, x, targets, verbose=0, return_dict=True)["loss"] for x in candidates]
        distances = np.nan_to_num(np.abs(np.array(evaluated) - loss), nan=np.inf)
        nearest, second = np.sort(distances)[:2]
        return int(np.argmin(distances)), bool(nearest < _NEARER * second)
    labels, classes = sample.train.labels, len(sample.class_names)
    predicted = [as_probabilities(model, predict(model, x, verbose=0), classes) for x in candidates]
    if (predicted[0].argmax(1) == labels).mean() > _ALL_RIGHT:  # others may only be surer
        return 0, True
    losses = np.array([scores.log_losses(labels, probabilities).mean() for probabilities in predicted])
    return (int(np.argmin(losses)) if losses.min() < _LESS * losses[0] else 0), False


def _size_in_training(model: keras.Model) -> float | None:
    """Estimate the root mean square of the inputs that the first layer was trained on, from an optimizer such as Adam.

    The gradient of a weight is an input times the gradient of the bias. So the mean squares of the two gradients, which
    such an optimizer keeps, have the ratio of the inputs' mean square to 1. None if the optimizer keeps no squares.
    """
    layer = next((layer for layer in _flat(model) if layer.weights), None)
    squares = []
    for variable in (getattr(layer, "kernel", None), getattr(layer, "bias", None)):
        name = "" if variable is None else f"{variable.path.replace('/', '_')}_velocity"
        kept = [] if model.optimizer is None else model.optimizer.variables
        squares.append(next((float(np.mean(v)) for v in kept if name and v.path.endswith(name)), 0.0))
    return math.sqrt(squares[0] / squares[1]) if all(squares) else None


def _root_mean_square(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


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
