"""MLP-D08: pixels, or features, that have the same value in each row."""

from collections.abc import Iterator

import numpy as np

from mlplab.datasets.checks.finding import Finding, Kind
from mlplab.datasets.checks.survey import Survey

_LEAST_ROWS = 100
"""In fewer rows a pixel is often the same by chance."""

_MARGIN = 0.5
"""This part of all pixels, and more, is an unusually wide margin."""

CONSTANT = Kind(
    "MLP-D08",
    "pixels or features that never change",
    "They carry no information. A pixel inside the picture that never changes, or one beside the background that is "
    "not of its colour, hints at a broken sensor, a stamp or a frame; a wide margin costs time and memory.",
    "Crop the margin, or leave the columns out. For a stamp or a frame, make sure that the images that you will "
    "predict have it too.",
)


def constant_pixels(survey: Survey) -> Iterator[Finding]:
    """Find constant features, and constant pixels where they are unusual: most of the picture, inside it, or odd."""
    if len(survey) < _LEAST_ROWS:
        return
    low, high = (_columns(survey, measure) for measure in (np.minimum, np.maximum))
    constant = low == high
    if not survey.has_images:
        if constant.any():
            names = ", ".join(map(str, np.flatnonzero(constant)[:10])) + (", …" if constant.sum() > 10 else "")
            yield Finding(CONSTANT, "information", f"{_number(constant.sum(), 'column')} never change: {names}")
        return
    shape = survey.data.train.inputs.shape[1:3]
    constant, value = (each.reshape(*shape, -1) for each in (constant, low))
    constant, value = constant.all(-1), value.mean(-1)
    if constant.mean() >= _MARGIN:
        share = f"{100 * constant.mean():.0f} %"
        yield Finding(CONSTANT, "information", f"{share} of the pixels never change: the images have a wide margin")
    elif (odd := _odd(constant, value, survey.usual_range)).any():
        where = ", ".join(f"row {row} column {column}" for row, column in np.argwhere(odd)[:3])
        more = ", …" if odd.sum() > 3 else ""
        title = f"{_number(odd.sum(), 'pixel')} inside the picture never change: {where}{more}"
        yield Finding(CONSTANT, "information", title)


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _columns(survey: Survey, measure: np.ufunc) -> np.ndarray:
    """Return the least, or the largest, value of each column over all rows."""
    return measure.reduce([measure.reduce(chunk, axis=0) for chunk in survey.chunks()])


def _odd(constant: np.ndarray, value: np.ndarray, usual: tuple[float, float]) -> np.ndarray:
    """Return the constant pixels, bool (h, w), that are no part of a margin of one colour around the picture."""
    edge = np.ones(constant.shape, bool)
    edge[1:-1, 1:-1] = False
    if not (constant & edge).any():
        return constant
    from scipy.ndimage import label  # which takes a tenth of a second to import

    background = np.median(value[constant & edge])
    plain = constant & (np.abs(value - background) <= 0.1 * (usual[1] - usual[0]))
    parts = np.zeros(plain.shape, np.int32)
    label(plain, np.ones((3, 3)), output=parts)  # corners touch, too
    margin = np.isin(parts, np.unique(parts[edge])) & plain
    return constant & ~margin
