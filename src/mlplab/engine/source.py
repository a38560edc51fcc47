"""Sources: arrays that stay on the device, and the order in which the steps of an epoch take rows from them."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from mlplab.engine.backend import keras
from mlplab.engine.placement import Arrays, jax_dtype, on_device
from mlplab.errors import UsageError


class Segment(NamedTuple):
    """Consecutive steps of one batch size over the same arrays.

    Attributes:
        arrays: a pytree of arrays that are on the device, or go there when the segment is run.
        indices: a pytree of int32 (steps, batch): one stream of row numbers, or several (labelled and unlabelled).
            Several models at once: (models, steps, batch).
        start: the first step to do; those before it only give the segment its form, which decides what is compiled.
    """

    arrays: Arrays
    indices: Any
    start: int | np.int32 = 0

    @property
    def steps(self) -> int:
        return jax.tree.leaves(self.indices)[0].shape[-2]

    def split(self) -> "Iterator[Segment]":
        """Yield a segment for each step."""
        for step in range(self.start, self.steps):
            yield Segment(self.arrays, jax.tree.map(lambda rows, step=step: rows[step : step + 1], self.indices))


class Batch(Protocol):
    """Makes the data of one step. Traced into the compiled step, so it is pure; equal hashable ones share a program."""

    def rows(self, arrays: Arrays, index: Any) -> Any:
        """Return the rows of one step, a pytree, from a segment's arrays. The rows of several steps are taken at once.

        `index` is one row of the segment's indices, int32 (batch,).
        """
        ...

    def __call__(self, rows: Any, key: jax.Array) -> Any:
        """Return `x`, `(x, y)` or `(x, y, sample_weight)` of one step, as Keras packs it.

        `rows` comes from the method of this name. `key` is a random key; every step has another one.
        """
        ...

    def __hash__(self) -> int: ...


class Source(Protocol):
    """A supplier of batches. Chunks are a source of several segments; two streams, two index arrays."""

    @property
    def batch(self) -> Batch: ...

    @property
    def steps(self) -> int:
        """The number of steps in an epoch; 0 where it is not known before."""
        ...

    @property
    def seed(self) -> int:
        """The seed of the order and of the keys that `batch` gets."""
        ...

    def segments(self, position: int) -> Iterator[Segment]:
        """Yield the segments of one epoch. The same position gives the same order; it counts optimizer steps."""
        ...


class NotFinite(NamedTuple):
    """The first NaN or infinity in the arrays of a source.

    Attributes:
        row: where it is.
        message: describes it, and what to do.
    """

    row: int
    message: str


def taken(arrays: Arrays, index: jax.Array) -> Arrays:
    """Take the rows with these numbers, int32 (batch,), out of arrays (n, …)."""

    def rows_of(array: jax.Array) -> jax.Array:
        # As vectors: XLA's CPU backend copies rows of 28×28 bytes value by value, which takes five times the time.
        # The barrier keeps it from giving the copy their shape again.
        vectors = array.reshape(len(array), -1).at[index].get(mode="promise_in_bounds")
        return jax.lax.optimization_barrier(vectors).reshape(*index.shape, *array.shape[1:])

    return jax.tree.map(rows_of, arrays)


@dataclass(frozen=True)
class Rows:
    """The batch of an `ArraySource`: rows of `(x, y, sample_weight)`.

    Attributes:
        preprocess: `x -> x`: the scaling of 8-bit images.
        transform: `(x, y, key) -> (x, y)`, after `preprocess`: augmentation, mixup.
    """

    preprocess: Callable[[Any], Any] | None = None
    transform: Callable[[Any, Any, jax.Array], tuple[Any, Any]] | None = None

    def rows(self, arrays: Arrays, index: jax.Array) -> Arrays:
        return taken(arrays, index)

    def __call__(self, rows: Arrays, key: jax.Array) -> Any:
        x, y, sample_weight = rows
        if self.preprocess is not None:
            x = self.preprocess(x)
        if self.transform is not None:
            x, y = self.transform(x, y, key)
        return keras.utils.pack_x_y_sample_weight(x, y, sample_weight)


AS_THEY_ARE = Rows()


class ArraySource:
    """A source of arrays that are on the device as a whole, read in another order each epoch.

    Args:
        x: array or pytree of arrays, (n, …).
        y: targets likewise, or None.
        sample_weight: (n,) or a pytree of it, or None.
        batch_size: rows a step; the last step of an epoch takes what remains.
        shuffle: True for a new order each epoch; False for the data's own; "batch" shuffles within each batch.
        seed: of the order and of the transform.
        batch: makes a step's data of its rows.
        subset: integers (m,), the rows that an epoch reads; None: all. Sources of several subsets can share
            arrays that are already on the device.
        not_finite: NaN or infinity that was found in the arrays. Training is refused unless the model's loss is finite.

    Attributes:
        arrays: `(x, y, sample_weight)` on the device: copies of NumPy arrays, and JAX arrays as they are.
        rows: the number of rows that an epoch reads.
        stays_on_device: whether each epoch's segments have the same arrays, which then stay on the device.
    """

    stays_on_device = True

    def __init__(
        self,
        x: Arrays,
        y: Arrays = None,
        sample_weight: Arrays = None,
        *,
        batch_size: int = 32,
        shuffle: bool | str = False,
        seed: int = 0,
        batch: Rows = AS_THEY_ARE,
        subset: np.ndarray | None = None,
        not_finite: NotFinite | None = None,
    ):
        if shuffle != "batch" and shuffle not in (True, False, None):
            raise UsageError(f"shuffle must be True, False or 'batch'; got {shuffle!r}.")
        self._subset = None if subset is None else np.asarray(subset, np.int32)
        self.rows = len(jax.tree.leaves((x, y))[0] if self._subset is None else self._subset)
        self.batch_size = min(batch_size, self.rows)
        self.seed = seed
        self.batch = batch
        self.not_finite = not_finite
        self._shuffle = shuffle
        self.arrays = self._place((x, y, sample_weight))

    def _place(self, arrays: Arrays) -> Arrays:
        return on_device(arrays)

    def reordered(self, **order: Any) -> "ArraySource":
        """Return a source of the same arrays. `order`: the arguments batch_size, shuffle, seed and subset."""
        return ArraySource(*self.arrays, batch=self.batch, not_finite=self.not_finite, **order)

    @property
    def steps(self) -> int:
        return -(-self.rows // self.batch_size)

    def segments(self, position: int) -> Iterator[Segment]:
        order = self._order(position)
        whole = self.rows - self.rows % self.batch_size
        yield Segment(self.arrays, order[:whole].reshape(-1, self.batch_size))
        if whole < self.rows:
            yield Segment(self.arrays, order[None, whole:])

    def _order(self, position: int) -> np.ndarray:
        """Return row numbers, int32 (rows,), in the order of one epoch."""
        order = np.arange(self.rows, dtype=np.int32) if self._subset is None else self._subset.copy()
        shuffle_rows(order, self._shuffle, self.batch_size, np.random.default_rng((self.seed, position)))
        return order


def shuffle_rows(order: np.ndarray, shuffle: bool | str | None, batch_size: int, rng: np.random.Generator) -> None:
    """Shuffle row numbers (n,) in place; `shuffle` as in `ArraySource`."""
    if shuffle == "batch":
        for start in range(0, len(order), batch_size):
            rng.shuffle(order[start : start + batch_size])
    elif shuffle:
        rng.shuffle(order)


def batch_shapes(source: Source) -> Any:
    """Return shapes and dtypes of one batch as `(x, y, sample_weight)`, without computing anything."""
    if isinstance(source, ArraySource):  # without an order, or a chunk that would be read from a file
        leaves, structure = jax.tree.flatten(source.arrays)
        shapes = tuple(jax.ShapeDtypeStruct(leaf.shape, jax_dtype(leaf)) for leaf in leaves)
        return _shapes_of_rows(source.batch, structure, shapes, source.batch_size)
    segment = next(iter(source.segments(0)))
    return _shapes(source.batch, segment.arrays, jax.tree.map(lambda rows: rows[0], segment.indices))


@functools.lru_cache(maxsize=16)  # the members of a population have the same
def _shapes_of_rows(batch: Batch, structure: Any, leaves: tuple[jax.ShapeDtypeStruct, ...], rows: int) -> Any:
    return _shapes(batch, jax.tree.unflatten(structure, leaves), np.zeros(rows, np.int32))


def _shapes(batch: Batch, arrays: Arrays, index: Any) -> Any:
    def made(arrays: Arrays) -> Any:
        return batch(batch.rows(arrays, index), jax.random.key(0, impl="threefry2x32"))

    return keras.utils.unpack_x_y_sample_weight(jax.eval_shape(made, arrays))
