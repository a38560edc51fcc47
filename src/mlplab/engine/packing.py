"""Trainable variables, and the optimizer's moments of each, as few vectors.

The time of a small network's step depends on the number of arrays, not on their size. So where an optimizer treats
every element alike, small weights are updated as one vector, which gives the same as updating each variable; large ones
have a vector each. The gradient and all else remain Keras's own code. Models with anything that looks at whole
variables take the plain step.

The kernels of dense layers are transposed, unless they are very large, because XLA's CPU backend computes their
products faster so; docs/engine-notes.md has the figures.
"""

import math
from collections.abc import Callable, Collection, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.checks import overrides
from mlplab.engine.dense_products import transposed_products
from mlplab.engine.signature import is_described_by_config
from mlplab.engine.state import State

_ELEMENTWISE = {
    getattr(keras.optimizers, name)
    for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD")
}
_PER_VARIABLE_SETTINGS = ("clipnorm", "global_clipnorm", "gradient_accumulation_steps", "loss_scale_factor")

LARGE = 10_000
"""A weight with as many elements has a vector of its own; docs/engine-notes.md has the figures."""

TRANSPOSED_BELOW = 150_000
"""Kernels with fewer elements are transposed."""

MOST_WEIGHTS = 2_000_000
"""Larger networks take the plain step: their vectors are copied at both ends of a piece, which takes longer."""


class Vector:
    """Some of a model's weights, or their gradients or moments, as one vector.

    Args:
        weights: by their positions among the model's.
        transposed: ids of those that are transposed in it.

    Attributes:
        positions: of the weights.
        size: number of elements.
    """

    def __init__(self, weights: "dict[int, keras.Variable]", transposed: Collection[int]):
        self.positions = list(weights)
        self._shapes = [weight.shape for weight in weights.values()]
        self._transposed = [id(weight) in transposed for weight in weights.values()]
        self._starts = list(accumulate(map(math.prod, self._shapes), initial=0))
        self.size = self._starts[-1]

    def join(self, arrays: Sequence[jax.Array]) -> jax.Array:
        """Return the vector of arrays with the shapes of these weights."""
        rows = [array.T if transposed else array for array, transposed in zip(arrays, self._transposed, strict=True)]
        return _joined([array.reshape(-1) for array in jax.lax.optimization_barrier(rows)])

    def split(self, vector: jax.Array) -> list[jax.Array]:
        """Return the arrays that a vector was joined from."""
        parts = [vector[start:stop] for start, stop in pairwise(self._starts)]
        return [
            part.reshape(shape[::-1]).T if transposed else part.reshape(shape)
            for part, shape, transposed in zip(parts, self._shapes, self._transposed, strict=True)
        ]


class Packing:
    """Packs and unpacks the state of one model, and does its training step on the packed state.

    A packed state is a `State` whose `trainable` is vectors, and whose `optimizer` has one a moment for each of them.

    Args:
        model: a built model.
        layers: those whose kernels are transposed.
        vectors: of all its trainable weights.
        slots: for each variable of `flat`.
        flat: the copy of the model's optimizer that updates the vectors.

    Attributes:
        optimizer: `flat`.
    """

    def __init__(
        self,
        model: keras.Model,
        layers: "Sequence[keras.layers.Dense]",
        vectors: Sequence[Vector],
        slots: "list[Slot]",
        flat: keras.optimizers.Optimizer,
    ):
        self._model = model
        self._layers = layers
        self._vectors = vectors
        self._slots = slots
        self.optimizer = flat

    @classmethod
    def of(cls, model: keras.Model) -> "Packing | None":
        """Return the packing of a built model; None where it could change the result, or would be slower."""
        optimizer = model.optimizer
        weights = model.trainable_variables
        if overrides(model, "train_step") or type(optimizer) not in _ELEMENTWISE or len(weights) < 2:
            return None
        if any(getattr(optimizer, name) for name in _PER_VARIABLE_SETTINGS):
            return None
        if keras_internals.excludes_from_weight_decay(optimizer) or not is_described_by_config(optimizer):
            return None
        if sum(math.prod(w.shape) for w in weights) > MOST_WEIGHTS:
            return None
        if any(w.dtype != "float32" or w.constraint or getattr(w, "overwrite_with_gradient", False) for w in weights):
            return None
        if [id(w) for w in weights] != [id(w) for w in keras_internals.trained_variables(optimizer)]:
            return None
        is_variable = isinstance(keras_internals.learning_rate(optimizer), keras.Variable)
        if not is_variable and not keras_internals.has_schedule(optimizer):
            return None
        layers = _layers_to_transpose(model)
        vectors = _vectors(weights, {id(layer.kernel) for layer in layers})
        flat = type(optimizer).from_config(optimizer.get_config())
        flat.build([keras.Variable(jnp.zeros(vector.size), name="packed") for vector in vectors])
        slots = _slots(optimizer, flat, vectors)
        return None if slots is None else cls(model, layers, vectors, slots, flat)

    def pack(self, state: State) -> State:
        values = state.optimizer
        optimizer = [
            values[slot] if isinstance(slot, int) else slot.vector.join([values[place] for place in slot.places])
            for slot in self._slots
        ]
        return state._replace(trainable=self._join(state.trainable), optimizer=optimizer)

    def unpack(self, packed: State) -> State:
        optimizer: dict[int, jax.Array] = {}
        for slot, value in zip(self._slots, packed.optimizer, strict=True):
            if isinstance(slot, int):
                optimizer[slot] = value
            else:
                optimizer.update(zip(slot.places, slot.vector.split(value), strict=True))
        return packed._replace(
            trainable=self._split(packed.trainable), optimizer=[optimizer[i] for i in sorted(optimizer)]
        )

    def step(self, packed: State, batch: Any) -> tuple[dict[str, jax.Array], State]:
        """Do `keras.Model.train_step` of the JAX backend, with the gradients joined before they are applied."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        gradient: Callable = jax.value_and_grad(self._model.compute_loss_and_updates, has_aux=True)
        with transposed_products(self._layers):
            (_, (loss, y_pred, non_trainable, metrics)), gradients = gradient(
                self._split(packed.trainable),
                packed.non_trainable,
                packed.metrics,
                x,
                y,
                sample_weight,
                training=True,
                optimizer_variables=[],  # read by optimizers that scale the loss; those are not packed
            )
        trainable, optimizer = self.optimizer.stateless_apply(packed.optimizer, self._join(gradients), packed.trainable)
        logs, metrics = keras_internals.update_metrics(self._model, metrics, loss, (x, y, sample_weight), y_pred)
        return logs, State(trainable, non_trainable, optimizer, metrics)

    def _join(self, arrays: list[jax.Array]) -> list[jax.Array]:
        return [vector.join([arrays[position] for position in vector.positions]) for vector in self._vectors]

    def _split(self, vectors: list[jax.Array]) -> list[jax.Array]:
        arrays: dict[int, jax.Array] = {}
        for vector, value in zip(self._vectors, vectors, strict=True):
            arrays.update(zip(vector.positions, vector.split(value), strict=True))
        return [arrays[position] for position in sorted(arrays)]


def _vectors(weights: "Sequence[keras.Variable]", transposed: Collection[int]) -> list[Vector]:
    """Return a vector for each large weight, and one for all others. `transposed`: ids of weights."""
    small, vectors = {}, []
    for position, weight in enumerate(weights):
        if math.prod(weight.shape) < LARGE:
            small[position] = weight
        else:
            vectors.append(Vector({position: weight}, transposed))
    return [*vectors, Vector(small, transposed)] if small else vectors


def _layers_to_transpose(model: keras.Model) -> list[keras.layers.Dense]:
    """Return the dense layers whose kernels are transposed: Keras's own, with small trainable kernels."""
    small = {id(weight) for weight in model.trainable_variables if math.prod(weight.shape) < TRANSPOSED_BELOW}
    dense = [layer for layer in keras_internals.layers(model) if type(layer) is keras.layers.Dense]
    return [layer for layer in dense if "call" not in vars(layer) and id(getattr(layer, "kernel", None)) in small]


