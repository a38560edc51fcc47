"""A step, compiled into a loop over any number of steps, run in pieces short enough to be interrupted."""

import functools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from mlplab.engine.backend import give_back_freed_memory
from mlplab.engine.forms import Forms, computed_first, model_access
from mlplab.engine.source import Batch, Segment

PIECE_SECONDS = 0.2
"""About how long one call into the compiled loop lasts: progress is shown, and Ctrl-C noticed, this often."""

AHEAD_BYTES = 2**20
"""Bytes of rows that are taken out of the arrays at once, for the next steps: as much as stays in a core's cache."""

Progress = Callable[[int, Any], bool]
"""Called after a piece with the number of steps done and the loop's carry; returns whether the loop ends here."""


class Loop:
    """`body(carry, fixed, batch) -> (carry, output)`, compiled once for each form of a segment: the shapes in it.

    A piece is the steps of a segment that one call into the compiled loop does. The trip count is an argument of the
    compiled program, not a constant in it: pieces of every length share one compilation.

    Args:
        body: pure; it reads `fixed` and does not change it.
        batch: takes the rows of a step out of a segment's arrays and makes the step's batch of them.
        enter, leave: applied to the carry before the first and after the last step of a piece, to pack and unpack it.
        has_output: whether the output of a step is a pytree of arrays, and not None.
        direct: compile a segment of one step without a loop around it, in half the time. Not with enter and leave.
    """

    def __init__(
        self,
        body: Callable[..., tuple[Any, Any]],
        batch: Batch,
        enter: Callable[[Any], Any] = lambda carry: carry,
        leave: Callable[[Any], Any] = lambda carry: carry,
        has_output: bool = False,
        direct: bool = False,
    ):
        self._body = body
        self._batch = batch
        self._enter = enter
        self._leave = leave
        self._has_output = has_output
        self._direct = direct
        self._forms: Forms[_Form] = Forms()

    def _steps(
        self, carry: Any, outputs: Any, fixed: Any, segment: Segment, key_data: jax.Array, before: Any, stop: Any
    ) -> Any:
        """Do the steps of a segment from its `start` to `stop`; `before` counts the epoch's steps before its first.

        Returns the carry, and `outputs`, arrays (steps, …), with the outputs of these steps written into it.
        """
        key = jax.random.wrap_key_data(key_data, impl="threefry2x32")
        ahead = self._ahead(segment)

        def step(rows: Any, i: Any, carry: Any) -> Any:
            batch = self._batch(rows, jax.random.fold_in(key, before + i))
            return self._body(carry, fixed, computed_first(batch))

        def several_steps(n: jax.Array, carry_and_outputs: Any) -> Any:
            first = segment.start + n * ahead
            # Near the segment's end the slice starts before `first`, so that it has the same length.
            at = jax.numpy.minimum(first, segment.steps - ahead)
            indices = jax.tree.map(lambda rows: jax.lax.dynamic_slice_in_dim(rows, at, ahead), segment.indices)
            rows = jax.vmap(self._batch.rows, (None, 0))(segment.arrays, indices)

            def next_step(i: jax.Array, carry_and_outputs: Any) -> Any:
                carry, outputs = carry_and_outputs
                carry, output = step(jax.tree.map(lambda array: array[i - at], rows), i, carry)
                put = jax.lax.dynamic_update_index_in_dim
                return carry, jax.tree.map(lambda of_all, of_step: put(of_all, of_step, i, 0), outputs, output)

            return jax.lax.fori_loop(first, jax.numpy.minimum(first + ahead, stop), next_step, carry_and_outputs)

        if self._direct and segment.steps == 1:
            rows = self._batch.rows(segment.arrays, jax.tree.map(lambda rows: rows[0], segment.indices))
            carry, output = step(rows, 0, carry)
            return carry, jax.tree.map(lambda of_step: jax.numpy.expand_dims(of_step, 0), output)
        rounds = -((segment.start - stop) // ahead)
        carry, outputs = jax.lax.fori_loop(0, rounds, several_steps, (self._enter(carry), outputs))
        return self._leave(carry), outputs

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
        progress: Progress | None = None,
        device: Any = None,
    ) -> list[tuple[Any, list[Any]]]:
        """Run every step of the segments, for one model or, stacked, for several over the same arrays.

        Args:
            carries: one for each model; donated: the loop reuses the buffers, so do not use them afterwards.
            fixed, segments: for each model.
            seeds: for each model two numbers that make the keys of its steps.
            progress: see `Progress`; the carry is stacked for several models. An exception in it ends the loop.
            device: to run on; None: the first. Threads may run one loop on several devices at once.

        Returns:
            For each model the carry after the last step, ready, and for each segment the outputs of its steps: NumPy
            arrays (steps, …).
        """
        key_data = _stacked([np.array(seed, np.uint64).astype(np.uint32) for seed in seeds])
        # On the device before the first piece: later pieces get their carry from there, and a change would recompile.
        carry, constant = jax.device_put((_stacked(carries), _stacked(fixed)), device)
        outputs, done, before = [], [], 0
        for parts in zip(*segments, strict=True):
            form = self._form(carries[0], fixed[0], parts[0], len(parts))
            segment = parts[0]._replace(indices=_stacked([part.indices for part in parts]))
            carry, output, stop, ends = form.run(carry, constant, segment, key_data, before, progress, device)
            outputs.append(output)
            done.append(slice(segment.start, stop))
            before += stop - segment.start
            if ends:
                break
        return [
            (carry, [jax.tree.map(lambda a, steps=steps: a[steps], o) for o, steps in zip(outputs, done, strict=True)])
            for carry, outputs in _unstacked((carry, outputs), len(carries))
        ]

    def _form(self, carry: Any, fixed: Any, segment: Segment, models: int) -> "_Form":
        """Return what is compiled for a segment. The arguments are those of the first of the models."""

        def make() -> _Form:
            give_back_freed_memory()
            collects = self._has_output and not (self._direct and segment.steps == 1)
            output = self._shapes_of_output(carry, fixed, segment) if collects else None
            axes = (models, segment.steps) if models > 1 else (segment.steps,)
            outputs = jax.tree.map(lambda s: jax.ShapeDtypeStruct((*axes, *s.shape), s.dtype), output)
            steps: Callable[..., Any] = functools.partial(self._steps)  # which no other form has: freed with it
            if models > 1:
                axes_of_segment: Any = Segment(None, 0, None)  # type: ignore[arg-type] - axes, not arrays
                steps = jax.vmap(steps, in_axes=(0, 0, 0, axes_of_segment, 0, None, None))
            return _Form(jax.jit(steps, donate_argnums=(0, 1)), outputs)

        return self._forms.get(segment, make, models)

    def _shapes_of_output(self, carry: Any, fixed: Any, segment: Segment) -> Any:
        """Return shapes and dtypes of the output of a step."""
        key = jax.random.key(0, impl="threefry2x32")

        def output(carry: Any, fixed: Any, arrays: Any, index: Any) -> Any:
            return self._body(carry, fixed, self._batch(self._batch.rows(arrays, index), key))[1]

        index = jax.tree.map(lambda rows: rows[0], segment.indices)
        return jax.eval_shape(output, carry, fixed, segment.arrays, index)


