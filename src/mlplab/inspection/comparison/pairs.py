"""The tables of a comparison: scores side by side, each pair tested, the rows on which a pair disagrees."""

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlplab import figures
from mlplab.figures.intervals import Intervals, intervals
from mlplab.inspection.classification import score as scores_of
from mlplab.inspection.examples import Examples
from mlplab.inspection.paired_tests import bootstrap_interval, holm, mcnemar, welch
from mlplab.scores import mean_accuracy
from mlplab.table import Table

SIGNIFICANCE = 0.05
"""A difference is significant if its corrected p-value is below this level."""

MOST_COMPARED = 10
"""Up to this number, each is compared with each other. More are compared with the first, unless all are asked for."""

SHOWN_IMAGES = 30
"""Largest number of images in the figure of a gallery."""


def scores(examples: Mapping[str, Examples]) -> Table:
    """Tabulate the scores of `score`: run, and for each score its value, `_low` and `_high`."""
    rows = []
    for run, predictions in examples.items():
        row: dict[str, Any] = {"run": run}
        for score in scores_of(predictions):
            name = score["metric"].lower().replace("-", "_").replace(" ", "_")
            row |= {name: score["value"], f"{name}_low": score["low"], f"{name}_high": score["high"]}
        rows.append(row)
    count = len(next(iter(examples.values())))
    title = f"Scores on the same {count:,} rows, with 95 % intervals"
    table = Table.of_rows(rows, title, lambda: intervals([accuracies(table)]))
    return table


Pairs = Sequence[tuple[str, str]]


def compared(names: Iterable[str], all_pairs: bool = False) -> Pairs:
    """Return the pairs of names to compare, see `MOST_COMPARED`."""
    first, *others = names
    if all_pairs or len(others) < MOST_COMPARED:
        return list(itertools.combinations([first, *others], 2))
    return [(first, other) for other in others]


def pairs(examples: Mapping[str, Examples], compared: Pairs) -> Table:
    """Tabulate pairs: counts of rows right and wrong, the difference of accuracies, McNemar's exact test."""
    rows = [{"a": a, "b": b} | _tested(examples[a], examples[b]) for a, b in compared]
    title = "Accuracy of a minus that of b, 95 % interval, McNemar's exact test (Holm-corrected)"
    table = Table.of_rows(_corrected(rows), title, lambda: intervals([differences(table)]))
    return table


def classes(examples: Mapping[str, Examples], compared: Pairs) -> Table:
    """Tabulate pairs in every class that has rows. p is corrected for the number of rows of this table."""
    first = next(iter(examples.values()))
    rows_of_class = [np.flatnonzero(first.labels == number) for number in range(len(first.class_names))]
    rows = [
        {"a": a, "b": b, "class": name} | _tested(examples[a], examples[b], of_class)
        for a, b in compared
        for name, of_class in zip(first.class_names, rows_of_class, strict=True)
        if len(of_class)
    ]
    title = "Accuracy of a minus that of b for the rows of each class"
    table = Table.of_rows(_corrected(rows), title, lambda: intervals([class_differences(table)]))
    return table


def disagreements(examples: Mapping[str, Examples], compared: Pairs) -> Table:
    """List, for each pair, the rows that one gets right and the other wrong, the largest differences first."""
    parts = []
    for a, b in compared:
        by_run = {a: only_right(examples[a], examples[b]), b: only_right(examples[b], examples[a])}
        columns = _columns(examples, a, b, np.concatenate(list(by_run.values())))
        right = np.repeat(np.array(list(by_run), dtype=object), list(map(len, by_run.values())))
        parts.append({"a": columns.pop("a"), "b": columns.pop("b"), "right": right, **columns})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Table(columns, "Rows that one of a pair gets right and the other wrong")


def gallery(examples: Mapping[str, Examples], right: str, wrong: str, at_most: int | None) -> Table:
    """List the rows that `right` gets right and `wrong` gets wrong, see `Comparison.gallery`."""
    rows = only_right(examples[right], examples[wrong])
    title = f"{len(rows):,} rows that {right} gets right and {wrong} gets wrong, the largest differences first"
    rows = rows[:at_most]
    table = Table(_columns(examples, right, wrong, rows), title)
    images = next(iter(examples.values())).images
    if images is None or not len(rows):
        return table
    text = "{true}, not {predicted_b}\n{confidence_a:.2f}, {confidence_b:.2f}\n#{index}"
    names = ("true", "predicted_b")
    captions = [
        text.format(**row | {name: figures.shortened(row[name]) for name in names})
        for row in table.select(slice(SHOWN_IMAGES))
    ]
    return Table(table.columns, title, functools.partial(figures.gallery, images[rows[:SHOWN_IMAGES]], captions))


@dataclass(frozen=True)
class Group:
    """Networks that differ only in their seed: a population, or several runs.

    Attributes:
        name: of the population, or the settings in which the runs differ from other groups.
        runs: names of the runs, one for a population.
        accuracies: of each network.
        ensemble: accuracy of a population's ensemble with its 95 % interval.
    """

    name: str
    runs: Sequence[str]
    accuracies: Sequence[float]
    ensemble: tuple[float, float, float] | None = None