@custom_vmap
def _joined(vectors: list[jax.Array]) -> jax.Array:
    """Join vectors, or rows of them with the same leading axes, along the last axis."""
    if len(vectors) == 1:
        return vectors[0]
    # Not `concatenate`: XLA's CPU backend fuses it with what computes the pieces, and the step of a network of
    # 512-512 units then takes ten times as long. Writing slice by slice, in place, does not have this problem.
    starts = list(accumulate((vector.shape[-1] for vector in vectors), initial=0))
    whole = jnp.zeros((*vectors[0].shape[:-1], starts[-1]), jnp.float32)
    for start, vector in zip(starts, vectors, strict=False):
        whole = jax.lax.dynamic_update_slice_in_dim(whole, vector, start, axis=-1)
    return whole


@_joined.def_vmap
def _joined_for_stacked_models(
    size: int, batched: list[list[bool]], vectors: list[jax.Array]
) -> tuple[jax.Array, bool]:
    # JAX's own rule makes a scatter, which is as slow as `concatenate`.
    rows = [
        v if is_stacked else jnp.broadcast_to(v, (size, *v.shape))
        for v, is_stacked in zip(vectors, batched[0], strict=True)
    ]
    return _joined(rows), True


class Moment(NamedTuple):
    """A moment of the weights in one vector.

    Attributes:
        vector: of these weights.
        places: for each of them the position of its moment among the optimizer's variables.
    """

    vector: Vector
    places: tuple[int, ...]


Slot = int | Moment
"""What a variable of the packed optimizer stands for: a scalar at a position among the model's, or a moment."""


def _slots(
    optimizer: keras.optimizers.Optimizer, flat: keras.optimizers.Optimizer, vectors: Sequence[Vector]
) -> list[Slot] | None:
    """Match the packed optimizer's variables with the model's: scalars one to one, lists of moments whole.

    Returns None if a variable of either optimizer has no match.
    """
    position = {id(variable): i for i, variable in enumerate(optimizer.variables)}
    found: dict[int, Slot] = {}
    for name, packed in vars(flat).items():
        plain = vars(optimizer).get(name)
        if isinstance(packed, keras.Variable) and id(plain) in position:
            found[id(packed)] = position[id(plain)]
        elif isinstance(packed, list) and isinstance(plain, list) and {id(v) for v in plain} <= position.keys():
            if [variable.shape for variable in packed] != [(vector.size,) for vector in vectors]:
                continue  # a list of scalars
            for variable, vector in zip(packed, vectors, strict=True):
                found[id(variable)] = Moment(vector, tuple(position[id(plain[i])] for i in vector.positions))
    slots = [found[id(variable)] for variable in flat.variables if id(variable) in found]
    covered = [i for slot in slots for i in ([slot] if isinstance(slot, int) else slot.places)]
    complete = len(slots) == len(flat.variables) and sorted(covered) == list(range(len(optimizer.variables)))
    return slots if complete else None
