"""Numbers that the members of a population may differ in, though they share one compiled step.

A learning rate is a variable of the optimizer, and a seed is in the initial weights and in the state of dropout: they
differ by themselves. Other numbers stand in attributes of layers, losses and optimizers as Python numbers, which a
compiled step would take for constants. Here they become arguments of the step: while it is traced, the attributes
hold stand-ins. So layers, losses and optimizers are Keras's own, in a population as alone.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mlplab.engine.backend import keras

_schedules = keras.optimizers.schedules
_OF_SCHEDULES = {
    _schedules.CosineDecay: ("initial_learning_rate", "alpha"),
    _schedules.ExponentialDecay: ("initial_learning_rate",),
    _schedules.InverseTimeDecay: ("initial_learning_rate",),
    _schedules.PolynomialDecay: ("initial_learning_rate", "end_learning_rate"),
}
_OF_REGULARIZERS = {keras.regularizers.L1: "l1", keras.regularizers.L2: "l2"}

UNKNOWN = float("nan")
"""Stands for such a number where models are compared."""


class TracedHyperparameter(NamedTuple):
    """Where one such number stands.

    Attributes:
        places: dictionaries and keys that hold it; a loss has it twice.
        tested: whether Keras asks of it, in Python, if it is more than 0. It always is: models without it are others.
        dropout: the layer whose rate it is.
    """

    places: tuple[tuple[Any, str], ...]
    tested: bool = False
    dropout: keras.layers.Dropout | None = None

    @property
    def number(self) -> float:
        holder, key = self.places[0]
        return float(holder[key])


def sites(model: keras.Model, optimizer: Any = None) -> list[TracedHyperparameter]:
    """The places of a compiled model's numbers that may vary, in an order that all models of one architecture share.

    Args:
        optimizer: in the place of the model's own: the copy that updates packed variables.
    """
    found: list[TracedHyperparameter] = []
    layers = list(model._flatten_layers())
    for layer in layers:
        if type(layer) is keras.layers.Dropout and layer.rate > 0 and layer.noise_shape is None:
            found.append(TracedHyperparameter(((vars(layer), "rate"),), dropout=layer))
        if type(layer) is keras.layers.GaussianNoise and layer.stddev > 0:
            found.append(TracedHyperparameter(((vars(layer), "stddev"),), tested=True))
    for regularizer in {id(part): part for part in _regularizers(model)}.values():
        if name := _OF_REGULARIZERS.get(type(regularizer)):
            found.append(TracedHyperparameter(((vars(regularizer), name),)))
    for entry in getattr(model._compile_loss, "_flat_losses", None) or []:
        settings = getattr(entry.loss, "_fn_kwargs", {})
        if settings.get("label_smoothing") and type(entry.loss).__module__.startswith("keras."):
            found.append(
                TracedHyperparameter(
                    ((settings, "label_smoothing"), (vars(entry.loss), "label_smoothing")), tested=True
                )
            )
    return found + _of_optimizer(model.optimizer if optimizer is None else optimizer)


def _of_optimizer(optimizer: Any) -> list[TracedHyperparameter]:
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return []
    found = [] if optimizer.weight_decay is None else [TracedHyperparameter(((vars(optimizer), "weight_decay"),))]
    schedule = optimizer._learning_rate
    return found + [TracedHyperparameter(((vars(schedule), name),)) for name in _OF_SCHEDULES.get(type(schedule), ())]


def _regularizers(model: keras.Model) -> list[Any]:
    """Those of all weights and layers, with None where there is none."""
    return [v.regularizer for v in model.variables] + [layer.activity_regularizer for layer in model._flatten_layers()]


def shared(model: keras.Model) -> tuple[int, ...]:
    """Which weights and layers have one regularizer in common: the position of the first that has it, for each."""
    found = list(map(id, _regularizers(model)))
    return tuple(map(found.index, found))


def numbers(model: keras.Model) -> np.ndarray:
    """float32 (sites, 3): each number, 1 minus it, and the reciprocal of that, rounded as constants of a step are."""
    values = np.array([site.number for site in sites(model)], np.float64)
    complements = (1 - values).astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.stack([values.astype(np.float32), complements, np.float32(1) / complements], axis=1)


@contextlib.contextmanager
def placed(places: Sequence[TracedHyperparameter], values: Any) -> Iterator[None]:
    """Let the attributes hold other values: (sites, 3) arrays as `numbers` gives them, or `UNKNOWN`."""
    before = [(holder, key, holder[key]) for site in places for holder, key in site.places]
    try:
        for i, site in enumerate(places):
            if site.dropout is not None and not isinstance(values, float):
                vars(site.dropout)["call"] = _dropout(site.dropout, *values[i, 1:])
                continue
            value = values if isinstance(values, float) else _Positive(*values[i, :2]) if site.tested else values[i, 0]
            for holder, key in site.places:
                holder[key] = value
        yield
    finally:
        for holder, key, value in before:
            holder[key] = value
        for site in places:
            if site.dropout is not None:
                vars(site.dropout).pop("call", None)


def _dropout(layer: keras.layers.Dropout, keep: jax.Array, scale: jax.Array) -> Callable[..., jax.Array]:
    """`keras.layers.Dropout.call`, as XLA has it where the rate is a constant: it multiplies, and never divides."""

    def call(inputs: jax.Array, training: bool = False) -> jax.Array:
        if not training:
            return inputs
        kept = jax.random.bernoulli(layer.seed_generator.next(), keep, inputs.shape)
        return jax.lax.select(kept, (inputs * scale).astype(inputs.dtype), jax.numpy.zeros_like(inputs))

    return call


class _Positive:
    """An array of one number of which Keras is told, where it asks in Python, that it is more than 0."""

    def __init__(self, value: jax.Array, complement: jax.Array):
        self._value, self._complement = value, complement

    def __jax_array__(self) -> jax.Array:
        return self._value

    def __bool__(self) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return True

    def __rsub__(self, other: float) -> jax.Array:
        return self._complement if other == 1 else other - self._value

    def __truediv__(self, other: Any) -> Any:
        return self._value / other
