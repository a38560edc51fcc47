"""Write a comparison as one HTML page."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import pages
from mlplab.figures import svg
from mlplab.figures.intervals import Intervals, intervals
from mlplab.inspection.comparison import pairs
from mlplab.inspection.comparison.verdicts import name, plain
from mlplab.pages.sprites import sprites
from mlplab.table import Table

if TYPE_CHECKING:
    from mlplab.inspection.comparison.result import Comparison

MOST_PAIRS = 45
"""Pairs with a gallery and a line in the figures: all pairs of up to ten runs."""

MOST_CLASSES = 30
"""Lines in the figure of classes: those with the smallest p-values. The table has all classes."""

MOST_IMAGES = 4000
"""Images on the page: the rows on which most pairs disagree."""


def page(comparison: "Comparison") -> str:
    """Return the HTML of the page."""
    sections = [("verdict", "Verdict"), ("settings", "What differs"), ("scores", "Scores"), ("pairs", "Pairs")]
    sections += [("groups", "Over seeds")] if len(comparison.group_pairs) else []
    sections += [("classes", "Classes"), ("disagreements", "Disagreements")]
    rows, galleries = _galleries(comparison)
    first = next(iter(comparison.examples.values()))
    shown_classes = np.sort(np.argsort(comparison.classes["p_value"], kind="stable")[:MOST_CLASSES])
    images = None if first.images is None else sprites(first.images[rows])
    return pages.render(
        "comparison.html.j2",
        Path(__file__).parent / "templates",
        title=f"Comparison of {', '.join(comparison.names[:3])}{' …' if len(comparison.names) > 3 else ''}",
        sections=sections,
        comparison=comparison,
        rows=len(first),
        verdicts=_verdicts(comparison),
        level=pairs.SIGNIFICANCE,
        groups=comparison.groups.select(without=["accuracies"]),
        most_pairs=MOST_PAIRS,
        most_classes=MOST_CLASSES,
        settings=[(name, list(map(plain, values))) for name, values in _by_name(comparison.settings)],
        scores=_by_name(_with_intervals(comparison.scores)),
        accuracies=_drawn("accuracies", pairs.accuracies(comparison.scores)),
        differences=_drawn("differences", pairs.differences(comparison.pairs.select(slice(MOST_PAIRS)))),
        class_differences=_drawn("classes", pairs.class_differences(comparison.classes.select(shown_classes))),
        galleries={
            "names": comparison.names,
            "class_names": first.class_names,
            "index": first.index[rows].tolist(),
            "label": first.labels[rows].tolist(),
            "predicted": [run.predicted[rows].tolist() for run in comparison.examples.values()],
            "confidence": [run.confidence[rows].round(3).tolist() for run in comparison.examples.values()],
            "galleries": galleries,
            "images": images and images.for_script(),
        },
    )


def _verdicts(comparison: "Comparison") -> list[tuple[str, bool]]:
    """Return each verdict, and whether it is about a significant difference."""
    p_values = np.concatenate([comparison.pairs["p_corrected"], comparison.group_pairs["p_corrected"]])
    return list(zip(comparison.verdicts, (p_values < pairs.SIGNIFICANCE).tolist(), strict=True))


def _drawn(name: str, chart: Intervals) -> str:
    return svg(intervals([chart], width=4.6), name)  # narrow, so that the text is readable on a phone


def _galleries(comparison: "Comparison") -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the rows on the page, and for each ordered pair the places of its rows among them."""
    examples = list(comparison.examples.values())
    shown_pairs = list(itertools.combinations(range(len(examples)), 2))[:MOST_PAIRS]
    rows_of = {
        (right, wrong): pairs.only_right(examples[right], examples[wrong])
        for pair in shown_pairs
        for right, wrong in (pair, pair[::-1])
    }
    counts = np.bincount(np.concatenate(list(rows_of.values())), minlength=len(examples[0]))
    rows = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_IMAGES, np.count_nonzero(counts))])
    place = np.full(len(counts), -1)
    place[rows] = np.arange(len(rows))
    galleries = [
        {"right": right, "wrong": wrong, "rows": place[of_pair][place[of_pair] >= 0].tolist(), "count": len(of_pair)}
        for (right, wrong), of_pair in rows_of.items()
    ]
    return rows, galleries


def _by_name(table: Table) -> list[tuple[str, list[Any]]]:
    """Transpose a table of runs: a row for each value, with the runs side by side."""
    return [(name(column), values.tolist()) for column, values in table.columns.items() if column != "run"]


def _with_intervals(scores: Table) -> Table:
    names = [name for name in scores.columns if name != "run" and not name.endswith(("_low", "_high"))]
    return Table.of_rows(
        [
            {"run": row["run"]}
            | {
                name: f"{row[name]:.4f} ({row[f'{name}_low']:.4f}\N{EN DASH}{row[f'{name}_high']:.4f})"
                for name in names
            }
            for row in scores
        ]
    )
