"""A step, compiled into a loop over any number of steps, run in pieces short enough to be interrupted."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import jax
import numpy as np

from mlplab.engine.source import Batch, Segment

PIECE_SECONDS = 0.2
"""About how long one call into the compiled loop lasts: progress is shown, and Ctrl-C noticed, this often."""

AHEAD_BYTES = 2**20
"""Rows of so many bytes are taken out of the arrays at once, for the steps that come: what stays in a core's cache."""

Progress = Callable[[int, Any], None]
"""Called between pieces with the number of steps done and the loop's carry."""


class Loop:
    """`body(carry, fixed, batch) -> carry`, compiled once for each form of segment.

    The trip count is an argument of the compiled program, not a constant in it: pieces of every length share one
    compilation.

    Args:
        body: pure; `fixed` is what the loop reads and leaves as it is.
        batch: a source's batch.
        enter, leave: applied to the carry before the first and after the last step of a piece (packing).
        stacked: whether carry, `fixed`, indices and seeds have a leading axis: several models at once,
            over the same arrays.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        batch: Batch,
        enter: Callable[[Any], Any] = lambda carry: carry,
        leave: Callable[[Any], Any] = lambda carry: carry,
        stacked: bool = False,
    ):
        self._body = body
        self._batch = batch
        self._enter = enter
        self._leave = leave
        steps: Callable[..., Any] = self._steps
        if stacked:
            steps = jax.vmap(steps, in_axes=(0, 0, Segment(None, 0), 0, None, None, None))  # type: ignore[arg-type]
        self._compiled = jax.jit(steps, donate_argnums=0)
        self._tracing = threading.Lock()
        self._step_seconds: dict[Hashable, float] = {}

    def _steps(
        self,
        carry: Any,
        fixed: Any,
        segment: Segment,
        key_data: jax.Array,
        before: Any,
        start: Any,
        stop: Any,
    ) -> Any:
        """Steps `start` to `stop` of a segment that has `before` steps before it in the epoch."""
        key = jax.random.wrap_key_data(key_data, impl="threefry2x32")
        ahead = self._ahead(segment)

        def few(n: jax.Array, carry: Any) -> Any:
            first = start + n * ahead
            # Near the segment's end the slice begins before `first`, so as to be of the same length.
            at = jax.numpy.minimum(first, segment.steps - ahead)
            indices = jax.tree.map(lambda rows: jax.lax.dynamic_slice_in_dim(rows, at, ahead), segment.indices)
            rows = jax.vmap(self._batch.rows, (None, 0))(segment.arrays, indices)

            def step(i: jax.Array, carry: Any) -> Any:
                of_step = jax.tree.map(lambda array: array[i - at], rows)
                batch = self._batch(of_step, jax.random.fold_in(key, before + i))
                return self._body(carry, fixed, _apart(batch))

            return jax.lax.fori_loop(first, jax.numpy.minimum(first + ahead, stop), step, carry)

        return self._leave(jax.lax.fori_loop(0, -((start - stop) // ahead), few, self._enter(carry)))

    def _ahead(self, segment: Segment) -> int:
        """The number of steps whose rows are taken at once."""
        index = jax.tree.map(lambda rows: rows[0], segment.indices)
        rows = jax.tree.leaves(jax.eval_shape(self._batch.rows, segment.arrays, index))
        of_step = sum(leaf.size * leaf.dtype.itemsize for leaf in rows)
        return min(segment.steps, max(1, AHEAD_BYTES // max(1, of_step)))

    def __call__(
        self,
        carry: Any,
        fixed: Any,
        segments: Iterable[Segment],
        *,
        seed: Any = (0, 0),
        progress: Progress | None = None,
        device: Any = None,
    ) -> Any:
        """Run every step of the segments.

        Args:
            carry: given up to the loop, which reuses its buffers.
            seed: two numbers that make the keys of the steps, (2,) or stacked.
            progress: see `Progress`. What it raises ends the loop.
            device: to run on; None: the first. Threads may run one loop on several devices at once.

        Returns:
            The carry after the last step, ready.
        """
        key_data = np.array(seed, np.uint64).astype(np.uint32)
        # On the device from the first piece on, as what comes out of it is: else the second would compile anew.
        carry, fixed = jax.device_put((carry, fixed), device)
        before = 0
        for segment in segments:
            segment = jax.device_put(segment, device)
            self._trace(carry, fixed, segment, key_data)
            form = tuple(leaf.shape for leaf in jax.tree.leaves(segment.indices))
            start = 0
            while start < segment.steps:
                # The first piece of a form, one step, compiles: one more step tells how long the others take.
                piece = int(PIECE_SECONDS / self._step_seconds.get(form, PIECE_SECONDS))
                stop = min(start + max(1, piece), segment.steps)
                begin = time.perf_counter()
                carry = self._compiled(
                    carry, fixed, segment, key_data, np.int32(before), np.int32(start), np.int32(stop)
                )
                jax.block_until_ready(carry)
                self._step_seconds[form] = (time.perf_counter() - begin) / (stop - start)
                start = stop
                if progress is not None:
                    progress(before + start, carry)
            before += segment.steps
        return carry

    def _trace(self, carry: Any, fixed: Any, segment: Segment, key_data: np.ndarray) -> None:
        """Trace the steps, if that is not done: one thread at a time, as the model holds tracers meanwhile."""
        with self._tracing:
            self._compiled.trace(carry, fixed, segment, key_data, np.int32(0), np.int32(0), np.int32(0))


def _apart(batch: Any) -> Any:
    """The batch, computed before anything is made of it: XLA would do so within sums, which then round otherwise.

    As vectors meanwhile: images of 28 columns are no multiple of what a processor takes at once, and take it longer.
    """
    leaves, structure = jax.tree.flatten(batch)
    vectors = jax.lax.optimization_barrier([leaf.reshape(-1) for leaf in leaves])
    shaped = [vector.reshape(leaf.shape) for vector, leaf in zip(vectors, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)
