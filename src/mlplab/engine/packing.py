"""Trainable variables, and the optimizer's moments of each, as one vector.

The time of a small network's step depends on the number of arrays, not on their size. So where an optimizer treats
every element alike, updating one vector gives the same as updating each variable. The gradient and all else remain
Keras's own code. Models with anything that looks at whole variables take the plain step.

The kernels of dense layers are transposed in the vector, because XLA's CPU backend computes their gradient faster
so; docs/engine-notes.md has the figures.
"""

import math
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from mlplab.engine import keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.checks import overrides
from mlplab.engine.signature import is_described_by_config
from mlplab.engine.state import State

_ELEMENTWISE = {
    getattr(keras.optimizers, name)
    for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD")
}
_PER_VARIABLE_SETTINGS = ("clipnorm", "global_clipnorm", "gradient_accumulation_steps", "loss_scale_factor")


MOST_WEIGHTS = 500_000
"""Larger networks take the plain step, which is faster for them; docs/engine-notes.md has the figures."""


class Packing:
    """Packs and unpacks the state of one model, and does its training step on the packed state.

    A packed state is a `State` whose `trainable` is one vector and whose `optimizer` holds one vector a moment.

    Attributes:
        optimizer: the copy of the model's optimizer that updates the packed weights.
    """

    def __init__(self, model: keras.Model, slots: "list[Slot]", flat: keras.optimizers.Optimizer):
        self._model = model
        self.optimizer = flat
        self._slots = slots
        dense = [layer for layer in keras_internals.layers(model) if isinstance(layer, keras.layers.Dense)]
        kernels = {id(getattr(layer, "kernel", None)) for layer in dense}
        self._transposed = [id(variable) in kernels for variable in model.trainable_variables]
        self._shapes = [variable.shape for variable in model.trainable_variables]
        sizes = [math.prod(shape) for shape in self._shapes]
        self._starts = list(accumulate(sizes, initial=0))

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
        flat = type(optimizer).from_config(optimizer.get_config())
        flat.build([keras.Variable(jnp.zeros(sum(math.prod(w.shape) for w in weights)), name="packed")])
        slots = _slots(optimizer, flat)
        return None if slots is None else cls(model, slots, flat)

    def pack(self, state: State) -> State:
        optimizer = [
            state.optimizer[slot] if isinstance(slot, int) else self._join([state.optimizer[i] for i in slot])
            for slot in self._slots
        ]
        return state._replace(trainable=[self._join(state.trainable)], optimizer=optimizer)

    def unpack(self, packed: State) -> State:
        optimizer: dict[int, jax.Array] = {}
        for slot, value in zip(self._slots, packed.optimizer, strict=True):
            if isinstance(slot, int):
                optimizer[slot] = value
            else:
                optimizer.update(zip(slot, self._split(value), strict=True))
        return packed._replace(
            trainable=self._split(packed.trainable[0]), optimizer=[optimizer[i] for i in sorted(optimizer)]
        )

    def step(self, packed: State, batch: Any) -> tuple[dict[str, jax.Array], State]:
        """Do `keras.Model.train_step` of the JAX backend, with the gradients joined before they are applied."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(batch)
        gradient: Callable = jax.value_and_grad(self._model.compute_loss_and_updates, has_aux=True)
        (_, (loss, y_pred, non_trainable, metrics)), gradients = gradient(
            self._split(packed.trainable[0]),
            packed.non_trainable,
            packed.metrics,
            x,
            y,
            sample_weight,
            training=True,
            optimizer_variables=[],  # read by optimizers that scale the loss; those are not packed
        )
        trainable, optimizer = self.optimizer.stateless_apply(
            packed.optimizer, [self._join(gradients)], packed.trainable
        )
        logs, metrics = keras_internals.update_metrics(self._model, metrics, loss, (x, y, sample_weight), y_pred)
        return logs, State(trainable, non_trainable, optimizer, metrics)

    def _split(self, vector: jax.Array) -> list[jax.Array]:
        parts = zip(self._starts, self._starts[1:], self._shapes, self._transposed, strict=False)
        return [
            vector[start:stop].reshape(shape[::-1]).T if transposed else vector[start:stop].reshape(shape)
            for start, stop, shape, transposed in parts
        ]

    def _join(self, arrays: list[jax.Array]) -> jax.Array:
        arrays = [array.T if transposed else array for array, transposed in zip(arrays, self._transposed, strict=True)]
        return _joined([array.reshape(-1) for array in jax.lax.optimization_barrier(arrays)])


@custom_vmap
def _joined(vectors: list[jax.Array]) -> jax.Array:
    """Join vectors, or rows of them with the same leading axes, along the last axis."""
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


Slot = int | tuple[int, ...]
"""What a variable of the packed optimizer stands for among the model's: a scalar, or the moments of all weights."""


def _slots(optimizer: keras.optimizers.Optimizer, flat: keras.optimizers.Optimizer) -> list[Slot] | None:
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
            found |= dict.fromkeys(map(id, packed), tuple(position[id(variable)] for variable in plain))
    slots = [found[id(variable)] for variable in flat.variables if id(variable) in found]
    covered = sorted(i for slot in slots for i in ([slot] if isinstance(slot, int) else slot))
    complete = len(slots) == len(flat.variables) and covered == list(range(len(optimizer.variables)))
    return slots if complete else None
