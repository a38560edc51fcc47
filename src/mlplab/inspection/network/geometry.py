"""Nearest rows and principal components of points."""

from collections.abc import Iterator

import numpy as np

_EXACT = 512
"""Rows or columns up to which principal components are computed exactly; of larger arrays, by Lanczos iteration."""


def nearest_rows(queries: np.ndarray, blocks: Iterator[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows nearest to each query, by Euclidean distance.

    Args:
        queries: (k, d).
        blocks: all rows, in blocks (b, …) of d numbers a row.
        n: number of rows for each query.

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
        block = block.reshape(len(block), -1).astype(np.float64)
        # |q - b|² = |q|² - 2 q·b + |b|²; |q|² is the same for all rows.
        block_squares = (block**2).sum(1) - 2 * queries @ block.T
        candidates = np.argpartition(block_squares, min(n, len(block)) - 1, 1)[:, :n]
        squares = np.concatenate([squares, block_squares[every, candidates]], 1)
        numbers = np.concatenate([numbers, start + candidates], 1)
        vectors = np.concatenate([vectors, block[candidates]], 1)
        best = np.lexsort((numbers, squares), axis=1)[:, :n]
        squares, numbers, vectors = squares[every, best], numbers[every, best], vectors[every, best]
        start += len(block)
    # Distances of the differences themselves: the squares above lose digits, and equal rows must have distance 0.
    exact = np.sqrt(((vectors - queries[:, None]) ** 2).sum(-1))
    best = np.lexsort((numbers, exact), axis=1)
    return numbers[every, best], exact[every, best]


def principal_components(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the first two principal components. The weight of largest size in each is positive.

    Args:
        rows: float32 (n, d).

    Returns:
        Scores of the rows, float32 (n, 2), and fractions of the variance, (2,); zeros for a component without variance.
    """
    from sklearn.decomposition import PCA  # takes a third of a second, so it is imported only for new internals

    scores, explained = np.zeros((len(rows), 2), np.float32), np.zeros(2)
    if len(rows) < 2:
        return scores, explained
    centred = rows - rows.mean(0, dtype=np.float64)
    exact = min(rows.shape) <= _EXACT
    solver = ("covariance_eigh" if rows.shape[1] <= _EXACT else "full") if exact else "arpack"
    pca = PCA(min(2, *rows.shape), svd_solver=solver, tol=1e-5, random_state=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 if no row differs from the mean
        points = pca.fit_transform(centred if exact else centred.astype(np.float32))
    shares = pca.explained_variance_ratio_
    varying = np.flatnonzero(shares > 1e-12)  # rounding leaves variance where there is none
    scores[:, varying], explained[varying] = points[:, varying], shares[varying]
    return scores, explained
