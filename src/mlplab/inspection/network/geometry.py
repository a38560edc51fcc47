"""Nearest rows and principal components of points. NumPy, and SciPy for many dimensions."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def nearest_rows(
    queries: np.ndarray, blocks: Iterator[np.ndarray], n: int, leave_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows nearest to each query, by Euclidean distance.

    Args:
        queries: (k, d).
        blocks: all rows, in blocks (b, d).
        n: number of rows for each query.
        leave_out: int (k,), a row to exclude for each query, or -1.

    Returns:
        Row numbers int64 (k, m) and distances float64 (k, m), nearest first; m is at most `n`.
    """
    queries = queries.astype(np.float64)
    every = np.arange(len(queries))[:, None]
    numbers = np.empty((len(queries), 0), np.int64)
    squares = np.empty((len(queries), 0))
    vectors = np.empty((len(queries), 0, queries.shape[1]))
    start = 0
    for block in blocks:
        block = block.astype(np.float64)
        # |q - b|² = |q|² - 2 q·b + |b|²; |q|² is the same for all rows.
        block_squares = (block**2).sum(1) - 2 * queries @ block.T
        if leave_out is not None:
            excluded = np.flatnonzero((leave_out >= start) & (leave_out < start + len(block)))
            block_squares[excluded, leave_out[excluded] - start] = np.inf
        candidates = np.argpartition(block_squares, min(n, len(block)) - 1, 1)[:, :n]
        squares = np.concatenate([squares, block_squares[every, candidates]], 1)
        numbers = np.concatenate([numbers, start + candidates], 1)
        vectors = np.concatenate([vectors, block[candidates]], 1)
        best = np.lexsort((numbers, squares), axis=1)[:, :n]
        squares, numbers, vectors = squares[every, best], numbers[every, best], vectors[every, best]
        start += len(block)
    # Distances of the differences themselves: the squares above lose digits, and equal rows must have distance 0.
    exact = np.sqrt(((vectors - queries[:, None]) ** 2).sum(-1))
    exact[np.isinf(squares)] = np.inf
    best = np.lexsort((numbers, exact), axis=1)
    finite = np.isfinite(exact[every, best]).all(0)
    return numbers[every, best][:, finite], exact[every, best][:, finite]


def principal_components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the first two principal components. The weight of largest size in each is positive.

    Args:
        rows: float32 (n, d).

    Returns:
        Scores of the rows, float32 (n, 2), and fractions of the variance, (2,); zeros for a component without variance.
    """
    mean = rows.mean(0, dtype=np.float64)
    centred = rows - mean
    total = float(np.vdot(centred, centred))
    if min(rows.shape) <= 512:
        short = centred if rows.shape[0] > rows.shape[1] else centred.T
        values, vectors = np.linalg.eigh(short.T @ short)
        values, vectors = values[:-3:-1], vectors[:, :-3:-1]
        if short is not centred:  # eigenvectors of X Xᵀ; those of Xᵀ X are Xᵀ times them
            vectors = centred.T @ vectors / np.sqrt(np.maximum(values, 1e-300))
    else:
        from scipy.sparse.linalg import svds

        start = np.random.default_rng(0).standard_normal(min(rows.shape))
        result: Any = svds(centred.astype(np.float32), k=2, v0=start, tol=1e-5)  # pyright: ignore[reportArgumentType]
        values, vectors = result[1][::-1] ** 2, result[2][::-1].T
    positive = values > 1e-12 * total  # rounding leaves variance where there is none
    vectors = vectors[:, positive] * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(len(values))])[positive]
    scores, explained = np.zeros((len(rows), 2), np.float32), np.zeros(2)
    scores[:, : vectors.shape[1]] = rows @ vectors.astype(np.float32) - mean @ vectors
    explained[: vectors.shape[1]] = values[positive] / total
    return scores, explained
