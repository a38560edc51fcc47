"""Which models may share a compiled step: those whose configurations describe the same computation."""

import json
from collections.abc import Collection, Hashable, Iterable
from typing import Any

import jax
import numpy as np

from mlplab.engine import keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.traced_hyperparameters import UNKNOWN, replaced, shared_regularizers, traced_hyperparameters

_KEYS_OF_LAYER_NAMES = ("name", "keras_history", "input_layers", "output_layers")
# Not Muon and MultiOptimizer, which use the names of variables, nor LossScaleOptimizer, which holds another one.
_OPTIMIZERS = {
    getattr(keras.optimizers, name)
    for name in (
        *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Nadam", "RMSprop"),
        *("ScheduleFreeAdamW", "SGD"),
    )
}


_OF_MLPLAB = ("mlplab.models.ladder_network", "mlplab.models.combinator", "mlplab.models.penalised")
"""Modules whose layers and models are described by their configurations and variables, as Keras's are."""


def signature(model: keras.Model, traced: Collection[str] | None = None, training: bool = True) -> Hashable:
    """Return a key that is equal for models that may share a compiled step.

    Models made of Keras's own layers, loss, metrics and optimizer, and models of mlplab, are compared by configuration,
    without names of layers, seeds and initializers. A model with code of its own equals only itself, as it is compiled
    now: like Keras's own functions, its programs last until the next `compile`, for predictions too. The key holds the
    objects, so that no later object can have the same identity.

    Args:
        traced: names of `traced_hyperparameters`, whose values do not count; None for all of them.
        training: whether optimizer, loss and metrics count. Predictions do not depend on any traced number.
    """
    training = training and model.compiled
    layout = [tuple((v.shape, v.dtype) for v in variables) for variables in state.variables(model)]
    settings = (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
    unknown = traced_hyperparameters(model, traced if training else None)
    names = tuple(each.name for each in unknown) if training else ()
    key = (*(layout if training else layout[:2]), settings, names, shared_regularizers(model) if names else ())
    with replaced(unknown, UNKNOWN):
        description = _description(model, training)
    if description is not None:
        return (*key, description)
    return (*key, model, keras_internals.compile_config(model), *((model.optimizer,) if training else ()))


def is_described_by_config(part: Any) -> bool:
    """Return whether the configuration of a part is complete: a class of Keras that holds no function or array."""
    return _is_of_keras(part) and all(
        _is_of_keras(held)
        for held in _leaves(list(vars(part).values()))
        if callable(held) or isinstance(held, jax.Array | np.ndarray)
    )


def _description(model: keras.Model, training: bool) -> str | None:
    """Return everything that the step depends on beside the state, as JSON; None for a model with code of its own."""
    layers = keras_internals.layers(model)
    weights = [part for v in model.variables for part in (v.regularizer, v.constraint)]
    compiled: dict[str, Any] = {}
    if training:
        compiled = {"optimizer": model.optimizer, "loss": keras_internals.losses(model)}
        compiled |= keras_internals.metrics(model)
    parts = [*layers, *getattr(model, "operations", ()), *weights, *_leaves(compiled)]
    if len(getattr(model, "outputs", None) or ()) != 1 and type(model).__module__ not in _OF_MLPLAB:
        return None
    if training and type(model.optimizer) not in _OPTIMIZERS:
        return None
    if training and keras_internals.excludes_from_weight_decay(model.optimizer):
        compiled["decayed"] = keras_internals.decayed(model.optimizer)
    if not all(part is None or isinstance(part, str | float | int) or is_described_by_config(part) for part in parts):
        return None
    names = {layer.name: f"#{i}" for i, layer in enumerate(layers)}
    try:
        config = _without_names(model.get_config(), names)
        configs = [type(model).__qualname__, config, [layer.autocast for layer in layers], weights, compiled]
        return json.dumps(configs, sort_keys=True, default=_as_json)
    except Exception:  # get_config may raise anything: that of a quantized layer may hold the layer itself
        return None


def _is_of_keras(part: Any) -> bool:
    """Return whether an object's class, or a function, comes with Keras, or is a part of mlplab's models."""
    module = str(getattr(part, "__module__", None))
    return module.split(".")[0] == "keras" or module in _OF_MLPLAB


def _leaves(part: Any) -> Iterable[Any]:
    """Yield what is in nested lists, tuples, sets and dicts."""
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple | set):
        for item in part:
            yield from _leaves(item)
    else:
        yield part


def _as_json(part: Any) -> Any:
    """Return class and configuration of a part of Keras; of an optimizer without what is in the state."""
    if isinstance(part, np.generic):
        return part.item()
    if not _is_of_keras(part):
        raise TypeError(f"{part!r} is not described by a configuration.")
    config = part.get_config()
    if isinstance(part, keras.optimizers.Optimizer):
        rate = keras_internals.learning_rate(part)  # a number is a variable of the state, a schedule is traced
        config |= {"name": None, "learning_rate": None if isinstance(rate, keras.Variable) else rate}
    return [type(part).__module__, type(part).__qualname__, config]


def _without_names(config: Any, names: dict[str, str], key: str = "") -> Any:
    """Number the layers in a model's configuration, and leave out what only matters when weights are made."""
    if isinstance(config, dict):
        kept = {k: value for k, value in config.items() if k != "seed" and not k.endswith("_initializer")}
        return {k: _without_names(value, names, k) for k, value in kept.items()}
    if isinstance(config, list | tuple):
        return [_without_names(item, names, key) for item in config]
    return names.get(config, config) if key in _KEYS_OF_LAYER_NAMES else config
