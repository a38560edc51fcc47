"""When do two models' steps compute the same function of their states? When their configurations say the same."""

import contextlib
import hashlib
import json
import types
from collections.abc import Hashable, Iterable
from typing import Any

import jax
import numpy as np

from mlplab.engine import state
from mlplab.engine.backend import keras

_NAME_LISTS = ("keras_history", "input_layers", "output_layers")
# All but Muon and MultiOptimizer, which go by the names of variables, and LossScaleOptimizer, which holds another.
_OPTIMIZERS = {
    getattr(keras.optimizers, name)
    for name in (
        *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion", "Nadam", "RMSprop"),
        *("ScheduleFreeAdamW", "SGD"),
    )
}


def signature(model: keras.Model, training: bool = True) -> Hashable:
    """A key that is equal for models whose compiled loops may stand in for one another.

    Models made of Keras's own layers, loss, metrics and optimizer are compared by configuration, the names of
    layers, seeds and initializers aside. Every other model equals only itself, compiled as it is now; the key
    holds what it goes by, so that nothing new can take its identity.

    Args:
        training: whether optimizer, loss and metrics count.
    """
    training = training and model.compiled
    layout = [tuple((v.shape, v.dtype) for v in variables) for variables in state.variables(model)]
    settings = (keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
    key = (*(layout if training else layout[:2]), settings)
    told = _told_by_configs(model, training)
    return (*key, told) if told else (*key, model, *((model.optimizer, model._compile_config) if training else ()))


def is_told(model: keras.Model) -> bool:
    """Whether a built model's configuration tells all of its training step; else it is like no other model."""
    return _told_by_configs(model, model.compiled) is not None


def told_by_config(part: Any) -> bool:
    """Whether a configuration tells all: a class of Keras, with no function and no array in it from elsewhere."""
    return _of_keras(part) and all(
        _of_keras(held)
        for held in _leaves(list(vars(part).values()))
        if callable(held) or isinstance(held, jax.Array | np.ndarray)
    )


def constants(model: keras.Model, *more: Any) -> str:
    """A digest of what a step may compute with beside the state: arrays, and the numbers of parts that are not Keras's.

    For models that one function built, whose code is the same though no configuration tells it. A part that is not
    Keras's may hold a seed, which makes no difference to a step: such models are told apart without need.

    Args:
        more: further parts, such as the arguments that the model was built of.
    """
    digest, seen = hashlib.sha256(), set()
    compiled = _leaves(_compiled(model)) if model.compiled else ()
    for part in (model, *model._flatten_layers(), *compiled):
        _digest(digest, list(getattr(part, "__dict__", {}).values()), seen, numbers=not _of_keras(part))
    _digest(digest, list(more), seen, numbers=True)
    return digest.hexdigest()


def _digest(digest: Any, held: list[Any], seen: set[int], numbers: bool) -> None:
    """Arrays, numbers if they count, and what objects and functions that are not Keras's hold in turn."""
    for leaf in _leaves(held):
        if isinstance(leaf, jax.Array | np.ndarray):
            is_key = isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            array = np.asarray(jax.random.key_data(leaf) if is_key else leaf)
            digest.update(repr((array.shape, array.dtype)).encode() + np.ascontiguousarray(array).tobytes())
        elif isinstance(leaf, int | float | complex | np.number):
            digest.update(f"{leaf!r};".encode() if numbers else b"")
        elif not isinstance(leaf, type | types.ModuleType) and not _of_keras(leaf) and id(leaf) not in seen:
            seen.add(id(leaf))
            _digest(digest, _inside(leaf), seen, numbers=True)


def _inside(part: Any) -> list[Any]:
    """What a function or an object holds: the variables of a closure, default values, attributes."""
    names = ("__defaults__", "__kwdefaults__", "__self__", "__func__", "func", "args", "keywords")
    found = [getattr(part, name, None) for name in names] if callable(part) else []
    for cell in getattr(part, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # an empty one
            found.append(cell.cell_contents)
    return [*found, getattr(part, "__dict__", None)]


def _told_by_configs(model: keras.Model, training: bool) -> str | None:
    """All that the step depends on beside the state, as JSON; None if the configurations may leave something out."""
    layers = list(model._flatten_layers())
    weights = [part for v in model.variables for part in (v.regularizer, v.constraint)]
    compiled = _compiled(model) if training else {}
    parts = [*layers, *getattr(model, "operations", ()), *weights, *_leaves(compiled)]
    if len(getattr(model, "outputs", None) or ()) != 1 or (training and not _is_told(model.optimizer)):
        return None
    if not all(part is None or isinstance(part, str | float | int) or told_by_config(part) for part in parts):
        return None
    names = {layer.name: f"#{i}" for i, layer in enumerate(layers)}
    try:
        configs = [_anonymous(model.get_config(), names), [layer.autocast for layer in layers], weights, compiled]
        return json.dumps(configs, sort_keys=True, default=_as_json)
    except (TypeError, ValueError, NotImplementedError):
        return None


def _is_told(optimizer: Any) -> bool:
    return type(optimizer) in _OPTIMIZERS and getattr(optimizer, "_exclude_from_weight_decay", None) is None


def _compiled(model: keras.Model) -> dict[str, Any]:
    """Optimizer, and losses and metrics as Keras resolved what `compile` was given."""
    losses = getattr(model._compile_loss, "_flat_losses", None) or []
    metrics = {
        name: [group.metrics for group in getattr(model._compile_metrics, name, None) or [] if group]
        for name in ("_flat_metrics", "_flat_weighted_metrics")
    }
    return {
        "optimizer": model.optimizer,
        "loss": [(entry.loss, entry.loss_weights) for entry in losses],
        **metrics,
    }


def _of_keras(part: Any) -> bool:
    """Whether an object's class, or a function, comes with Keras."""
    return str(getattr(part, "__module__", None)).split(".")[0] == "keras"


def _leaves(part: Any) -> Iterable[Any]:
    if isinstance(part, dict):
        part = list(part.values())
    if isinstance(part, list | tuple | set):
        for item in part:
            yield from _leaves(item)
    else:
        yield part


def _as_json(part: Any) -> Any:
    """A part of Keras, by class and configuration; an optimizer without what is in the state."""
    if isinstance(part, np.generic):
        return part.item()
    if not _of_keras(part):
        raise TypeError(f"{part!r} cannot be told by a configuration.")
    config = part.get_config()
    if isinstance(part, keras.optimizers.Optimizer):
        rate = part._learning_rate  # a number is a variable of the state, a schedule is traced
        config |= {"name": None, "learning_rate": None if isinstance(rate, keras.Variable) else rate}
    return [type(part).__module__, type(part).__qualname__, config]


def _anonymous(config: Any, names: dict[str, str], key: str = "") -> Any:
    """A model's configuration with its layers numbered, and without what matters only when weights are made."""
    if isinstance(config, dict):
        return {k: _anonymous(v, names, k) for k, v in config.items() if k != "seed" and not k.endswith("_initializer")}
    if isinstance(config, list | tuple):
        return [_anonymous(item, names, key) for item in config]
    return names.get(config, config) if key == "name" or key in _NAME_LISTS else config
