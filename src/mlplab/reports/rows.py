"""The test rows as a page holds them: which ones, their numbers packed, their images as sprites."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab.inspection.examples import Examples
from mlplab.pages import packed
from mlplab.pages.sprites import Sprites, sprites

TOP = 5
"""Classes with the highest probabilities that the page has for each row."""

MOST_ROWS = 20_000
MOST_BYTES = 4_000_000
"""Of the images. With 20,000 rows, charts and tables, a page then stays below 6 MB."""


@dataclass(frozen=True)
class Rows:
    """The rows of a page: failures first, then what was right, each in the order of the data set.

    Attributes:
        positions: in the examples, int (k,).
        images: their sprites, in the same order; None where there are no images.
        note: what was left out; "" for nothing.
    """

    positions: np.ndarray
    images: Sprites | None
    note: str


def chosen(examples: Examples, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> Rows:
    """As many rows as a page can hold: all failures, and as many of the others as there is room for, at random."""
    # The order in which rows are kept: failures, then the others, each shuffled, so that any first part is fair.
    shuffled = np.random.default_rng(0).permutation(len(examples))
    order = shuffled[np.argsort(examples.correct[shuffled], kind="stable")][:most_rows]
    made = None
    if examples.images is not None:
        while (made := sprites(examples.images[_sorted(examples, order)], most_bytes)) is None:
            order = order[: len(order) * 2 // 3]
    positions = _sorted(examples, order)
    return Rows(positions, made, _note(examples, positions))


def _sorted(examples: Examples, positions: np.ndarray) -> np.ndarray:
    """Failures first, then the others, each in the order of the data set."""
    return positions[np.lexsort((examples.index[positions], examples.correct[positions]))]


def _note(examples: Examples, positions: np.ndarray) -> str:
    if len(positions) == len(examples):
        return ""
    failures, kept = int((~examples.correct).sum()), int((~examples.correct[positions]).sum())
    which = f"all {failures:,} failures" if kept == failures else f"{kept:,} of {failures:,} failures, drawn at random,"
    others = len(positions) - kept
    return (
        f"To keep this page small it has {len(positions):,} of the {len(examples):,} test rows: {which} and "
        f"{others:,} of the {len(examples) - failures:,} that were right, drawn at random. "
        "Scores, matrix and charts count all rows."
    )


def for_script(examples: Examples, rows: Rows, projection: np.ndarray | None) -> dict[str, Any]:
    """What the page's script needs of the rows (report-rows.js): columns as base64 of little-endian numbers.

    Args:
        examples, rows: all rows, and those of the page.
        projection: (n, 2) for all rows; it is scaled to uint16 along each axis.
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
        "images": None if rows.images is None else rows.images.layout() | {"sheets": rows.images.sheets},
    }
