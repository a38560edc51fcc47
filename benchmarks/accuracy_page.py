"""Write docs/accuracy.md, and the scores that `mlplab recipes` states, from results/accuracy-NAME.json.

Published numbers are in published.toml, and what was tried is in tries.toml. A test compares the written files with
what this makes.

    python benchmarks/accuracy_page.py
"""

import dataclasses
import json
import math
import statistics
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import report

from mlplab.recipes import Measured, Recipe, names
from mlplab.recipes.listing import MEASURED
from mlplab.scores import mean_accuracy

PAGE = report.ROOT / "docs" / "accuracy.md"
PUBLISHED = report.ROOT / "benchmarks" / "published.toml"
TRIES = report.ROOT / "benchmarks" / "tries.toml"
SEEDS = 5
"""A row counts when it has this number of seeds."""

INTRODUCTION = """\
# Accuracy: what a dense network reaches, here and elsewhere

Written by `benchmarks/accuracy_page.py` from `benchmarks/results/accuracy-*.json`, and from `published.toml` and
`tries.toml` beside it. Do not edit: a test compares.

Rows in bold are [recipes](recipes.md): mean and standard deviation of the test accuracy over *n* networks that differ
in their seed. They are trained on all training rows, and the test set is used once for each seed: nothing is chosen by
its score. The command in the last column trains one of them again, with `--seed` 0, 1, …

Other rows have the numbers of their source; a dash is a value that it does not state. *Another protocol* marks those
that cannot be compared with the others: other test rows, or a method that uses where a pixel lies in the image.
"""

TRIED = """
## What was tried

Trainings by which the recipes were chosen. Their scores are not on the test set, but on 10,000 of the 60,000 training
rows, which were held out (`--validation 0.16667`). ± is the binomial standard deviation, √(p (1 − p) / 10,000): what
chance does to one network's score on that number of rows. Each row is one training. Seconds are those of training on
two cores, without compilation, on a machine that did other work beside.
"""
HELD_OUT = 10_000
"""Rows on which tries are scored."""

EVERY_SEED = """
## Every seed

| recipe | data set | seed | test accuracy | log-loss | seconds | cores | date |
|---|---|---:|---:|---:|---:|---:|---|
"""


def result_file(name: str) -> Path:
    """Return the path of the results of a recipe."""
    return report.RESULTS / f"accuracy-{name}.json"


def results() -> dict[str, dict[str, Any]]:
    """Return the content of all result files, by recipe."""
    return {name: json.loads(result_file(name).read_text("utf-8")) for name in names() if result_file(name).exists()}


def summary(seeds: Sequence[Mapping[str, Any]]) -> Measured:
    """Return mean and spread over the seeds of a recipe, and the median of their seconds."""
    mean, sd, _ = mean_accuracy([seed["accuracy"] for seed in seeds])
    seconds = [seed["seconds"] for seed in seeds if seed["seconds"] is not None]
    return Measured(
        accuracy=round(mean, 6),
        sd=None if sd is None else round(sd, 6),
        log_loss=round(statistics.mean(seed["log_loss"] for seed in seeds), 6),
        seeds=len(seeds),
        seconds=statistics.median(seconds) if seconds else None,
        cores=seeds[0]["machine"]["cores"],
    )


def measured() -> str:
    """Return the text of measured.json, which is part of the package."""
    values = {name: dataclasses.asdict(summary(result["seeds"])) for name, result in results().items()}
    return json.dumps(values, indent=1) + "\n"


