"""Arrays too large for the device, or kept in a file: a source that puts one part at a time, a chunk, on the device."""

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from mlplab import mapped
from mlplab.engine.backend import device_memory
from mlplab.engine.placement import Arrays, converted, jax_dtype
from mlplab.engine.source import AS_THEY_ARE, ArraySource, NotFinite, Rows, Segment, shuffle_rows
from mlplab.memory import aligned_empty

BLOCKS = 1024
"""Blocks of consecutive rows in a chunk, about."""

_READ_BYTES = 2**25
"""Bytes that are read of a file at a time."""


def chunk_bytes_for(*arrays: Arrays) -> int | None:
    """Return the bytes of the chunks in which arrays go to the device; None if they go there as a whole.

    Chunked are arrays in a file of more than 8 chunks (1 GB by default), and arrays in memory of more than half of the
    device's memory: see docs/large-data.md.
    """
    leaves = [leaf for leaf in jax.tree.leaves(arrays) if isinstance(leaf, np.ndarray)]
    size = sum(leaf.nbytes for leaf in leaves)
    if any(mapped.map_of(leaf) is not None for leaf in leaves):
        is_large = mapped.is_large(size)
    else:
        is_large = size > device_memory() // 2
    return mapped.chunk_bytes() if is_large else None


class ChunkedSource(ArraySource):
    """A source of arrays of which a part at a time, a chunk, is on the device, while a thread reads the next one.

    Each epoch shuffles blocks of consecutive rows. About a thousand form a chunk (one may be divided between two
    chunks), whose rows are then shuffled. So a file is read in long stretches, each row once an epoch. With a single
    chunk the order is that of an `ArraySource`.

    Args:
        x, y, sample_weight, batch_size, shuffle, seed, batch, subset, not_finite: as in `ArraySource`. `subset` is
            ascending. NumPy arrays are read when their turn comes, so `np.memmap` arrays stay in their files.
        chunk_bytes: approximate size of a chunk in bytes; a chunk has at least one batch. The order of the rows
            depends on it.

    Raises:
        DataError: while it is read, if a file that an array is mapped from was changed.

    Example:
        import numpy as np
        from mlplab.engine import ChunkedSource, Rows

        images = np.memmap("images.bin", np.uint8, "r", shape=(1000, 8, 8))
        labels = np.arange(1000) % 10
        scaled = Rows(lambda x: x.astype("float32") / 255)
        source = ChunkedSource(images, labels, chunk_bytes=20_000, batch_size=32, shuffle=True, batch=scaled)
        mlplab.fit(model, source, epochs=2)
    """

    stays_on_device = False

    def __init__(
        self,
        x: Arrays,
        y: Arrays = None,
        sample_weight: Arrays = None,
        *,
        chunk_bytes: int,
        batch_size: int = 32,
        shuffle: bool | str = False,
        seed: int = 0,
        batch: Rows = AS_THEY_ARE,
        subset: np.ndarray | None = None,
        not_finite: NotFinite | None = None,
    ):
        super().__init__(
            *(x, y, sample_weight),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            batch=batch,
            subset=subset,
            not_finite=not_finite,
        )
        self._chunk_bytes = chunk_bytes
        leaves = jax.tree.leaves(self.arrays)
        self._watch = mapped.FileWatch(leaves)
        row_bytes = sum(jax_dtype(leaf).itemsize * leaf[0].size for leaf in leaves)
        whole = self.rows // self.batch_size
        fitting = max(1, chunk_bytes // max(1, row_bytes * self.batch_size))
        self.chunks = -(-whole // fitting)
        self._steps_of_chunk = -(-whole // self.chunks)  # the last chunk may have fewer

    def _place(self, arrays: Arrays) -> Arrays:
        return jax.tree.map(np.asarray, arrays)

    def reordered(self, **order: Any) -> "ChunkedSource":
        return ChunkedSource(
            *self.arrays, chunk_bytes=self._chunk_bytes, batch=self.batch, not_finite=self.not_finite, **order
        )

    def segments(self, position: int) -> Iterator[Segment]:
        rng = np.random.default_rng((self.seed, position))
        sequence = self._sequence(rng)
        whole, remaining = divmod(self.rows, self.batch_size)
        # A single chunk has the form of an `ArraySource`; of several, all have one form, and the last begins later.
        room = self._steps_of_chunk * self.batch_size + remaining
        for first in range(0, whole, self._steps_of_chunk):
            steps = min(self._steps_of_chunk, whole - first)
            start, is_last = self._steps_of_chunk - steps, first + steps == whole
            stop = self.rows if is_last else (first + steps) * self.batch_size
            arrays = self._read(np.sort(sequence[first * self.batch_size : stop]), room)
            order = np.arange(stop - first * self.batch_size, dtype=np.int32)
            shuffle_rows(order, self._shuffle, self.batch_size, rng)
            indices = np.zeros((self._steps_of_chunk, self.batch_size), np.int32)
            indices[start:] = order[: steps * self.batch_size].reshape(steps, self.batch_size)
            yield Segment(arrays, indices, start)
            if is_last and remaining:
                yield Segment(arrays, order[None, -remaining:])

    def _sequence(self, rng: np.random.Generator) -> np.ndarray:
        """Return the positions of an epoch's rows in the subset, int32 (rows,), in an order of whole blocks."""
        positions = np.arange(self.rows, dtype=np.int32)
        if self.chunks == 1 or not self._shuffle or self._shuffle == "batch":
            return positions
        rows = max(1, self._steps_of_chunk * self.batch_size // BLOCKS)
        starts = rng.permutation(np.arange(0, self.rows, rows, dtype=np.int32))
        sequence = (starts[:, None] + np.arange(rows, dtype=np.int32)).reshape(-1)
        return sequence[sequence < self.rows]

    def _read(self, positions: np.ndarray, room: int) -> Arrays:
        """Return arrays (room, …) that begin with the rows at these positions in the subset."""
        self._watch.check()
        rows = positions if self._subset is None else self._subset[positions]
        return jax.tree.map(lambda array: copied_rows(array, rows, room), self.arrays)


def copied_rows(array: np.ndarray, rows: np.ndarray, room: int) -> np.ndarray:
    """Copy rows into a new array (room, …) of JAX's dtype; what follows them is undefined."""
    copy = aligned_empty((room, *array.shape[1:]), jax_dtype(array))
    # Of other arrays, `np.take` copies all rows before it takes some.
    is_taken = copy.dtype == array.dtype and array.flags.c_contiguous and array.flags.aligned
    at_once = max(1, _READ_BYTES * len(array) // max(1, array.nbytes))
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        if is_taken:
            np.take(array, part, axis=0, out=copy[start : start + len(part)], mode="clip")  # without another copy
        else:
            copy[start : start + len(part)] = converted(array[part])
        mapped.release(array)
    return copy