def groups(groups: Sequence[Group]) -> Table:
    """Tabulate groups: mean accuracy over the seeds with its 95 % interval, standard deviation, and ensembles."""
    rows = []
    for group in groups:
        mean, sd, interval = mean_accuracy(group.accuracies)
        low, high = (np.nan, np.nan) if interval is None else interval
        row = {"recipe": group.name, "runs": len(group.accuracies), "accuracy": mean}
        row |= {"accuracy_low": low, "accuracy_high": high, "sd": np.nan if sd is None else sd}
        if any(other.ensemble is not None for other in groups):
            row |= dict(zip(_ENSEMBLE, group.ensemble or (np.nan,) * 3, strict=True))
        rows.append(row | {"accuracies": list(group.accuracies)})
    names = ("recipe", "runs", "accuracy", "accuracy_low", "accuracy_high", "sd", "accuracies")
    return Table.of_rows(rows, "Accuracy over seeds, 95 % intervals of the mean", names=() if rows else names)


_ENSEMBLE = ("ensemble", "ensemble_low", "ensemble_high")


def group_pairs(grouped: Table, all_pairs: bool = False) -> Table:
    """Tabulate Welch's t test of the mean accuracies of each two groups that have several seeds."""
    several = {row["recipe"]: row for row in grouped if row["runs"] > 1}
    rows = []
    for first, second in compared(several, all_pairs) if several else ():
        a, b = several[first], several[second]
        difference, low, high, p_value = welch(a["accuracies"], b["accuracies"])
        values = {"difference": difference, "low": low, "high": high, "p_value": p_value}
        rows.append({"a": a["recipe"], "b": b["recipe"]} | values)
    title = "Mean accuracy over seeds of a minus that of b, Welch's t test (Holm-corrected)"
    names = ("a", "b", "difference", "low", "high", "p_value", "p_corrected")
    return Table.of_rows(_corrected(rows), title, names=names)


def only_right(right: Examples, wrong: Examples) -> np.ndarray:
    """Return the positions, int (k,), of the rows that `right` gets right and `wrong` gets wrong.

    Rows come first where the two probabilities of the true class differ most.
    """
    rows = np.flatnonzero(right.correct & ~wrong.correct)
    return rows[np.argsort(wrong.true_probability[rows] - right.true_probability[rows], kind="stable")]


def accuracies(table: Table) -> Intervals:
    """Return the chart of the accuracies of `scores`, or of `groups`."""
    value, low, high = (100 * table[f"accuracy{end}"] for end in ("", "_low", "_high"))
    title, names = ("Accuracy on the same rows", "run") if "run" in table.columns else (table.title, "recipe")
    return Intervals(title, "per cent, 95 % interval", list(table[names]), value, low, high)


def differences(table: Table) -> Intervals:
    """Return the chart of the differences of `pairs`."""
    names = [f"{row['a']} − {row['b']}" for row in table]
    return _differences(table, names, "Difference of accuracies")


def class_differences(table: Table) -> Intervals:
    """Return the chart of the differences of `classes`."""
    several = len(set(zip(table["a"], table["b"], strict=True))) > 1
    names = [f"{row['class']}: {row['a']} − {row['b']}" if several else str(row["class"]) for row in table]
    title = "By class" if several or not len(table) else f"By class: {table['a'][0]} − {table['b'][0]}"
    return _differences(table, names, title)


def _differences(table: Table, names: Sequence[str], title: str) -> Intervals:
    value, low, high = (100 * table[name] for name in ("difference", "low", "high"))
    return Intervals(
        title,
        "points, 95 % interval",
        names,
        value,
        low,
        high,
        coloured=table["p_corrected"] < SIGNIFICANCE,
        zero_line=True,
    )


def _tested(a: Examples, b: Examples, rows: Any = slice(None)) -> dict[str, Any]:
    first, second = a.correct[rows], b.correct[rows]
    n, both = len(first), int((first & second).sum())
    only_a, only_b = int(first.sum()) - both, int(second.sum()) - both
    low, high = bootstrap_interval(only_a, only_b, n)
    return {
        "n": n,
        "both_right": both,
        "only_a": only_a,
        "only_b": only_b,
        "both_wrong": n - both - only_a - only_b,
        "difference": (only_a - only_b) / n,
        "low": low,
        "high": high,
        "p_value": mcnemar(only_a, only_b),
    }


def _corrected(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add Holm-corrected p-values."""
    p_values = holm([row["p_value"] for row in rows]).tolist()
    return [{**row, "p_corrected": p} for row, p in zip(rows, p_values, strict=True)]


def _columns(examples: Mapping[str, Examples], a: str, b: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    first, second = examples[a], examples[b]
    return {
        "a": np.full(len(rows), a, dtype=object),
        "b": np.full(len(rows), b, dtype=object),
        "index": first.index[rows],
        **next(iter(examples.values())).file_column(rows),
        "true": first.names(first.labels[rows]),
        "predicted_a": first.names(first.predicted[rows]),
        "predicted_b": first.names(second.predicted[rows]),
        "confidence_a": first.confidence[rows],
        "confidence_b": second.confidence[rows],
    }
