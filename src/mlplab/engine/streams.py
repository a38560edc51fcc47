"""Streams: generators, `PyDataset`, `tf.data`, `DataLoader`, and arrays of which an epoch reads some batches.

Keras's own adapters read them, see `keras_internals.EpochIterator`. Consecutive batches of one shape are stacked and
run in one compiled call, while a thread prepares the next stack.
"""

import itertools
import time
from collections.abc import Generator, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.experimental.sparse
import numpy as np

from mlplab.engine import keras_internals
from mlplab.engine.ahead import ahead
from mlplab.engine.backend import keras
from mlplab.engine.placement import jax_dtype
from mlplab.engine.source import Segment, taken
from mlplab.errors import DataError

STACKED = 64
"""Batches in a stack, at most."""
STACK_BYTES = 2**25
"""Bytes of a stack, at most, unless a single batch has more."""
STACK_SECONDS = 0.2
"""A stack ends after this time, so that a slow stream is trained on, and shows progress, batch by batch."""


def reads_by_steps(steps: int | None) -> bool:
    """Return whether a pass over arrays is a number of batches, given or set for all of Keras, and not all rows."""
    return steps is not None or keras.config.max_steps_per_epoch() is not None


@dataclass(frozen=True)
class StackedBatch:
    """The batch of a `StreamSource`: one of a stack, as the stream gave it. Its number stands for each of its rows."""

    def rows(self, arrays: Any, index: jax.Array) -> Any:
        return taken(arrays, index[0])

    def __call__(self, rows: Any, key: jax.Array) -> Any:
        return rows


class StreamSource:
    """A source that reads batches as they come, in Keras's way.

    Args:
        x, y, sample_weight, batch_size, shuffle, class_weight, steps_per_epoch: as in `keras.Model.fit`.
        restarts: whether each pass begins anew, as validation does. In training an epoch of
            `steps_per_epoch` batches continues where the last one ended.

    """

    batch = StackedBatch()
    seed = 0

    def __init__(self, x: Any, y: Any = None, sample_weight: Any = None, *, restarts: bool = True, **arguments: Any):
        if hasattr(x, "__next__"):
            x = _generator(x)  # of all iterators, Keras takes generators
        self._batches = keras_internals.EpochIterator(x, y, sample_weight, **arguments)
        self._restarts, self._begun = restarts, False
        self._one_by_one = False

    def read_for(self, model: keras.Model, by_batch: bool) -> None:
        """Read for a model: as many batches as Keras's `steps_per_execution` demands.

        `by_batch`: a stack is one batch, and nothing is read ahead, for callbacks that see every batch.
        """
        self._batches.steps_per_execution = model.steps_per_execution if model.compiled else 1
        self._one_by_one = by_batch

    @property
    def steps(self) -> int:
        return self._batches.num_batches or 0

    def first_shapes(self) -> Any:
        """Return shapes and dtypes of a first batch as `(x, y, sample_weight)`. The first pass reads it again."""
        for _, _, batches in self._batches:
            batch = next(batches, None)
            if batch is None:
                break
            shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jax_dtype(leaf)), _dense(batch))
            return keras.utils.unpack_x_y_sample_weight(shapes)
        raise DataError("The data has no batch: a stream must give at least one.")

    def segments(self, position: int) -> Iterator[Segment]:
        """Yield the stacks of one pass. A stream has its own order, whatever the position."""
        if self._restarts or not self._begun:
            self._batches.reset()
        stacks = self._stacks()
        try:
            yield from stacks if self._one_by_one else ahead(stacks)
        finally:
            self._batches.stop_workers()

    def _stacks(self) -> Generator[Segment, None, None]:
        stack = None
        for batch in self._read():
            if stack is not None and not stack.fits(batch):
                yield stack.segment()
                stack = None
            if stack is None:
                stack = _Stack(batch, 1 if self._one_by_one else STACKED)
            stack.add(batch)
            if stack.is_full:
                yield stack.segment()
                stack = None
        if stack is not None:
            yield stack.segment()

    def _read(self) -> Iterator[Any]:
        """Yield the batches of a pass. Keras warns where there are fewer than `steps`."""
        with self._batches.catch_stop_iteration():
            for _, _, batches in self._batches:
                batch = _dense(next(batches))
                self._begun = True
                yield batch
                for batch in itertools.islice(batches, self._batches.steps_per_execution - 1):
                    yield _dense(batch)
        if not self._begun:
            raise DataError("The data has no batch: a stream must give at least one.")


class _Stack:
    """Room for batches of one form, and those that are in it.

    A batch is copied when it comes, because a generator may fill the same arrays again for the next one.
    """

    def __init__(self, batch: Any, most: int):
        leaves = jax.tree.leaves(batch)
        self._form = _form(batch)
        self._room = max(1, min(most, STACK_BYTES // max(1, sum(leaf.nbytes for leaf in leaves))))
        self._arrays = jax.tree.map(lambda leaf: np.empty((self._room, *leaf.shape), jax_dtype(leaf)), batch)
        self._rows = leaves[0].shape[0] if leaves[0].ndim else 1
        self._count = 0
        self._begun = time.perf_counter()

    def fits(self, batch: Any) -> bool:
        return _form(batch) == self._form

    def add(self, batch: Any) -> None:
        for stacked, leaf in zip(jax.tree.leaves(self._arrays), jax.tree.leaves(batch), strict=True):
            stacked[self._count] = leaf
        self._count += 1

    @property
    def is_full(self) -> bool:
        return self._count == self._room or time.perf_counter() - self._begun > STACK_SECONDS

    def segment(self) -> Segment:
        """Return a segment of as many steps as there is room, of which the last ones do the batches."""
        start = self._room - self._count
        numbers = np.maximum(np.arange(self._room, dtype=np.int32) - start, 0)
        return Segment(self._arrays, np.repeat(numbers[:, None], self._rows, axis=1), start)


def _generator(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield the batches, the first two as copies: Keras looks at these ahead, and they may share their arrays."""
    for number, batch in enumerate(batches):
        yield (
            jax.tree.map(lambda leaf: leaf.copy() if isinstance(leaf, np.ndarray) else leaf, batch)
            if number < 2
            else batch
        )


def _dense(batch: Any) -> Any:
    """Return a batch with dense arrays in place of sparse ones, whose numbers of values differ from batch to batch."""

    def is_sparse(leaf: Any) -> bool:
        return isinstance(leaf, jax.experimental.sparse.JAXSparse)

    return jax.tree.map(lambda leaf: np.asarray(leaf.todense()) if is_sparse(leaf) else leaf, batch, is_leaf=is_sparse)


def _form(batch: Any) -> Hashable:
    leaves, structure = jax.tree.flatten(batch)
    return structure, *((leaf.shape, leaf.dtype) for leaf in leaves)
