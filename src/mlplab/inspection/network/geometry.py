"""Rows as points: which are nearest to one, and along which directions they vary most. NumPy, and SciPy for many."""

from collections.abc import Iterator

import numpy as np


def nearest(
    queries: np.ndarray, blocks: Iterator[np.ndarray], n: int, leave_out: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest rows to each query, by Euclidean distance.

    Args:
        queries: (k, d).
        blocks: all rows, (b, d) at a time.
        n: how many.
        leave_out: int (k,), for each query a row that does not count, or -1.

    Returns:
        Row numbers int64 (k, m) and distances float64 (k, m), nearest first; m is `n`, or all rows that there are.
    """
    queries = queries.astype(np.float64)
    every = np.arange(len(queries))[:, None]
    found = np.empty((len(queries), 0), np.int64)
    squares = np.empty((len(queries), 0))
    vectors = np.empty((len(queries), 0, queries.shape[1]))
    start = 0
    for block in blocks:
        block = block.astype(np.float64)
        # |q - b|² = |q|² - 2 q·b + |b|²; |q|² is the same for all rows.
        distant = (block**2).sum(1) - 2 * queries @ block.T
        if leave_out is not None:
            here = np.flatnonzero((leave_out >= start) & (leave_out < start + len(block)))
            distant[here, leave_out[here] - start] = np.inf
        some = np.argpartition(distant, min(n, len(block)) - 1, 1)[:, :n]
        squares = np.concatenate([squares, distant[every, some]], 1)
        found = np.concatenate([found, start + some], 1)
        vectors = np.concatenate([vectors, block[some]], 1)
        best = np.lexsort((found, squares), axis=1)[:, :n]
        squares, found, vectors = squares[every, best], found[every, best], vectors[every, best]
        start += len(block)
    # The differences themselves: what is cancelled above is lost, and equal rows should be at distance 0.
    exact = np.sqrt(((vectors - queries[:, None]) ** 2).sum(-1))
    exact[np.isinf(squares)] = np.inf
    best = np.lexsort((found, exact), axis=1)
    kept = np.isfinite(exact[every, best]).all(0)
    return found[every, best][:, kept], exact[every, best][:, kept]


def principal_components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two directions in which rows vary most: principal component analysis.

    Of a component and its opposite, the one whose largest weight is positive.

    Args:
        rows: float32 (n, d).

    Returns:
        The rows along them, float32 (n, 2), and the fractions of the variance that they have, (2,). Zeros, where
        rows have no second (or first) direction to vary in.
    """
    mean = rows.mean(0, dtype=np.float64)
    total = float(sum(((part - mean) ** 2).sum() for part in np.array_split(rows, max(1, rows.size // 2**22))))
    if min(rows.shape) <= 512:
        centred = rows - mean
        short = centred if rows.shape[0] > rows.shape[1] else centred.T
        values, vectors = np.linalg.eigh(short.T @ short)
        values, vectors = values[:-3:-1], vectors[:, :-3:-1]
        if short is not centred:  # eigenvectors of X Xᵀ; those of Xᵀ X are Xᵀ times them
            vectors = centred.T @ vectors / np.sqrt(np.maximum(values, 1e-300))
    else:
        values, vectors = _largest_two(rows, mean)
    # Rounding leaves variance where there is none.
    real = values > 1e-12 * total
    vectors = vectors[:, real] * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(len(values))])[real]
    scores, explained = np.zeros((len(rows), 2), np.float32), np.zeros(2)
    scores[:, : vectors.shape[1]] = rows @ vectors.astype(np.float32) - mean @ vectors
    explained[: vectors.shape[1]] = values[real] / total
    return scores, explained


def _largest_two(rows: np.ndarray, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (2,) and eigenvectors (d, 2) of the rows' scatter matrix, by Lanczos, without making that."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def scatter(vector: np.ndarray) -> np.ndarray:
        along = rows @ vector.astype(np.float32) - np.float32(mean @ vector)
        return rows.T @ along - mean * along.sum(dtype=np.float64)

    d = rows.shape[1]
    operator = LinearOperator((d, d), matvec=scatter, dtype=np.float64)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(0).standard_normal(d)
    values, vectors = eigsh(operator, k=2, v0=start, tol=1e-5)  # pyright: ignore[reportArgumentType] - its stub says int
    return values[::-1], vectors[:, ::-1]