def page() -> str:
    """Return the text of docs/accuracy.md."""
    found, published = results(), tomllib.loads(PUBLISHED.read_text("utf-8"))
    recipes = [Recipe.of(name) for name in names()]
    parts = [INTRODUCTION]
    for data, section in published.items():
        ours = [recipe for recipe in recipes if recipe.data == data]
        rows = [_recipe_row(recipe, found[recipe.name]) for recipe in ours if recipe.name in found]
        rows += [_published_row(row) for row in section["rows"]]
        rows.sort(key=lambda row: row[0])
        head = "| | test accuracy | log-loss | *n* | time of one network | source |\n|---|---:|---:|---:|---|---|\n"
        parts.append(f"\n## {section['title']}\n\n{head}" + "".join(line for _, line in rows))
        parts += [_not_measured(recipe) for recipe in ours if recipe.name not in found]
    parts += [TRIED, *_tried(published)]
    parts.append(EVERY_SEED)
    parts += [_seed_row(name, found[name]["data"], seed) for name in found for seed in found[name]["seeds"]]
    return "".join(parts)


Rank = tuple[bool, float]
"""By this rows are sorted: those of another protocol last, each part from the highest accuracy down."""


def _recipe_row(recipe: Recipe, result: Mapping[str, Any]) -> tuple[Rank, str]:
    """Return rank and line of a recipe."""
    of = summary(result["seeds"])
    count = f"{of.seeds}" if of.seeds >= SEEDS else f"{of.seeds} of {SEEDS}: not final"
    cells = (f"**{of.score}**", f"{of.log_loss:.4f}", count, of.cost, f"`{recipe.command}`")
    return (False, -of.accuracy), _line(f"**`{recipe.name}`**: {recipe.description}", *cells)


def _published_row(row: Mapping[str, Any]) -> tuple[Rank, str]:
    """Return rank and line of a published number."""
    method = row["method"] + (f" – *another protocol: {row['protocol']}*" if "protocol" in row else "")
    source = f"[{row['source']}]({row['link']})" if "link" in row else row["source"]
    cells = (row["accuracy"], row.get("log_loss", "–"), str(row.get("n", "–")), row.get("time", "–"), source)
    return ("protocol" in row, -float(row["accuracy"])), _line(method, *cells)


def _not_measured(recipe: Recipe) -> str:
    command = f"python benchmarks/accuracy.py {recipe.name}"
    return f"\nNot measured yet: `{recipe.name}`. To measure it: `{command}`\n"


def _tried(published: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of tries for each data set, the best first."""
    tries = tomllib.loads(TRIES.read_text("utf-8"))["try"]
    for data in dict.fromkeys(each["data"] for each in tries):
        rows = sorted((each for each in tries if each["data"] == data), key=lambda each: -each["accuracy"])
        title = published[data]["title"].partition(",")[0]
        head = "| | validation accuracy | log-loss | epochs | seconds | settings | |\n"
        head += "|---|---:|---:|---:|---:|---|---|\n"
        yield f"\n### {title}\n\n{head}" + "".join(map(_try_row, rows))


def _try_row(row: Mapping[str, Any]) -> str:
    accuracy = row["accuracy"]
    deviation = math.sqrt(accuracy * (1 - accuracy) / HELD_OUT)
    log_loss = f"{row['log_loss']:.4f}" if "log_loss" in row else "–"
    scores = (f"{accuracy:.4f} ± {deviation:.4f}", log_loss)
    settings, note = f"`{row['settings']}`", row.get("note", "")
    return _line(row["what"], *scores, str(row["epochs"]), f"{row['seconds']:.1f}", settings, note)


def _seed_row(name: str, data: str, seed: Mapping[str, Any]) -> str:
    seconds = "resumed" if seed["seconds"] is None else f"{seed['seconds']:.1f}"
    scores = (f"{seed['accuracy']:.4f}", f"{seed['log_loss']:.4f}")
    return _line(name, data, str(seed["seed"]), *scores, seconds, str(seed["machine"]["cores"]), seed["date"])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def write() -> list[Path]:
    """Write both files, and return their paths."""
    MEASURED.write_text(measured(), "utf-8")
    PAGE.write_text(page(), "utf-8")
    return [MEASURED, PAGE]


if __name__ == "__main__":
    for written in write():
        print(f"Written: {written}")
