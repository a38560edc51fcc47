"""The tables of a comparison: scores side by side, each pair tested, what one gets right and the other wrong."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.figures.intervals import Intervals
from mlplab.inspection.classification import score
from mlplab.inspection.examples import Examples
from mlplab.inspection.paired_tests import bootstrap_interval, holm, mcnemar, welch
from mlplab.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGNIFICANCE = 0.05
"""Corrected p-values below it count as significant."""

SHOWN_IMAGES = 30
"""Images in a gallery's figure at most."""


def scores(examples: Mapping[str, Examples]) -> Table:
    """The scores of `classification.overall` side by side: run, and for each score its value, `_low` and `_high`."""
    columns: dict[str, list[Any]] = {"run": list(examples)}
    for one in examples.values():
        for row in score(one):
            name = row["metric"].lower().replace("-", "_").replace(" ", "_")
            for end, value in (("", "value"), ("_low", "low"), ("_high", "high")):
                columns.setdefault(name + end, []).append(row[value])
    rows = len(next(iter(examples.values())))
    table = Table(_arrays(columns), f"Scores on the same {rows:,} rows, with 95 % intervals")
    return Table(table.columns, table.title, lambda: _figure(accuracies(table)))


def pairs(examples: Mapping[str, Examples]) -> Table:
    """Every pair: how often both, one or neither is right, the difference of accuracies, McNemar's exact test."""
    rows = [{"a": a, "b": b} | _tested(examples[a], examples[b]) for a, b in itertools.combinations(examples, 2)]
    columns = _arrays({name: [row[name] for row in rows] for name in rows[0]})
    columns["p_corrected"] = holm(columns["p_value"])
    table = Table(columns, "Accuracy of a minus that of b, 95 % interval, McNemar's exact test (Holm-corrected)")
    return Table(columns, table.title, lambda: _figure(differences(table)))


def classes(examples: Mapping[str, Examples]) -> Table:
    """Every pair in every class that has rows. One looks through all of these, so p is corrected for all of them."""
    first = next(iter(examples.values()))
    members = [np.flatnonzero(first.labels == number) for number in range(len(first.class_names))]
    rows = [
        {"a": a, "b": b, "class": name} | _tested(examples[a], examples[b], of_class)
        for a, b in itertools.combinations(examples, 2)
        for name, of_class in zip(first.class_names, members, strict=True)
        if len(of_class)
    ]
    columns = _arrays({name: [row[name] for row in rows] for name in rows[0]})
    columns["p_corrected"] = holm(columns["p_value"])
    table = Table(columns, "Accuracy of a minus that of b for the rows of each class")
    return Table(columns, table.title, lambda: _figure(class_differences(table)))


def disagreements(examples: Mapping[str, Examples]) -> Table:
    """The rows that one of a pair gets right and the other wrong, for all pairs; the clearest cases first."""
    found = [_disagreements(examples, a, b) for a, b in itertools.combinations(examples, 2)]
    columns = {name: np.concatenate([columns[name] for columns in found]) for name in found[0]}
    return Table(columns, "What one of a pair gets right and the other wrong")


def gallery(examples: Mapping[str, Examples], right: str, wrong: str, at_most: int | None) -> Table:
    """What `right` gets right and `wrong` gets wrong, see `Comparison.gallery`."""
    rows = only_right(examples[right], examples[wrong])
    title = f"{len(rows):,} rows that {right} gets right and {wrong} gets wrong, the clearest first"
    rows = rows[:at_most]
    table = Table(_columns(examples, right, wrong, rows), title)
    images = next(iter(examples.values())).images
    if images is None or not len(rows):
        return table

    def draw() -> "Figure":
        from mlplab.figures import gallery as drawn

        captions = [
            f"{row['true']}, not {row['predicted_b']}\n{row['confidence_a']:.2f}, {row['confidence_b']:.2f}\n"
            f"#{row['index']}"
            for row, _ in zip(table, range(SHOWN_IMAGES), strict=False)
        ]
        return drawn(images[rows[:SHOWN_IMAGES]], captions)

    return Table(table.columns, title, draw)