class _Form:
    """What is compiled for segments of one form.

    Args:
        function: `Loop._steps`, to be compiled.
        outputs: shapes and dtypes of the outputs of a segment, which are written step by step; None if none are.
    """

    def __init__(self, function: Any, outputs: Any):
        self._function = function
        self._outputs = outputs
        self._step_seconds = PIECE_SECONDS
        self._devices: set[Any] = set()
        self._compiling = threading.Lock()

    def run(
        self,
        carry: Any,
        fixed: Any,
        segment: Segment,
        key_data: Any,
        before: int,
        progress: Progress | None,
        device: Any,
    ) -> tuple[Any, Any, int, bool]:
        """Do the steps of a segment. `before` counts the epoch's steps before them.

        Returns the carry; the outputs as NumPy arrays (steps, …), or (models, steps, …); the step before which the
        loop stopped; and whether `progress` ended it.
        """
        start, before_first, ends = int(segment.start), np.int32(before - segment.start), False
        outputs = jax.tree.map(lambda shape: np.zeros(shape.shape, shape.dtype), self._outputs)
        outputs, arrays, indices = jax.device_put((outputs, segment.arrays, segment.indices), device)
        while start < segment.steps and not ends:
            # The first piece is one step, timed with its compilation; each piece's time sizes the next one.
            stop = min(start + max(1, int(PIECE_SECONDS / self._step_seconds)), segment.steps)
            first: Any = np.int32(start)
            piece = Segment(arrays, indices, first)
            arguments = carry, outputs, fixed, piece, key_data, before_first, np.int32(stop)
            with model_access:
                self._function.trace(*arguments)
            began = time.perf_counter()
            carry, outputs = self._call(arguments, device)
            self._step_seconds = (time.perf_counter() - began) / (stop - start)
            start = stop
            ends = progress is not None and progress(int(before_first) + start, carry)
        return carry, jax.tree.map(np.asarray, outputs), start, ends

    def _call(self, arguments: tuple, device: Any) -> Any:
        """Call the function on a device, one after the other at first: what one has compiled, the others read."""
        if device in self._devices:
            return jax.block_until_ready(self._function(*arguments))
        with self._compiling:
            results = jax.block_until_ready(self._function(*arguments))
        self._devices.add(device)
        return results


def _stacked(trees: Sequence[Any]) -> Any:
    """Stack trees of arrays along a new first axis; a single tree stays as it is."""
    return trees[0] if len(trees) == 1 else jax.tree.map(lambda *arrays: np.stack(arrays), *trees)


def _unstacked(tree: Any, count: int) -> list[Any]:
    if count == 1:
        return [tree]
    tree = jax.tree.map(np.asarray, tree)
    return [jax.tree.map(lambda array, i=i: array[i], tree) for i in range(count)]
