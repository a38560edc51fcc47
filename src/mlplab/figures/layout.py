"""Places for the boxes of a directed graph, in layers from top to bottom. NumPy only.

The four steps of Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system
structures": layers, an order within each that has few crossings, places, edges around the boxes in between.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SWEEPS, _SETTLE = 8, 300
"""Passes over the layers: for their order; for the places in them, at most."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Where boxes are, and along which points edges go, in box widths and layers.

    Attributes:
        x, layer: of each box, its middle; layer 0 is the topmost.
        edges: for each edge its points, (k, 2) of x and layer, from parent to child.
    """

    x: np.ndarray
    layer: np.ndarray
    edges: list[np.ndarray]


def layered(parents: Sequence[Sequence[int]], gap: float = 0.15) -> Layout:
    """Places for boxes of width 1.

    Args:
        parents: for each box the positions of its parents, all before its own.
        gap: between boxes of a layer, in box widths.
    """
    layer = _layers(parents)
    layers, chains = _with_bends(parents, layer)
    neighbours = _neighbours(chains, sum(map(len, layers)))
    _order(layers, neighbours)
    x = _places(layers, neighbours, len(parents), gap)
    levels = np.empty(len(x))
    for level, nodes in enumerate(layers):
        levels[nodes] = level
    edges = [np.stack([x[chain], levels[chain]], 1) for chain in chains]
    return Layout(x[: len(parents)], layer, edges)


def _layers(parents: Sequence[Sequence[int]]) -> np.ndarray:
    """The longest way from the top; what has no parents goes right above the first that needs it."""
    layer = np.zeros(len(parents), int)
    for box, above in enumerate(parents):
        layer[box] = max((layer[parent] + 1 for parent in above), default=0)
    for box, above in enumerate(parents):
        below = [layer[child] for child, its in enumerate(parents) if box in its]
        if not above and below:
            layer[box] = min(below) - 1
    return layer


def _with_bends(parents: Sequence[Sequence[int]], layer: np.ndarray) -> tuple[list[list[int]], list[list[int]]]:
    """The boxes of each layer, and each edge as a chain of nodes: a bend for each layer that it passes."""
    layers: list[list[int]] = [[] for _ in range(layer.max() + 1)]
    for box, level in enumerate(layer):
        layers[level].append(box)
    chains, bends = [], len(parents)
    for box, above in enumerate(parents):
        for parent in above:
            passed = range(layer[parent] + 1, layer[box])
            chains.append([parent, *range(bends, bends + len(passed)), box])
            for level in passed:
                layers[level].append(bends)
                bends += 1
    return layers, chains


def _neighbours(chains: list[list[int]], nodes: int) -> tuple[list[list[int]], list[list[int]]]:
    """For each node those above and those below."""
    above: list[list[int]] = [[] for _ in range(nodes)]
    below: list[list[int]] = [[] for _ in range(nodes)]
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    return above, below


def _order(layers: list[list[int]], neighbours: tuple[list[list[int]], list[list[int]]]) -> None:
    """Sorts each layer by the mean place of its neighbours, downwards and upwards in turn."""
    above, below = neighbours
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for level in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            beside = layers[level - 1] if down else layers[level + 1]
            place = {node: i for i, node in enumerate(beside)}
            own = {node: i for i, node in enumerate(layers[level])}
            near = above if down else below

            def middle(node: int, near=near, place=place, own=own) -> float:
                return float(np.mean([place[other] for other in near[node]])) if near[node] else own[node]

            layers[level].sort(key=middle)


def _places(
    layers: list[list[int]], neighbours: tuple[list[list[int]], list[list[int]]], boxes: int, gap: float
) -> np.ndarray:
    """x of each node: least squared widths of all edges, layer by layer, as far as a layer has room."""
    x = np.zeros(sum(map(len, layers)))
    widths = np.where(np.arange(len(x)) < boxes, 1.0, 0.2)
    for nodes in layers:
        x[nodes] = np.cumsum(widths[nodes] + gap) - (widths[nodes] + gap).sum() / 2
    above, below = neighbours
    for sweep in range(_SETTLE):
        before = x.copy()
        for nodes in layers if sweep % 2 == 0 else reversed(layers):
            near = [[*above[node], *below[node]] or [node] for node in nodes]
            wanted = np.array([x[others].mean() for others in near])
            x[nodes] = _apart(wanted, np.array(list(map(len, near)), float), widths[nodes], gap)
        if np.abs(x - before).max() < 1e-4:
            break
    return x - x.min()


def _apart(wanted: np.ndarray, weights: np.ndarray, widths: np.ndarray, gap: float) -> np.ndarray:
    """The places nearest to those wanted (weighted least squares) that keep the order and do not overlap.

    With the least distances subtracted, that is a regression by a sequence that does not fall, which pooling
    adjacent violators gives (Barlow et al., 1972, "Statistical inference under order restrictions", section 1.2).
    """
    least = np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2 + gap)])
    pools: list[list[float]] = []  # mean, weight, nodes
    for value, weight in zip(wanted - least, weights, strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, u, m), (b, v, n) = pools[-2:]
            pools[-2:] = [[(a * u + b * v) / (u + v), u + v, m + n]]
    return np.concatenate([np.full(int(count), mean) for mean, _, count in pools]) + least