def groups(members: Sequence[Sequence[int]], labels: Sequence[str], examples: Sequence[Examples]) -> Table:
    """The recipes: how many runs each has, mean and standard deviation of their accuracies over seeds."""
    found = [[float(examples[position].correct.mean()) for position in group] for group in members]
    seeded = [np.array(values) for values in found]
    columns = {
        "recipe": _column(labels),
        "runs": np.array([len(values) for values in seeded], int),
        "accuracy": np.array([values.mean() for values in seeded]),
        "sd": np.array([values.std(ddof=1) if len(values) > 1 else np.nan for values in seeded]),
        "accuracies": _column([values.tolist() for values in seeded]),
    }
    return Table(columns, "Runs that differ in their seed alone, as groups")


def group_pairs(grouped: Table) -> Table:
    """Welch's t test of the mean accuracies of each two recipes that have several seeds."""
    seeded = [row for row in grouped if row["runs"] > 1]
    pairs_ = list(itertools.combinations(seeded, 2))
    tested = [welch(a["accuracies"], b["accuracies"]) for a, b in pairs_]
    columns = {"a": _column([a["recipe"] for a, _ in pairs_]), "b": _column([b["recipe"] for _, b in pairs_])}
    numbers = np.array(tested).reshape(-1, 4)
    columns |= {name: numbers[:, i] for i, name in enumerate(("difference", "low", "high", "p_value"))}
    columns["p_corrected"] = holm(columns["p_value"])
    return Table(columns, "Mean accuracy over seeds of a minus that of b, Welch's t test (Holm-corrected)")


def only_right(right: Examples, wrong: Examples) -> np.ndarray:
    """Positions of the rows that one gets right and the other wrong, int (k,); first where the probabilities that they
    give the true class are farthest apart."""
    rows = np.flatnonzero(right.correct & ~wrong.correct)
    return rows[np.argsort(wrong.true_probability[rows] - right.true_probability[rows], kind="stable")]


def accuracies(table: Table) -> Intervals:
    """The accuracies of `scores`, to be drawn."""
    value, low, high = (100 * table[f"accuracy{end}"] for end in ("", "_low", "_high"))
    return Intervals("Accuracy on the same rows", "per cent, 95 % interval", list(table["run"]), value, low, high)


def differences(table: Table) -> Intervals:
    """The differences of `pairs`, to be drawn."""
    names = [f"{row['a']} − {row['b']}" for row in table]
    return _differences(table, names, "Difference of accuracies")


def class_differences(table: Table) -> Intervals:
    """The differences of `classes`, to be drawn."""
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


def _figure(chart: Intervals) -> "Figure":
    from mlplab.figures.intervals import intervals

    return intervals([chart])


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


def _disagreements(examples: Mapping[str, Examples], a: str, b: str) -> dict[str, np.ndarray]:
    rows = [only_right(examples[a], examples[b]), only_right(examples[b], examples[a])]
    columns = _columns(examples, a, b, np.concatenate(rows))
    columns["right"] = np.repeat(_column([a, b]), list(map(len, rows)))
    order = ("a", "b", "right", *[name for name in columns if name not in ("a", "b", "right")])
    return {name: columns[name] for name in order}


def _columns(examples: Mapping[str, Examples], a: str, b: str, rows: np.ndarray) -> dict[str, np.ndarray]:
    first, second = examples[a], examples[b]
    return {
        "a": _column([a] * len(rows)),
        "b": _column([b] * len(rows)),
        "index": first.index[rows],
        "true": first.names(first.labels[rows]),
        "predicted_a": first.names(first.predicted[rows]),
        "predicted_b": first.names(second.predicted[rows]),
        "confidence_a": first.confidence[rows],
        "confidence_b": second.confidence[rows],
    }


def _arrays(columns: Mapping[str, Sequence[Any]]) -> dict[str, np.ndarray]:
    return {
        name: _column(values) if values and isinstance(values[0], str) else np.array(values)
        for name, values in columns.items()
    }


def _column(values: Sequence[Any]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
