"""Select the test rows for the page, and encode their numbers and images for its script."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.inspection.examples import Examples
from mlplab.pages import packed
from mlplab.pages.sprites import Sprites, sprites

TOP = 5
"""Number of most probable classes on the page for each row."""

MOST_ROWS = 20_000
MOST_BYTES = 4_000_000
"""Limit for the images. With 20,000 rows, charts and tables, a page then has less than 6 MB."""


@dataclass(frozen=True)
class ReportRows:
    """The test rows on a page: first the failures, then the right ones, each in the order of the data set.

    Attributes:
        positions: of the rows in the examples, int (k,).
        images: their sprites, in the same order; None without images.
        note: a sentence about the rows that were left out; "" if there are none.
    """

    positions: np.ndarray
    images: Sprites | None
    note: str


def select_rows(examples: Examples, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> ReportRows:
    """Select as many rows as fit on a page: failures first, then right ones, each drawn at random."""
    shuffled = np.random.default_rng(0).permutation(len(examples))
    order = shuffled[np.argsort(examples.correct[shuffled], kind="stable")][:most_rows]
    while True:
        positions = order[np.lexsort((examples.index[order], examples.correct[order]))]
        images = None if examples.images is None else sprites(examples.images[positions], most_bytes)
        if images is not None or examples.images is None:
            return ReportRows(positions, images, _note(examples, positions))
        order = order[: len(order) * 2 // 3]


def _note(examples: Examples, positions: np.ndarray) -> str:
    if len(positions) == len(examples):
        return ""
    failures, kept = int((~examples.correct).sum()), int((~examples.correct[positions]).sum())
    which = f"all {failures:,} failures" if kept == failures else f"{kept:,} of {failures:,} failures, drawn at random,"
    return (
        f"To keep this page small it has {len(positions):,} of the {len(examples):,} test rows: {which} and "
        f"{len(positions) - kept:,} of the {len(examples) - failures:,} that were right, drawn at random. "
        "Scores, matrix and charts count all rows."
    )


def for_script(examples: Examples, rows: ReportRows, projection: np.ndarray | None) -> dict[str, Any]:
    """Return the rows for the page's script (report-rows.js): columns of numbers, and images.

    Args:
        examples, rows: all test rows, and those on the page.
        projection: (n, 2) for all test rows; each axis is scaled to uint16.
    """
    at = rows.positions
    probabilities = examples.probabilities[at]
    top = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    columns = {
        "index": examples.index[at].astype(np.uint32),
        "label": examples.labels[at].astype(np.uint16),
        "given": examples.true_probability[at].astype(np.float32),
        "top_class": top.astype(np.uint16),
        "top_probability": np.take_along_axis(probabilities, top, 1).astype(np.float32),
    }
    if projection is not None:
        low, high = projection.min(0), projection.max(0)
        scaled = (projection[at] - low) / np.maximum(high - low, 1e-9)
        columns["projection"] = (scaled * 65535).round().astype(np.uint16)
    return {
        "count": len(at),
        "top": top.shape[1],
        "columns": {name: packed(column) for name, column in columns.items()},
        "images": rows.images and rows.images.for_script(),
        "files": None if examples.files is None else [examples.files[position] for position in at.tolist()],
    }
