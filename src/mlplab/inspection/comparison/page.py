"""Write a comparison as one HTML page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import pages
from mlplab.figures import svg
from mlplab.figures.intervals import Intervals, intervals
from mlplab.inspection.comparison import pairs
from mlplab.inspection.comparison.verdicts import name as in_words
from mlplab.inspection.comparison.verdicts import plain
from mlplab.inspection.examples import Examples
from mlplab.pages.sprites import sprites
from mlplab.table import Table

MOST_PAIRS = 45
"""Pairs with a gallery and a line in the figures: all pairs of up to ten runs."""

MOST_CLASSES = 30
"""Lines in the figure of classes: those with the smallest p-values. The table has all classes."""

MOST_IMAGES = 4000
"""Images on the page: the rows on which most pairs disagree."""


def page(
    examples: Mapping[str, Examples],
    tables: Mapping[str, Table],
    verdicts: Sequence[str],
    populations: Sequence[str] = (),
    cautions: Sequence[str] = (),
) -> str:
    """Return the HTML of the page. The arguments are parts of a `Comparison`, which has the tables as attributes."""
    sections = [("verdict", "Verdict"), ("settings", "What differs")]
    sections += [("groups", "Over seeds")] if len(tables["group_pairs"]) else []
    sections += [("scores", "Scores"), ("pairs", "Pairs")]
    sections += [("classes", "Classes"), ("disagreements", "Disagreements")]
    names, classes = list(examples), tables["classes"]
    classes = Table({**classes.columns, "class": _names(classes, examples[names[0]])})
    shown_classes = np.sort(np.argsort(classes["p_value"], kind="stable")[:MOST_CLASSES])
    judged = ["group_pairs", "pairs"] if populations else ["pairs", "group_pairs"]  # as the verdicts
    p_values = np.concatenate([tables[name]["p_corrected"] for name in judged])
    settings = tables["settings"].select(without=["run"]).columns
    return pages.render(
        "comparison.html.j2",
        Path(__file__).parent / "templates",
        title=f"Comparison of {', '.join(names[:3])}{' …' if len(names) > 3 else ''}",
        sections=sections,
        names=names,
        rows=len(examples[names[0]]),
        verdicts=list(zip(verdicts, (p_values < pairs.SIGNIFICANCE).tolist(), strict=True)),
        cautions=cautions,
        level=pairs.SIGNIFICANCE,
        pairs=tables["pairs"],
        classes=classes,
        groups=tables["groups"].select(without=["accuracies"]),
        populations=populations,
        group_differences=_drawn("groups", pairs.differences(tables["group_pairs"].select(slice(MOST_PAIRS)))),
        group_pairs=tables["group_pairs"],
        most_pairs=MOST_PAIRS,
        most_classes=MOST_CLASSES,
        settings=[(name, list(map(plain, values.tolist()))) for name, values in settings.items()],
        scores=_scores(tables["scores"]),
        accuracies=_drawn("accuracies", pairs.accuracies(tables["scores"])),
        differences=_drawn("differences", pairs.differences(tables["pairs"].select(slice(MOST_PAIRS)))),
        class_differences=_drawn("classes", pairs.class_differences(classes.select(shown_classes))),
        galleries=_for_script(examples, tables["pairs"]),
    )


def _names(classes: Table, examples: Examples) -> np.ndarray:
    """Return the name of each row's class as the page shows it, object (n,)."""
    shown = dict(zip(examples.class_names, pages.readable(examples.class_names), strict=True))
    return np.array([shown[name] for name in classes["class"]], object)


def _drawn(name: str, chart: Intervals) -> str:
    return svg(intervals([chart], width=4.6), name)  # narrow, so that the text is readable on a phone


def _for_script(examples: Mapping[str, Examples], compared: Table) -> dict[str, Any]:
    """Return what the page's script shows of rows on which two runs disagree: labels, predictions, images."""
    rows, galleries = _galleries(examples, compared)
    runs = list(examples.values())
    first = runs[0]
    images = None if first.images is None else sprites(first.images[rows])
    return {
        "names": list(examples),
        "class_names": pages.readable(first.class_names),
        "index": first.index[rows].tolist(),
        "files": None if first.files is None else [first.files[row] for row in rows.tolist()],
        "label": first.labels[rows].tolist(),
        "predicted": [run.predicted[rows].tolist() for run in runs],
        "confidence": [run.confidence[rows].round(3).tolist() for run in runs],
        "galleries": galleries,
        "images": images and images.for_script(),
    }


def _galleries(examples: Mapping[str, Examples], compared: Table) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the rows on the page, and for each ordered pair the places of its rows among them."""
    position = {name: place for place, name in enumerate(examples)}
    rows_of = {
        (position[right], position[wrong]): pairs.only_right(examples[right], examples[wrong])
        for row in compared.rows()[:MOST_PAIRS]
        for right, wrong in ((row["a"], row["b"]), (row["b"], row["a"]))
    }
    counts = np.bincount(np.concatenate(list(rows_of.values())), minlength=len(next(iter(examples.values()))))
    rows = np.sort(np.argsort(-counts, kind="stable")[: min(MOST_IMAGES, np.count_nonzero(counts))])
    place = np.full(len(counts), -1)
    place[rows] = np.arange(len(rows))
    galleries = [
        {"right": right, "wrong": wrong, "rows": place[of_pair][place[of_pair] >= 0].tolist(), "count": len(of_pair)}
        for (right, wrong), of_pair in rows_of.items()
    ]
    return rows, galleries


def _scores(scores: Table) -> list[tuple[str, list[str]]]:
    """Return the names of the scores, each with its value and interval for each run."""
    names = [name for name in scores.columns if name != "run" and not name.endswith(("_low", "_high"))]
    text = "{:.4f} ({:.4f}\N{EN DASH}{:.4f})"
    ends = ("", "_low", "_high")
    return [(in_words(name), [text.format(*(row[name + end] for end in ends)) for row in scores]) for name in names]
