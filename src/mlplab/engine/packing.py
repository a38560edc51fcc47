"""Trainable variables, and the optimizer's moments of each, as one vector.

A step of a small network spends its time on the number of arrays, not on their size. Where an optimizer treats
every element alike, updating one vector gives what updating each variable gives; the gradient and all else
is still Keras's own code. Everything that looks at whole variables takes the plain step.

The kernels of dense layers lie transposed in the vector, a unit's weights side by side. XLA's CPU backend makes the
gradient, a product over the rows of a batch, faster as (units, inputs) than as (inputs, units): in about half the time
for 784 inputs and 20 units, in a quarter for 512 and 10.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from mlplab.engine.backend import keras
from mlplab.engine.checks import has_own
from mlplab.engine.signature import told_by_config
from mlplab.engine.state import State

_ELEMENTWISE = {
    getattr(keras.optimizers, name)
    for name in ("Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lion", "Nadam", "RMSprop", "SGD")
}
_PER_VARIABLE_SETTINGS = ("clipnorm", "global_clipnorm", "gradient_accumulation_steps", "loss_scale_factor")


class Packing:
    """How one model's state is packed, and its training step on the packed state.

    A packed state is a `State` whose `trainable` is one vector and whose `optimizer` holds one vector a moment.

    Attributes:
        optimizer: the copy of the model's optimizer that updates the packed weights.
    """

    def __init__(self, model: keras.Model, slots: list["_Slot"], flat: keras.optimizers.Optimizer):
        self._model = model
        self.optimizer = flat
        self._slots = slots
        dense = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dense)]
        kernels = {id(getattr(layer, "kernel", None)) for layer in dense}
        self._transposed = [id(variable) in kernels for variable in model.trainable_variables]
        self._shapes = [variable.shape for variable in model.trainable_variables]
        sizes = [_size(shape) for shape in self._shapes]
        self._starts = list(accumulate(sizes, initial=0))

    @classmethod
    def of(cls, model: keras.Model) -> "Packing | None":
        """The model's packing, or None where packing could change the result. The model must be built."""
        optimizer = model.optimizer
        weights = model.trainable_variables
        if has_own(model, "train_step") or type(optimizer) not in _ELEMENTWISE or len(weights) < 2:
            return None
        if any(getattr(optimizer, name) for name in _PER_VARIABLE_SETTINGS):
            return None
        if getattr(optimizer, "_exclude_from_weight_decay", None) is not None or not told_by_config(optimizer):
            return None
        if any(w.dtype != "float32" or w.constraint or getattr(w, "overwrite_with_gradient", False) for w in weights):
            return None
        if [id(w) for w in weights] != [id(w) for w in optimizer._trainable_variables]:
            return None
        if not isinstance(optimizer._learning_rate, keras.Variable | keras.optimizers.schedules.LearningRateSchedule):
            return None
        flat = type(optimizer).from_config(optimizer.get_config())
        flat.build([keras.Variable(jnp.zeros(sum(_size(w.shape) for w in weights)), name="packed")])
        slots = _slots(optimizer, flat)
        return None if slots is None else cls(model, slots, flat)

    def pack(self, state: State) -> State:
        optimizer = [
            state.optimizer[slot.one] if slot.each is None else self._join([state.optimizer[i] for i in slot.each])
            for slot in self._slots
        ]
        return state._replace(trainable=[self._join(state.trainable)], optimizer=optimizer)

    def unpack(self, packed: State) -> State:
        optimizer: dict[int, jax.Array] = {}
        for slot, value in zip(self._slots, packed.optimizer, strict=True):
            if slot.each is None:
                optimizer[slot.one] = value
            else:
                optimizer.update(zip(slot.each, self._split(value), strict=True))
        return packed._replace(
            trainable=self._split(packed.trainable[0]), optimizer=[optimizer[i] for i in sorted(optimizer)]
        )

    def step(self, packed: State, batch: Any) -> tuple[dict[str, jax.Array], State]:
        """`keras.Model.train_step` of the JAX backend, with the gradients joined before they are applied."""
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
        logs, metrics = self._model._update_metrics_variables(metrics, loss, x, y, y_pred, sample_weight)
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
    """Vectors, or rows of them with the same leading axes, one after the other along the last axis."""
    # Not `concatenate`: XLA's CPU backend fuses it with what makes the pieces, and the step of a network of
    # 512-512 units then takes ten times as long. Writing slice by slice, in place, has no such trap.
    starts = list(accumulate((vector.shape[-1] for vector in vectors), initial=0))
    whole = jnp.zeros((*vectors[0].shape[:-1], starts[-1]), jnp.float32)
    for start, vector in zip(starts, vectors, strict=False):
        whole = jax.lax.dynamic_update_slice_in_dim(whole, vector, start, axis=-1)
    return whole


@_joined.def_vmap
def _joined_in_lanes(size: int, batched: list[list[bool]], vectors: list[jax.Array]) -> tuple[jax.Array, bool]:
    # JAX would make a scatter of a slice that is written in each lane, which is as slow.
    rows = [
        v if has_lanes else jnp.broadcast_to(v, (size, *v.shape))
        for v, has_lanes in zip(vectors, batched[0], strict=True)
    ]
    return _joined(rows), True


class _Slot(NamedTuple):
    """Where a variable of the packed optimizer comes from: positions among the model's optimizer variables."""

    one: int = -1
    each: tuple[int, ...] | None = None


def _slots(optimizer: keras.optimizers.Optimizer, flat: keras.optimizers.Optimizer) -> list[_Slot] | None:
    """Match the packed optimizer's variables with the model's: scalars one to one, lists of moments whole.

    Returns None when an attribute is none of these, or when a variable of either optimizer is left over.
    """
    position = {id(variable): i for i, variable in enumerate(optimizer.variables)}
    found: dict[int, _Slot] = {}
    for name, packed in vars(flat).items():
        own = vars(optimizer).get(name)
        if isinstance(packed, keras.Variable) and id(own) in position:
            found[id(packed)] = _Slot(one=position[id(own)])
        elif isinstance(packed, list) and isinstance(own, list) and {id(v) for v in own} <= position.keys():
            found |= {id(v): _Slot(each=tuple(position[id(variable)] for variable in own)) for v in packed}
    slots = [found[id(variable)] for variable in flat.variables if id(variable) in found]
    covered = sorted(i for slot in slots for i in (slot.each if slot.each is not None else (slot.one,)))
    complete = len(slots) == len(flat.variables) and covered == list(range(len(optimizer.variables)))
    return slots if complete else None


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size
