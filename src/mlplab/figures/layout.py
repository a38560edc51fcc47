"""Place the boxes of a directed graph in layers from top to bottom.

The four steps of Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system
structures": assign layers, order each layer for few crossings, place the boxes, route edges around boxes.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ORDERING_SWEEPS, _MAX_PLACEMENT_SWEEPS = 8, 300
"""Numbers of passes over all layers."""

_DUMMY_WIDTH = 0.2
"""Room for an edge that passes a layer, in box widths."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Coordinates of boxes and edges: x in box widths, y in layers.

    Attributes:
        x: centre of each box, float (boxes,).
        layer: of each box, int (boxes,); 0 is the topmost.
        edges: points (k, 2) of x and layer along each edge, from parent to child.
    """

    x: np.ndarray
    layer: np.ndarray
    edges: list[np.ndarray]


def layered(parents: Sequence[Sequence[int]], gap: float = 0.15) -> Layout:
    """Lay out boxes of width 1.

    Args:
        parents: for each box the indices of its parents, which come before it.
        gap: distance between neighbouring boxes of a layer, in box widths.
    """
    layer = _layers(parents)
    layers, chains = _with_dummies(parents, layer)
    neighbours = _neighbours(chains, sum(map(len, layers)))
    _order(layers, neighbours)
    x = _places(layers, neighbours, len(parents), gap)
    edges = [np.stack([x[chain], layer[chain[0]] + np.arange(len(chain))], 1) for chain in chains]
    return Layout(x[: len(parents)], layer, edges)


def _layers(parents: Sequence[Sequence[int]]) -> np.ndarray:
    """Return each box's layer: the longest path from a root. A root is moved to the layer above its topmost child."""
    layer = np.zeros(len(parents), int)
    for box, above in enumerate(parents):
        layer[box] = max((layer[parent] + 1 for parent in above), default=0)
    for box, above in enumerate(parents):
        below = [layer[child] for child, upper in enumerate(parents) if box in upper]
        if not above and below:
            layer[box] = min(below) - 1
    return layer


def _with_dummies(parents: Sequence[Sequence[int]], layer: np.ndarray) -> tuple[list[list[int]], list[list[int]]]:
    """Return the nodes of each layer, and each edge as a chain with a dummy node in every layer that it crosses."""
    layers: list[list[int]] = [[] for _ in range(layer.max() + 1)]
    for box, level in enumerate(layer):
        layers[level].append(box)
    chains, nodes = [], len(parents)
    for box, above in enumerate(parents):
        for parent in above:
            passed = range(layer[parent] + 1, layer[box])
            chains.append([parent, *range(nodes, nodes + len(passed)), box])
            for level in passed:
                layers[level].append(nodes)
                nodes += 1
    return layers, chains


def _neighbours(chains: list[list[int]], nodes: int) -> list[list[int]]:
    """Return the neighbours of each node in the layers above and below."""
    neighbours: list[list[int]] = [[] for _ in range(nodes)]
    for chain in chains:
        for upper, lower in itertools.pairwise(chain):
            neighbours[lower].append(upper)
            neighbours[upper].append(lower)
    return neighbours


def _order(layers: list[list[int]], neighbours: list[list[int]]) -> None:
    """Sort each layer by the mean rank of its neighbours in the layer above, then in the layer below, in turn."""
    for sweep in range(_ORDERING_SWEEPS):
        down = sweep % 2 == 0
        for level in range(1, len(layers)) if down else range(len(layers) - 2, -1, -1):
            rank = {node: i for i, node in enumerate(layers[level - 1] if down else layers[level + 1])}
            middles = {}
            for i, node in enumerate(layers[level]):
                ranks = [rank[other] for other in neighbours[node] if other in rank]
                middles[node] = float(np.mean(ranks)) if ranks else i
            layers[level].sort(key=middles.__getitem__)


def _places(layers: list[list[int]], neighbours: list[list[int]], boxes: int, gap: float) -> np.ndarray:
    """Return x of each node: minimize the squared horizontal lengths of edges, layer by layer, without overlaps."""
    x = np.zeros(len(neighbours))
    widths = np.where(np.arange(len(x)) < boxes, 1.0, _DUMMY_WIDTH)
    for nodes in layers:
        x[nodes] = np.cumsum(widths[nodes] + gap) - (widths[nodes] + gap).sum() / 2
    for sweep in range(_MAX_PLACEMENT_SWEEPS):
        before = x.copy()
        for nodes in layers if sweep % 2 == 0 else reversed(layers):
            adjacent = [neighbours[node] or [node] for node in nodes]
            targets = np.array([x[others].mean() for others in adjacent])
            x[nodes] = _without_overlap(targets, np.array(list(map(len, adjacent)), float), widths[nodes], gap)
        if np.abs(x - before).max() < 1e-4:
            break
    return x - x.min()


def _without_overlap(targets: np.ndarray, weights: np.ndarray, widths: np.ndarray, gap: float) -> np.ndarray:
    """Return the x nearest to `targets` (weighted least squares) that keep the order and do not overlap.

    After subtracting the least distances between centres, this is isotonic regression (Barlow et al., 1972,
    "Statistical inference under order restrictions", section 1.2).
    """
    if len(targets) == 1:
        return targets
    from scipy.optimize import isotonic_regression  # takes 0.2 s, which only layers of several nodes need

    least = np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2 + gap)])
    return isotonic_regression(targets - least, weights=weights).x + least
