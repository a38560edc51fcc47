"""A comparison as one HTML page."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import pages
from mlplab.figures import svg
from mlplab.figures.intervals import Intervals, intervals
from mlplab.inspection.comparison import pairs
from mlplab.inspection.comparison.verdicts import name, plain
from mlplab.pages.sprites import Sprites, sprites
from mlplab.table import Table

if TYPE_CHECKING:
    from mlplab.inspection.comparison.result import Comparison

MOST_PAIRS = 45
"""Pairs that have a gallery and a line in the figures; of ten runs all have."""

MOST_CLASSES = 30
"""Lines of the figure of classes; the table has all."""

MOST_IMAGES = 4000
"""Images on the page, all pairs together; those rows that tell most pairs apart."""


def write(comparison: "Comparison", path: str | Path) -> Path:
    """Write the page whole or not at all, and return its full path. Raises `UsageError` if that is not possible."""
    return pages.write_page(Path(path), page(comparison))


def page(comparison: "Comparison") -> str:
    """The page: verdicts, what differs, scores, pairs, classes, and what one gets right and the other wrong."""
    sections = [("verdict", "Verdict"), ("settings", "What differs"), ("scores", "Scores"), ("pairs", "Pairs")]
    sections += [("groups", "Over seeds")] if len(comparison.group_pairs) else []
    sections += [("classes", "Classes"), ("disagreements", "Disagreements")]
    few = Table({name: column[:MOST_PAIRS] for name, column in comparison.pairs.columns.items()})
    rows, galleries = _galleries(comparison)
    made = _sprites(comparison, rows)
    first = next(iter(comparison.examples.values()))
    return pages.render(
        "comparison.html.j2",
        title=f"Comparison of {', '.join(comparison.names[:3])}{' …' if len(comparison.names) > 3 else ''}",
        sections=sections,
        comparison=comparison,
        rows=len(first),
        verdicts=_verdicts(comparison),
        level=pairs.SIGNIFICANCE,
        groups=_without(comparison.groups, "accuracies"),
        most_pairs=MOST_PAIRS,
        most_classes=MOST_CLASSES,
        settings=[(about, list(map(plain, values))) for about, values in _turned(comparison.settings)],
        scores=_turned(_with_intervals(comparison.scores)),
        accuracies=_drawn("accuracies", pairs.accuracies(comparison.scores)),
        differences=_drawn("differences", pairs.differences(few)),
        class_differences=_drawn("classes", pairs.class_differences(_clearest(comparison.classes))),
        galleries={
            "names": comparison.names,
            "class_names": first.class_names,
            "index": first.index[rows].tolist(),
            "label": first.labels[rows].tolist(),
            "predicted": [one.predicted[rows].tolist() for one in comparison.examples.values()],
            "confidence": [one.confidence[rows].round(3).tolist() for one in comparison.examples.values()],
            "galleries": galleries,
            "layout": made.layout() if made else None,
            "sheets": made.sheets if made else [],
        },
    )


def _verdicts(comparison: "Comparison") -> list[tuple[str, bool]]:
    """Each with whether it is a significant difference."""
    p_values = np.concatenate([comparison.pairs["p_corrected"], comparison.group_pairs["p_corrected"]])
    return list(zip(comparison.verdicts, (p_values < pairs.SIGNIFICANCE).tolist(), strict=True))


def _drawn(name: str, chart: Intervals) -> str:
    return svg(intervals([chart], width=4.6), name)  # so narrow that a phone shows it with readable text


def _galleries(comparison: "Comparison") -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Positions of the rows to be shown, and for each ordered pair the places among them, the clearest first."""
    examples = list(comparison.examples.values())
    chosen = list(itertools.combinations(range(len(examples)), 2))[:MOST_PAIRS]
    found = {
        (right, wrong): pairs.only_right(examples[right], examples[wrong])
        for pair in chosen
        for right, wrong in (pair, pair[::-1])
    }
    counts = np.bincount(np.concatenate(list(found.values())), minlength=len(examples[0]))
    rows = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_IMAGES, np.count_nonzero(counts))])
    place = np.full(len(counts), -1)
    place[rows] = np.arange(len(rows))
    galleries = [
        {"right": right, "wrong": wrong, "rows": place[at][place[at] >= 0].tolist(), "count": len(at)}
        for (right, wrong), at in found.items()
    ]
    return rows, galleries


def _sprites(comparison: "Comparison", rows: np.ndarray) -> Sprites | None:
    images = next(iter(comparison.examples.values())).images
    if images is None or not len(rows):
        return None
    return sprites(images[rows])


def _turned(table: Table) -> list[tuple[str, list[Any]]]:
    """What a run is told by, and its value for each run: a row each, as runs stand side by side."""
    return [(name(about), column.tolist()) for about, column in table.columns.items() if about != "run"]


def _without(table: Table, name: str) -> Table:
    return Table({other: column for other, column in table.columns.items() if other != name})


def _with_intervals(scores: Table) -> Table:
    names = [name for name in scores.columns if name != "run" and not name.endswith(("_low", "_high"))]
    columns = {
        name: [
            f"{row[name]:.4f} ({row[f'{name}_low']:.4f}\N{EN DASH}{row[f'{name}_high']:.4f})" for row in scores.rows()
        ]
        for name in names
    }
    return Table({"run": scores["run"]} | {name: np.array(texts, dtype=object) for name, texts in columns.items()})


def _clearest(classes: Table) -> Table:
    """The classes to draw: all, or those with the smallest p-values, in their order."""
    rows = np.sort(np.argsort(classes["p_value"], kind="stable")[:MOST_CLASSES])
    return Table({name: column[rows] for name, column in classes.columns.items()})
