"""A network with fewer operations that computes the same: factors and sums with constants become part of dense layers.

Batch normalisation after a dense layer, and the division of pixels before one, then cost nothing.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlplab.exports.operations import Graph, Operation


def folded(graph: Graph) -> Graph:
    """Return a graph whose affine operations are folded into others where that changes results by rounding alone.

    - An affine operation after a dense one, which nothing else takes, becomes part of it.
    - A scaling (an affine operation without shift) becomes part of the dense or affine operation after it, also through
      a reshape if it is a single factor. A shift stays: of inputs far from 0 with a small spread, a sum in the next
      operation would lose what their difference keeps.
    """
    taken = Counter(name for operation in graph.operations for name in operation.inputs)
    done: list[Operation] = []
    makers: dict[str, Operation] = {}
    for operation in graph.operations:
        new = [operation]
        while (maker := makers.get(new[-1].inputs[0])) and (joined := _joined(maker, new[-1], taken[maker.output] < 2)):
            new = new[:-1] + joined
        done += new
        makers |= {each.output: each for each in new}
    return dataclasses.replace(graph, operations=_needed(done, graph.output))


def _joined(first: Operation, second: Operation, alone: bool) -> list[Operation] | None:
    """Return operations on the first one's inputs that give what the second of two gives; None if they do not join.

    `alone`: whether nothing else takes what the first one gives.
    """
    if first.kind == "dense" and second.kind == "affine" and alone:
        return _dense_then_affine(first, second)
    if first.kind != "affine" or first.weights["shift"].any():
        return None
    scale = _exact(first.weights["scale"])
    if second.kind == "affine":
        return [_with(second, first.inputs, scale=scale * second.weights["scale"])]
    if second.kind == "dense" and scale.ndim < 2 and scale.size in (1, len(second.weights["kernel"])):
        return [_with(second, first.inputs, kernel=scale.reshape(-1, 1) * second.weights["kernel"])]
    if second.kind == "reshape" and scale.size == 1:
        moved = dataclasses.replace(second, inputs=first.inputs, output=f"{second.output}/1")
        return [
            moved,
            _with(dataclasses.replace(first, output=second.output), (moved.output,), scale=scale.reshape(())),
        ]
    return None


def _dense_then_affine(dense: Operation, affine: Operation) -> list[Operation] | None:
    scale, shift = _exact(affine.weights["scale"]), _exact(affine.weights["shift"])
    units = len(dense.weights["bias"])
    if any(array.ndim > 1 or array.size not in (1, units) for array in (scale, shift)):
        return None
    new = _with(dense, dense.inputs, kernel=dense.weights["kernel"] * scale, bias=dense.weights["bias"] * scale + shift)
    return [dataclasses.replace(new, output=affine.output)]


def _needed(operations: Sequence[Operation], output: str) -> tuple[Operation, ...]:
    """Return the operations on which a value depends."""
    wanted, needed = {output}, []
    for operation in reversed(operations):
        if operation.output in wanted:
            wanted.update(operation.inputs)
            needed.append(operation)
    return tuple(reversed(needed))


def _with(operation: Operation, inputs: tuple[str, ...], **weights: Any) -> Operation:
    """Return an operation with other inputs and some other weights."""
    plain = {name: np.asarray(array, np.float32) for name, array in weights.items()}
    return dataclasses.replace(operation, inputs=inputs, weights={**operation.weights, **plain})


def _exact(values: Any) -> np.ndarray:
    return np.asarray(values, np.float64)
