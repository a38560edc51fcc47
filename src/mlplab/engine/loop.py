"""A step, compiled into a loop over any number of steps, run in pieces short enough to be interrupted."""

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from mlplab.engine.source import Batch, Segment

PIECE_SECONDS = 0.2
"""About how long one call into the compiled loop lasts: progress is shown, and Ctrl-C noticed, this often."""

AHEAD_BYTES = 2**20
"""Bytes of rows that are taken out of the arrays at once, for the next steps: as much as stays in a core's cache."""

Before = Callable[[int, Any], Any]
"""Called before a piece with the number of steps done and the loop's carry; returns the carry to continue with."""

Progress = Callable[[int, Any], bool]
"""Called after a piece with the number of steps done and the loop's carry; returns whether the loop ends here."""

_tracing = threading.Lock()
"""Held while a step is traced: its model holds tracers meanwhile, which no other thread may use."""


class Loop:
    """`body(carry, fixed, batch) -> carry`, compiled once for each combination of shapes of a segment.

    A piece is the steps of a segment that one call into the compiled loop does. The trip count is an argument of the
    compiled program, not a constant in it: pieces of every length share one compilation.

    Args:
        body: pure; it reads `fixed` and does not change it.
        batch: takes the rows of a step out of a segment's arrays and makes the step's batch of them.
        enter, leave: applied to the carry before the first and after the last step of a piece, to pack and unpack it.
    """

    def __init__(
        self,
        body: Callable[..., Any],
        batch: Batch,
        enter: Callable[[Any], Any] = lambda carry: carry,
        leave: Callable[[Any], Any] = lambda carry: carry,
    ):
        self._body = body
        self._batch = batch
        self._enter = enter
        self._leave = leave
        steps: Callable[..., Any] = self._steps
        stacked = jax.vmap(steps, in_axes=(0, 0, Segment(None, 0, None), 0, None, None))  # type: ignore[arg-type]
        self._for_one = jax.jit(steps, donate_argnums=0)
        self._for_several = jax.jit(stacked, donate_argnums=0)
        self._step_seconds: dict[Hashable, float] = {}

    def _steps(self, carry: Any, fixed: Any, segment: Segment, key_data: jax.Array, before: Any, stop: Any) -> Any:
        """Do the steps of a segment from its `start` to `stop`; `before` counts the epoch's steps before its first."""
        key = jax.random.wrap_key_data(key_data, impl="threefry2x32")
        ahead = self._ahead(segment)

        def several_steps(n: jax.Array, carry: Any) -> Any:
            first = segment.start + n * ahead
            # Near the segment's end the slice starts before `first`, so that it has the same length.
            at = jax.numpy.minimum(first, segment.steps - ahead)
            indices = jax.tree.map(lambda rows: jax.lax.dynamic_slice_in_dim(rows, at, ahead), segment.indices)
            rows = jax.vmap(self._batch.rows, (None, 0))(segment.arrays, indices)

            def step(i: jax.Array, carry: Any) -> Any:
                rows_of_step = jax.tree.map(lambda array: array[i - at], rows)
                batch = self._batch(rows_of_step, jax.random.fold_in(key, before + i))
                return self._body(carry, fixed, _computed_first(batch))

            return jax.lax.fori_loop(first, jax.numpy.minimum(first + ahead, stop), step, carry)

        return self._leave(jax.lax.fori_loop(0, -((segment.start - stop) // ahead), several_steps, self._enter(carry)))

    def _ahead(self, segment: Segment) -> int:
        """Return the number of steps whose rows are taken at once."""
        index = jax.tree.map(lambda rows: rows[0], segment.indices)
        rows = jax.tree.leaves(jax.eval_shape(self._batch.rows, segment.arrays, index))
        bytes_of_step = sum(leaf.size * leaf.dtype.itemsize for leaf in rows)
        return min(segment.steps, max(1, AHEAD_BYTES // max(1, bytes_of_step)))

    def __call__(
        self,
        carries: Sequence[Any],
        fixed: Sequence[Any],
        segments: Sequence[Iterable[Segment]],
        *,
        seeds: Sequence[tuple[int, int]],
        before_piece: Before | None = None,
        progress: Progress | None = None,
        device: Any = None,
    ) -> list[Any]:
        """Run every step of the segments, for one model or, stacked, for several over the same arrays.

        Args:
            carries: one for each model; donated: the loop reuses the buffers, so do not use them afterwards.
            fixed, segments: for each model.
            seeds: for each model two numbers that make the keys of its steps.
            before_piece: see `Before`; for one model.
            progress: see `Progress`; the carry is stacked for several models. An exception in it ends the loop.
            device: to run on; None: the first. Threads may run one loop on several devices at once.

        Returns:
            The carry of each model after the last step, ready.
        """
        compiled = self._for_one if len(carries) == 1 else self._for_several
        key_data = _stacked([np.array(seed, np.uint64).astype(np.uint32) for seed in seeds])
        # On the device before the first piece: later pieces get their carry from there, and a change would recompile.
        carry, constant = jax.device_put((_stacked(carries), _stacked(fixed)), device)
        before = 0
        for parts in zip(*segments, strict=True):
            steps, start, before_first = parts[0].steps, parts[0].start, before - parts[0].start
            indices = _stacked([part.indices for part in parts])
            arrays, indices = jax.device_put((parts[0].arrays, indices), device)
            form = len(carries), *((leaf.shape, leaf.dtype) for leaf in jax.tree.leaves((arrays, indices)))
            first = Segment(arrays, indices, np.int32(0))
            with _tracing:
                compiled.trace(carry, constant, first, key_data, np.int32(0), np.int32(0))
            while start < steps:
                if before_piece is not None and (replaced := before_piece(before_first + start, carry)) is not carry:
                    carry = jax.device_put(replaced, device)
                # A form's first piece is one step, timed with its compilation; each piece's time sizes the next one.
                piece = int(PIECE_SECONDS / self._step_seconds.get(form, PIECE_SECONDS))
                stop = min(start + max(1, piece), steps)
                segment = first._replace(start=np.int32(start))
                began = time.perf_counter()
                carry = compiled(carry, constant, segment, key_data, np.int32(before_first), np.int32(stop))
                jax.block_until_ready(carry)
                self._step_seconds[form] = (time.perf_counter() - began) / (stop - start)
                start = stop
                if progress is not None and progress(before_first + start, carry):
                    return _unstacked(carry, len(carries))
            before += steps - parts[0].start
        return _unstacked(carry, len(carries))


def _stacked(trees: Sequence[Any]) -> Any:
    """Stack trees of arrays along a new first axis; a single tree stays as it is."""
    return trees[0] if len(trees) == 1 else jax.tree.map(lambda *arrays: np.stack(arrays), *trees)


def _unstacked(tree: Any, count: int) -> list[Any]:
    if count == 1:
        return [tree]
    tree = jax.tree.map(np.asarray, tree)
    return [jax.tree.map(lambda array, i=i: array[i], tree) for i in range(count)]


def _computed_first(batch: Any) -> Any:
    """Make XLA compute the batch before it is used. Otherwise XLA fuses it into sums, which then round differently.

    The batch passes the barrier as vectors: rows of 28 values do not fill SIMD registers evenly, which is slower.
    """
    leaves, structure = jax.tree.flatten(batch)
    vectors = jax.lax.optimization_barrier([leaf.reshape(-1) for leaf in leaves])
    shaped = [vector.reshape(leaf.shape) for vector, leaf in zip(vectors, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)
