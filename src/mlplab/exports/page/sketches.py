"""How a network of photos reads sketches: its accuracy on test images that were made into silhouettes and outlines."""

import numpy as np

from mlplab.datasets.images.framing import INK
from mlplab.exports.checking import Checked
from mlplab.exports.page.images import Images
from mlplab.runs import Run

_ROWS = 1000
_LINE = 2
"""Pixels of an outline's line."""


def sketch_accuracies(run: Run, rows: Checked, images: Images) -> tuple[float, float] | None:
    """Return the accuracy on silhouettes, filled with one tone, and on outlines of the first test images.

    None without labels, and for images without a plain background.
    """
    if rows.labels is None or images.background is None:
        return None
    from scipy import ndimage  # takes a moment

    shape = rows.inputs.shape[1:]
    photos = np.asarray(rows.inputs[:_ROWS], np.float32).reshape(-1, *shape[:2])
    filled = np.abs(photos - images.blank[0]) > INK * images.white
    square = np.ones((1, 3, 3), bool)
    inner = np.asarray(ndimage.binary_erosion(filled, square, iterations=_LINE), bool)
    ink = images.white - images.blank[0]
    scores = []
    for drawn in (filled, filled & ~inner):
        sketches = np.where(drawn, ink, images.blank[0]).astype(rows.inputs.dtype).reshape(-1, *shape)
        scores.append(float((run.predict(sketches).argmax(1) == rows.labels[:_ROWS]).mean()))
    return scores[0], scores[1]
