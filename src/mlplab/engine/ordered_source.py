"""Arrays in their own order, cut into segments of few forms: what `evaluate` and `predict` read."""

from collections.abc import Iterator

import jax
import numpy as np

from mlplab.engine.placement import Arrays, converted
from mlplab.engine.source import AS_THEY_ARE, ArraySource, NotFinite, Rows, Segment


class OrderedSource(ArraySource):
    """A source of arrays in their own order, which need not fit on the device: what `evaluate` and `predict` read.

    A program is compiled for each form of a segment, so there are few forms: the whole batches are one segment of 2^k
    steps, or two such segments that overlap, and the rows that remain are another.

    Args:
        data: x, y and sample_weight, as in `ArraySource`; y and sample_weight may be left out.
        batch_size, batch, not_finite: as in `ArraySource`.

    Attributes:
        arrays: `(x, y, sample_weight)` as NumPy arrays: segments are parts of them.
    """

    def __init__(
        self, *data: Arrays, batch_size: int = 32, batch: Rows = AS_THEY_ARE, not_finite: NotFinite | None = None
    ):
        super().__init__(*data, batch_size=batch_size, batch=batch, not_finite=not_finite)
        self._segments = list(self._cut())

    def _place(self, arrays: Arrays) -> Arrays:
        return jax.tree.map(converted, arrays)

    def segments(self, position: int) -> Iterator[Segment]:
        return iter(self._segments)

    def _cut(self) -> Iterator[Segment]:
        whole, remaining = divmod(self.rows, self.batch_size)
        steps = 2 ** (whole.bit_length() - 1)  # more than half of them
        yield self._segment(0, steps, self.batch_size)
        if whole > steps:
            yield self._segment((whole - steps) * self.batch_size, steps, self.batch_size, start=2 * steps - whole)
        if remaining:
            yield self._segment(self.rows - remaining, 1, remaining)

    def _segment(self, first: int, steps: int, batch_size: int, start: int = 0) -> Segment:
        """Return the segment of this number of steps from a row on."""
        arrays = jax.tree.map(lambda array: array[first : first + steps * batch_size], self.arrays)
        return Segment(arrays, np.arange(steps * batch_size, dtype=np.int32).reshape(steps, batch_size), start)
