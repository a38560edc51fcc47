"""MLP-D05 and MLP-D06: images that are nearly equal, across train and test, or within one of them.

Two images are nearly equal if the correlation of their pixels is at least `LEAST`: after brightness and contrast are
matched, they differ by at most a tenth of what is in the picture. That is a copy that was saved again, brightened,
sharpened or made a little noisy. It is not a copy that was moved, turned or mirrored.

The search is complete. Images with mean 0 and length 1 whose correlation is c lie sqrt(2 - 2c) apart, and a projection
on orthonormal axes never moves two points apart. So all pairs that are near in a few principal axes are candidates, and
each is then compared in all pixels.
"""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.duplicates import points
from mlplab.datasets.checks.equal_rows import equal_rows
from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import SAMPLE, Survey, severity
from mlplab.progress import Progress, ProgressListener

LEAST = 0.995
"""The most similar pair of different digits in MNIST's 70,000 images has a correlation below 0.9925."""

_LIMIT = 1.001 * float(np.sqrt(2 - 2 * LEAST))
"""Distance of normed images, with room for rounding, within which a pair is a candidate."""

_LEAST_PIXELS = 64
"""In smaller images different pictures are alike."""

_AXES, _AXES_OF_TREE = 32, 8
"""Principal axes of the candidates, and those in which neighbours are searched."""

_ITERATIONS = 4
"""Steps towards principal axes. Any orthonormal axes would do; on these images differ most, which is quick."""

_CHUNK = 4096
"""Images whose neighbours are searched at a time."""

_MOST_FOUND = 2**22
"""Pairs that are held at a time: 100 MB."""

_PAIRS = 2**16
"""Pairs that are compared at a time."""

ACROSS = Kind(
    "MLP-D05",
    "nearly the same image in train and test",
    "The network has seen nearly these test images with their labels, so the test accuracy is too high (leakage).",
    "Look at the pairs. If they show the same object or come from the same recording, keep all of it in one split.",
)
WITHIN = Kind(
    "MLP-D06",
    "nearly the same image several times in a split",
    "Copies that were saved again, brightened or made a little noisy count more than others. Where one is held out for "
    "validation and another is trained on, the validation accuracy is too high.",
    "Keep one of each group, unless the copies are meant as a weight.",
)


def near_duplicates(survey: Survey, progress: ProgressListener) -> Iterator[Finding]:
    """Find groups of images, each nearly equal to another one of its group."""
    if not survey.has_images or survey.width < _LEAST_PIXELS:
        return
    is_copy = np.zeros(len(survey), bool)
    for group in equal_rows(survey):
        is_copy[group[1:]] = True
    rows = np.flatnonzero(~is_copy & (survey.high > survey.low) & ~survey.is_blank)
    groups = _groups(survey, rows, progress)
    first_test = len(survey.data.train)
    across = [group for group in groups if group[0] < first_test <= group[-1]]
    within = [group for group in groups if not group[0] < first_test <= group[-1]]
    if across:
        leaked = sum(int((group >= first_test).sum()) for group in across)
        says, share = "is" if leaked == 1 else "are", points(leaked / len(survey.data.test))
        title = f"{survey.count(leaked, 'test')} {says} nearly equal to training images, {share} of the test set"
        yield _finding(survey, ACROSS, severity(leaked, len(survey.data.test)), title, across)
    if within:
        rows = sum(map(len, within))
        title = f"{survey.count(rows)} are nearly equal to others in the same split"
        yield _finding(survey, WITHIN, "information", title, within)


def _finding(survey: Survey, kind: Kind, severity: str, title: str, groups: list[np.ndarray]) -> Finding:
    other = sum(len(set(survey.labels[group])) > 1 for group in groups)
    title += f"; in {other:,} of {len(groups):,} groups labels differ" if other else ""
    places = tuple(tuple(survey.place(row) for row in group) for group in groups)
    return Finding(kind, severity, title, survey.by_split(np.concatenate(groups)), places)


def _groups(survey: Survey, rows: np.ndarray, progress: ProgressListener) -> list[np.ndarray]:
    """Return the row numbers of each group, ascending, in the order of their first rows.

    Pairs that are in one group already are not compared again: the frames of a film are one group soon.
    """
    if len(rows) < 2:
        return []
    group_of = np.arange(len(rows))
    for pairs in _candidates(_projections(survey, rows), progress):
        pairs = pairs[:, group_of[pairs[0]] != group_of[pairs[1]]]
        pairs = pairs[:, _correlations(survey, rows[pairs[0]], rows[pairs[1]]) >= LEAST]
        group_of = _joined(group_of, pairs)
    order = np.argsort(group_of, kind="stable")
    members = np.split(rows[order], np.flatnonzero(np.diff(group_of[order])) + 1)
    return sorted((group for group in members if len(group) > 1), key=lambda group: group[0])


