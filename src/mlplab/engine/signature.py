"""When do two models' steps compute the same function of their states? When their configurations say the same."""

import json
import types
from collections.abc import Hashable, Iterable
from typing import Any

from mlplab.engine.backend import keras

_NAME_LISTS = ("keras_history", "input_layers", "output_layers")


def signature(model: keras.Model) -> Hashable:
    """A key that is equal for models whose compiled loops may stand in for one another.

    Models made of Keras's own layers, loss, metrics and optimizer are compared by configuration, the names of
    layers, seeds and initializers aside. Every other model equals only itself, compiled as it is now.
    """
    shapes = tuple((tuple(v.shape), v.dtype) for v in model.trainable_variables)
    if _all_of_keras(model):
        names = {layer.name: f"#{i}" for i, layer in enumerate(_layers(model))}
        model_config = _anonymous(model.get_config(), names)
        compile_config = model.get_compile_config() if model.compiled else {}
        if optimizer := compile_config.get("optimizer"):
            optimizer["config"] |= {
                "name": None,
                "learning_rate": _rate(optimizer["config"]["learning_rate"]),
            }
        return shapes, json.dumps([model_config, compile_config], sort_keys=True)
    compiled = [getattr(model, name, None) for name in ("optimizer", "_compile_loss", "_compile_metrics")]
    return shapes, id(model), *map(id, compiled)


def _all_of_keras(model: keras.Model) -> bool:
    """Whether the configuration tells all: every part is a class of Keras, set up through its constructor."""
    layers = _layers(model)
    if len(getattr(model, "outputs", None) or ()) != 1 or not all(_of_keras(layer) for layer in layers):
        return False
    if any(
        isinstance(value, types.FunctionType) and not _of_keras(value)
        for v in map(vars, layers)
        for value in v.values()
    ):
        return False
    if not model.compiled:
        return True
    asked = model._compile_config.config
    parts = _leaves([asked[name] for name in ("loss", "metrics", "weighted_metrics", "loss_weights")])
    optimizer = model.optimizer
    return (
        all(isinstance(part, str | float | int | None) or _of_keras(part) for part in parts)
        and _of_keras(optimizer)
        and getattr(optimizer, "_exclude_from_weight_decay", None) is None
        and not isinstance(getattr(optimizer, "_learning_rate", None), types.FunctionType)
    )


def _layers(model: keras.Model) -> list[keras.Layer]:
    return list(model._flatten_layers())


def _of_keras(part: Any) -> bool:
    """Whether an object's class, or a function, comes with Keras."""
    kind = part if isinstance(part, types.FunctionType) else type(part)
    return kind.__module__.split(".")[0] == "keras"


def _leaves(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple):
        for item in part:
            yield from _leaves(item)
    else:
        yield part


def _rate(learning_rate: Any) -> Any:
    """A learning rate's part in the key: a number is a variable of the state, a schedule is traced."""
    return None if isinstance(learning_rate, float) else learning_rate


def _anonymous(config: Any, names: dict[str, str], key: str = "") -> Any:
    """A model's configuration with its layers numbered, and without what matters only when weights are made."""
    if isinstance(config, dict):
        return {k: _anonymous(v, names, k) for k, v in config.items() if k != "seed" and not k.endswith("_initializer")}
    if isinstance(config, list | tuple):
        return [_anonymous(item, names, key) for item in config]
    return names.get(config, config) if key == "name" or key in _NAME_LISTS else config
