"""Numbers in which members of a population may differ although they share one compiled step.

A learning rate is a variable of the optimizer, and a seed is in the initial weights and in the state of dropout, so
these differ without help. Keras keeps other numbers as Python numbers in attributes of layers, losses and optimizers,
and tracing a step makes constants of them. Where members differ in such a number, it becomes an argument of the step:
while the step is traced, the attribute holds the argument. Layers, losses and optimizers remain Keras's own.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras

_schedules = keras.optimizers.schedules
_OF_SCHEDULES = {
    _schedules.CosineDecay: ("initial_learning_rate", "alpha", "warmup_target"),
    _schedules.ExponentialDecay: ("initial_learning_rate",),
    _schedules.InverseTimeDecay: ("initial_learning_rate",),
    _schedules.PolynomialDecay: ("initial_learning_rate", "end_learning_rate"),
}
_OF_REGULARIZERS = {keras.regularizers.L1: "l1", keras.regularizers.L2: "l2"}

UNKNOWN = float("nan")
"""Takes the place of traced numbers where models are compared."""


class TracedHyperparameter(NamedTuple):
    """A number that can be an argument of the step.

    Attributes:
        name: the same in all models of one architecture, such as `layers[2].rate`.
        holders: dictionaries or lists that hold it, with its key in each; a loss holds it twice.
        compared: whether Keras tests in Python if it is above 0. It always is: other models have no such number.
        dropout: the layer whose rate it is.
    """

    name: str
    holders: tuple[tuple[Any, Any], ...]
    compared: bool = False
    dropout: keras.layers.Dropout | None = None

    @property
    def number(self) -> float:
        holder, key = self.holders[0]
        return float(holder[key])


def traced_hyperparameters(
    model: keras.Model, names: Collection[str] | None = None, optimizer: Any = None
) -> list[TracedHyperparameter]:
    """Return the numbers of a compiled model that can be arguments of its step: those with these names, or all.

    `optimizer` takes the place of the model's own: the copy that updates packed variables.
    """
    found: list[TracedHyperparameter] = []
    for i, layer in enumerate(keras_internals.layers(model)):
        if type(layer) is keras.layers.Dropout and "call" not in vars(layer) and layer.rate > 0:
            found.append(TracedHyperparameter(f"layers[{i}].rate", ((vars(layer), "rate"),), dropout=layer))
        if type(layer) is keras.layers.GaussianNoise and layer.stddev > 0:
            found.append(TracedHyperparameter(f"layers[{i}].stddev", ((vars(layer), "stddev"),), compared=True))
    for i, (regularizer, first) in enumerate(zip(_regularizers(model), shared_regularizers(model), strict=True)):
        if i == first and (name := _OF_REGULARIZERS.get(type(regularizer))):
            found.append(TracedHyperparameter(f"regularizers[{i}].{name}", ((vars(regularizer), name),)))
    for i, (loss, _) in enumerate(keras_internals.losses(model)):
        arguments = keras_internals.loss_arguments(loss)
        if arguments.get("label_smoothing") and type(loss).__module__.startswith("keras."):
            holders = ((arguments, "label_smoothing"), (vars(loss), "label_smoothing"))
            found.append(TracedHyperparameter(f"losses[{i}].label_smoothing", holders, compared=True))
    found += _of_optimizer(getattr(model, "optimizer", None) if optimizer is None else optimizer)
    return [each for each in found if names is None or each.name in names]


def _of_optimizer(optimizer: Any) -> list[TracedHyperparameter]:
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        return []
    schedule = keras_internals.learning_rate(optimizer)
    keys = [key for key in _OF_SCHEDULES.get(type(schedule), ()) if vars(schedule)[key] is not None]
    holders: dict[str, tuple[Any, Any]] = {f"schedule.{key}": (vars(schedule), key) for key in keys}
    if type(schedule) is _schedules.PiecewiseConstantDecay and isinstance(schedule.values, list):
        rates = schedule.values if all(isinstance(rate, float) for rate in schedule.values) else []
        holders |= {f"schedule.values[{i}]": (rates, i) for i in range(len(rates))}
    if optimizer.weight_decay is not None:
        holders["optimizer.weight_decay"] = (vars(optimizer), "weight_decay")
    return [TracedHyperparameter(name, (holder,)) for name, holder in holders.items()]


def _regularizers(model: keras.Model) -> list[Any]:
    """Return the regularizers of all weights and layers, with None for those that have none."""
    layers = keras_internals.layers(model)
    return [v.regularizer for v in model.variables] + [layer.activity_regularizer for layer in layers]


def shared_regularizers(model: keras.Model) -> tuple[int, ...]:
    """Return, for each weight and layer, the position of the first that has the same regularizer object."""
    ids = list(map(id, _regularizers(model)))
    return tuple(map(ids.index, ids))


def arguments(model: keras.Model, names: Collection[str]) -> np.ndarray:
    """Return float32 (numbers, 3): each number, 1 - number, and 1 / (1 - number), rounded as Keras rounds constants."""
    values = np.array([each.number for each in traced_hyperparameters(model, names)], np.float64)
    complements = (1 - values).astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.stack([values.astype(np.float32), complements, np.float32(1) / complements], axis=1)


@contextlib.contextmanager
def replaced(traced: Sequence[TracedHyperparameter], values: Any) -> Iterator[None]:
    """Let the attributes hold other values: an array from `arguments`, or `UNKNOWN`."""
    before = [(holder, key, holder[key]) for each in traced for holder, key in each.holders]
    try:
        for i, each in enumerate(traced):
            if each.dropout is not None and not isinstance(values, float):
                vars(each.dropout)["call"] = _dropout(each.dropout, *values[i, 1:])
                continue
            value = values if isinstance(values, float) else values[i, 0]
            if each.compared and not isinstance(values, float):
                value = _Positive(*values[i, :2])
            for holder, key in each.holders:
                holder[key] = value
        yield
    finally:
        for holder, key, value in before:
            holder[key] = value
        for each in traced:
            if each.dropout is not None:
                vars(each.dropout).pop("call", None)


def _dropout(layer: keras.layers.Dropout, keep: jax.Array, scale: jax.Array) -> Callable[..., jax.Array]:
    """Return `keras.layers.Dropout.call` without its test of the rate in Python.

    XLA turns a division by a constant into a product with its reciprocal; so this multiplies, to get the same bits.
    """

    def call(inputs: jax.Array, training: bool = False) -> jax.Array:
        if not training:
            return inputs
        shape = inputs.shape
        if layer.noise_shape is not None:
            shape = tuple(side or full for side, full in zip(layer.noise_shape, inputs.shape, strict=False))
        drawn = jax.random.bernoulli(layer.seed_generator.next(), keep, shape)
        kept = jax.numpy.broadcast_to(drawn, inputs.shape)
        return jax.lax.select(kept, (inputs * scale).astype(inputs.dtype), jax.numpy.zeros_like(inputs))

    return call


class _Positive:
    """A traced number that answers Keras's tests in Python: it is above 0."""

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