def _joined(group_of: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the group of each point (n,), after the groups of the points of each pair, (2, k), were joined."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(group_of)
    edges = (np.ones(pairs.shape[1], bool), (group_of[pairs[0]], group_of[pairs[1]]))
    return connected_components(coo_array(edges, shape=(count, count)), directed=False)[1][group_of]


def _candidates(points: np.ndarray, progress: ProgressListener) -> Iterator[np.ndarray]:
    """Yield pairs of points (n, axes) that are near each other, all of them, (2, k) positions at a time."""
    order = np.argsort(points[:, 0], kind="stable")
    points = points[order]
    for start in range(0, len(points), _CHUNK):
        progress(Progress(start, len(points)))
        for found in _near(points, start, min(start + _CHUNK, len(points))):
            for first in range(0, found.shape[1], _PAIRS):
                pairs = found[:, first : first + _PAIRS]
                apart = points[pairs[0]] - points[pairs[1]]
                yield order[pairs[:, np.einsum("ij,ij->i", apart, apart) <= _LIMIT**2]]
    progress(Progress(len(points), len(points)))


def _near(points: np.ndarray, start: int, stop: int) -> Iterator[np.ndarray]:
    """Yield pairs (a, b) of points with start <= a < stop and a < b that are near each other in the first axes.

    `points` ascend along the first axis. Where very many are near each other, fewer are searched at a time.
    """
    from scipy.spatial import KDTree

    beyond = np.searchsorted(points[:, 0], points[stop - 1, 0] + _LIMIT, side="right")
    tree, others = (KDTree(points[start:end, :_AXES_OF_TREE]) for end in (stop, beyond))
    if stop - start > 1 and tree.count_neighbors(others, _LIMIT) > _MOST_FOUND:
        middle = (start + stop) // 2
        yield from _near(points, start, middle)
        yield from _near(points, middle, stop)
        return
    found = tree.sparse_distance_matrix(others, _LIMIT, output_type="ndarray")
    yield np.stack([found[name][found["i"] < found["j"]] + start for name in ("i", "j")])


def _correlations(survey: Survey, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the correlation of the pixels of each pair of rows, float32 (k,)."""
    step = max(1, 2**21 // survey.width)
    starts = range(0, len(a), step)
    parts = [
        np.einsum("ij,ij->i", *(_normed(survey.rows(rows[start : start + step])) for rows in (a, b)))
        for start in starts
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _projections(survey: Survey, rows: np.ndarray) -> np.ndarray:
    """Return the normed images along axes on which they differ much, float32 (k, axes), axes by variance.

    The axes come from a sample by orthogonal iteration (Golub and Van Loan, Matrix Computations, section 8.2.4).
    """
    few = min(len(rows), max(_AXES, min(SAMPLE, 2**23 // survey.width)))
    sample = _normed(survey.rows(rows[np.linspace(0, len(rows) - 1, few).astype(int)]))
    centred = sample - sample.mean(0)
    axes = _orthonormal(np.random.default_rng(0).normal(size=(survey.width, min(_AXES, survey.width))))
    for _ in range(_ITERATIONS):
        directions = centred.T @ (centred @ axes)
        if not directions.any():
            break
        axes = _orthonormal(directions)
    step = max(1, 2**21 // survey.width)
    return np.concatenate(
        [_normed(survey.rows(rows[start : start + step])) @ axes for start in range(0, len(rows), step)]
    )


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """Return orthonormal axes, float32 (width, at most k), that span the columns (width, k), the strongest first.

    A QR decomposition by products of matrices, which stay quick where other processes use the cores: of the Gram
    matrix's eigenvectors, then once more by Cholesky's factors, which removes what rounding left.
    """
    columns = columns.astype(np.float64)
    strengths, turns = np.linalg.eigh(columns.T @ columns)
    kept = np.flatnonzero(strengths > 1e-10 * strengths[-1])[::-1]
    columns = columns @ (turns[:, kept] / np.sqrt(strengths[kept]))
    return (columns @ np.linalg.inv(np.linalg.cholesky(columns.T @ columns)).T).astype(np.float32)


def _normed(images: np.ndarray) -> np.ndarray:
    """Return flat images with mean 0 and length 1, float32 (n, width)."""
    if images.dtype.kind == "f":  # whose squares may be too large or too small for float32
        images = images / np.abs(images).max(1, keepdims=True)
    images = images.astype(np.float32)
    images -= images.mean(1, keepdims=True)
    images /= np.sqrt(np.einsum("ij,ij->i", images, images))[:, None]
    return images
