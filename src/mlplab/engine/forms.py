"""What the two kinds of loop have in common: the programs that they keep, and how a step's batch enters one."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import jax

from mlplab.engine.source import Segment

T = TypeVar("T")

MOST_FORMS = 64
"""Forms of segments for which a loop keeps what was compiled, those used last, so that memory stays flat."""

model_access = threading.RLock()
"""Held while a step is traced, as its model holds tracers meanwhile, and while the main thread looks into models."""


class Forms(Generic[T]):
    """What was compiled for each form of a segment: the shapes and dtypes in it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, segment: Segment, make: Callable[[], T], models: int = 1) -> T:
        """Return what is kept for segments of this form, and several models at once; made if it is not there."""
        shapes = [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves((segment.arrays, segment.indices))]
        name = models, *shapes
        with model_access:
            if name not in self._kept:
                self._kept[name] = make()  # which may trace
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_FORMS:
                self._kept.popitem(last=False)
            return self._kept[name]


def computed_first(batch: Any) -> Any:
    """Make XLA compute the batch before it is used. Otherwise XLA fuses it into sums, which then round differently.

    The batch passes the barrier as vectors: rows of 28 values do not fill SIMD registers evenly, which is slower.
    """
    leaves, structure = jax.tree.flatten(batch)
    vectors = jax.lax.optimization_barrier([leaf.reshape(-1) for leaf in leaves])
    shaped = [vector.reshape(leaf.shape) for vector, leaf in zip(vectors, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)
