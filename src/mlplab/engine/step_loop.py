"""A step, compiled into a program of its own that is called step by step, for callbacks that see every batch.

Between two steps the carry stays as the program left it: on the device, and packed. It is unpacked only if a callback
reads its model, and packed again only if the callback has changed something there.
"""

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

import jax
import numpy as np

from mlplab.engine.forms import Forms, computed_first, model_access
from mlplab.engine.source import Batch, Segment


class Carry:
    """The carry between two steps: packed, as the program takes it, or as the model has it, or both.

    Args:
        enter, leave: pack and unpack it.
        packed, unpacked: one of them; the other one is computed when it is first read.
    """

    def __init__(
        self, enter: Callable[[Any], Any], leave: Callable[[Any], Any], *, packed: Any = None, unpacked: Any = None
    ):
        self._enter, self._leave = enter, leave
        self._packed, self._unpacked = packed, unpacked

    @property
    def packed(self) -> Any:
        if self._packed is None:
            self._packed = self._enter(self._unpacked)
        return self._packed

    @property
    def unpacked(self) -> Any:
        if self._unpacked is None:
            self._unpacked = self._leave(self._packed)
        return self._unpacked

    def replaced(self, taken: Any, device: Any) -> "Carry":
        """Return this carry with the arrays that are others in `taken`, itself if none is."""
        (new, structure), (old, structure_before) = jax.tree.flatten(taken), jax.tree.flatten(self.unpacked)
        if structure == structure_before and all(map(operator.is_, new, old)):
            return self
        if structure != structure_before:
            old = [None] * len(new)
        leaves = [n if n is o else _copied(n, device) for n, o in zip(new, old, strict=True)]
        return Carry(self._enter, self._leave, unpacked=jax.tree.unflatten(structure, leaves))


class Calls(Protocol):
    """What is called around the steps."""

    def before(self, steps: int, carry: Carry) -> Any:
        """Called before a step with the number of steps done; returns the unpacked carry to continue with."""
        ...

    def after(self, steps: int, carry: Carry, logs: Any) -> bool:
        """Called after a step with the number of steps done and the step's logs; returns whether the pass ends."""
        ...


class StepLoop:
    """`body(carry, fixed, batch) -> (carry, logs)`, compiled once for each form of a segment: the shapes in it.

    Args:
        body: pure; it reads `fixed` and does not change it.
        batch: takes the rows of a step out of a segment's arrays and makes the step's batch of them.
        enter, leave: pack and unpack the carry; None: it is not packed.
    """

    def __init__(
        self,
        body: Callable[..., tuple[Any, Any]],
        batch: Batch,
        enter: Callable[[Any], Any] | None = None,
        leave: Callable[[Any], Any] | None = None,
    ):
        self._body = body
        self._batch = batch
        self._is_packed = enter is not None
        self._enter = jax.jit(enter) if enter else _unchanged
        self._leave = jax.jit(leave) if leave else _unchanged
        self._carry = partial(Carry, self._enter, self._leave)
        self._forms: Forms[dict[str, Any]] = Forms()

    def _programs(self) -> dict[str, Any]:
        """Return the programs for one form of a segment, by the form of the carry that they take and return."""
        return {
            "packed": jax.jit(partial(self._step), donate_argnums=0),
            "unpacked": jax.jit(partial(self._unpacked_step), donate_argnums=0),
        }

    def _unpacked_step(self, carry: Any, *arguments: Any) -> Any:
        carry, logs = self._step(self._enter(carry), *arguments)
        return self._leave(carry), logs

    def _step(self, carry: Any, fixed: Any, arrays: Any, indices: Any, key_data: Any, i: Any, number: Any) -> Any:
        """Do step `i` of a segment, which is step `number` of the pass."""
        # In a loop of one: there XLA compiles convolutions and sums to the same bits as in the loop over an epoch.
        key = jax.random.wrap_key_data(key_data, impl="threefry2x32")

        def step(i: Any, carry_and_logs: Any) -> Any:
            index = jax.tree.map(lambda rows: jax.lax.dynamic_index_in_dim(rows, i, keepdims=False), indices)
            batch = self._batch(self._batch.rows(arrays, index), jax.random.fold_in(key, number))
            return self._body(carry_and_logs[0], fixed, computed_first(batch))

        logs = jax.tree.map(lambda s: jax.numpy.zeros(s.shape, s.dtype), jax.eval_shape(step, i, (carry, None))[1])
        return jax.lax.fori_loop(i, i + 1, step, (carry, logs))

    def __call__(
        self,
        carry: Any,
        fixed: Any,
        segments: Iterable[Segment],
        calls: Calls,
        *,
        seed: tuple[int, int],
        progress: Callable[[], object],
        device: Any,
    ) -> Carry:
        """Run the steps of the segments, for one model, until `calls` end it; return the carry after the last one.

        `seed` makes the keys of the steps. `progress` is called after each step; an exception in it ends the loop.
        The arrays of the carry are donated: the loop reuses their buffers, so do not use them afterwards.
        """
        key_data = np.array(seed, np.uint64).astype(np.uint32)
        carry, fixed, key_data = jax.device_put((carry, fixed, key_data), device)
        held, done, is_read = self._carry(unpacked=carry), 0, False
        for segment in segments:
            arrays, indices = jax.device_put((segment.arrays, segment.indices), device)
            programs, traced = self._forms.get(segment, self._programs), set[str]()
            for i in range(int(segment.start), segment.steps):
                was_read, taken = is_read, calls.before(done, held)
                if is_read := taken is not None:
                    held = held.replaced(taken, device)
                # For a callback that reads its model at every step, one program that unpacks too is faster than two.
                form = "unpacked" if self._is_packed and is_read and was_read else "packed"
                arguments = getattr(held, form), fixed, arrays, indices, key_data, np.int32(i), np.int32(done)
                if form not in traced:
                    traced.add(form)
                    with model_access:
                        programs[form].trace(*arguments)
                carry, logs = programs[form](*arguments)
                held, done = self._carry(**{form: carry}), done + 1
                ends = calls.after(done, held, logs)
                progress()
                if ends:
                    return held
        return held


def _copied(array: Any, device: Any) -> Any:
    """Copy an array to the device, so that no buffer is donated twice, without waiting for the step that computes."""
    # A weak type, which the program does not know, is lost on the way through NumPy.
    return jax.device_put(np.array(array) if array.weak_type else array, device, may_alias=False)


def _unchanged(carry: Any) -> Any:
    return carry
