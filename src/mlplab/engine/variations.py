"""The variations of a population: what each member is built and trained with."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mlplab.engine import checks
from mlplab.engine.backend import isolated_random_state, keras
from mlplab.errors import UsageError, require_whole, unknown_name

_OF_TRAINING: dict[str, Callable[[Any], int]] = {
    "seed": functools.partial(require_whole, "seed", least=0),
    "batch_size": functools.partial(require_whole, "batch_size"),
    "epochs": checks.epochs,
}
"""Checks of the arguments of training in a variation, by name; they go to `build` too if it takes them."""


def named_variations(
    build: Callable[..., keras.Model], variations: int | Sequence[Mapping[str, Any]], seed: int
) -> list[dict[str, Any]]:
    """Return a dict for each member, with its seed. Raises `UsageError` for what `build` cannot take."""
    if isinstance(build, keras.Model) or not callable(build):
        raise UsageError(
            "build must be a function that makes a compiled keras.Model, since each member is a model of its own; got "
            f"{'a model' if isinstance(build, keras.Model) else type(build).__name__}."
        )
    if isinstance(variations, int | np.integer):
        seed = require_whole("seed", seed, least=0)
        variations = [{"seed": seed + number} for number in range(require_whole("variations", variations))]
    if not isinstance(variations, Sequence) or not all(isinstance(variation, Mapping) for variation in variations):
        raise UsageError(
            "variations must be a number of seeds, or a list with a dict for each member, such as "
            f"[{{'seed': 0}}, {{'seed': 1}}]; got {variations!r}."
        )
    named = [{"seed": seed, **variation} for variation in variations]
    if not named:
        raise UsageError("variations must name at least one member; got none.")
    for name in dict.fromkeys(name for variation in named for name in variation):
        if name not in _OF_TRAINING and not _takes(build, name):
            known = {*inspect.signature(build).parameters, *_OF_TRAINING}
            more = " A variation holds arguments of build, and seed, batch_size and epochs."
            raise UsageError(unknown_name("variation", name, known) + more)
    for variation in named:
        for name in variation.keys() & _OF_TRAINING.keys():
            variation[name] = _OF_TRAINING[name](variation[name])
    return named


def _takes(build: Callable[..., keras.Model], name: str) -> bool:
    """Return whether an argument of a variation goes to `build`."""
    parameters = inspect.signature(build).parameters
    takes_any_name = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return name in parameters or (takes_any_name and name not in _OF_TRAINING)


def build_model(build: Callable[..., keras.Model], variation: dict[str, Any]) -> keras.Model:
    """Build the model of a variation, as in a session that starts with its seed."""
    with isolated_random_state():
        keras.utils.set_random_seed(variation["seed"])
        model = build(**{name: value for name, value in variation.items() if _takes(build, name)})
    if not isinstance(model, keras.Model):
        raise UsageError(f"build must return a compiled keras.Model; got {type(model).__name__}.")
    checks.check_compiled(model, "fit_population")
    return model
