"""Write docs/accuracy.md, and the scores that `mlplab recipes` states, from results/accuracy-NAME.json.

The rows are those of accuracy_rows.py. Published numbers are in published.toml, and what was tried is in tries.toml. A
test compares the written files with what this makes.

    python benchmarks/accuracy_page.py
"""

import dataclasses
import json
import math
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import report
from accuracy_rows import Row, rows

from mlplab.recipes import Measured
from mlplab.recipes.listing import MEASURED
from mlplab.scores import mean_accuracy

PAGE = report.ROOT / "docs" / "accuracy.md"
PUBLISHED = report.ROOT / "benchmarks" / "published.toml"
TRIES = report.ROOT / "benchmarks" / "tries.toml"

INTRODUCTION = """\
# Accuracy: what a dense network reaches, here and elsewhere

Written by `benchmarks/accuracy_page.py` from `benchmarks/results/accuracy-*.json`, and from `published.toml` and
`tries.toml` beside it. Do not edit: a test compares.

Rows in bold are [recipes](recipes.md): mean and standard deviation of the test accuracy over *n* trainings that differ
in their seed. They are trained on all training rows, and the test set is used once for each seed: nothing is chosen by
its score. The command in the last column makes one of these trainings again, with `--seed` 0, 1, … Where a recipe
trains several networks at once, a training is all of them, its scores are those of their ensemble, and its seed is that
of the first network.

Other rows have the numbers of their source; a dash is a value that it does not state. *Another protocol* marks those
that cannot be compared with the others: other test rows, fewer labels, or a method that uses where a pixel lies in the
image.
"""

TRIED = """
## What was tried

Trainings by which the recipes were chosen. Their scores are not on the test set, but on 10,000 of the 60,000 training
rows, which were held out (`--validation 0.16667`). ± is the binomial standard deviation, √(p (1 − p) / 10,000): what
chance does to one network's score on that number of rows. Each row is one training. *In a script of its own*: with
something that is no setting of mlplab. Seconds are those of training on two cores, where no number is said, without
compilation, on a machine that did other work beside.
"""
HELD_OUT = 10_000
"""Rows on which tries are scored."""

EVERY_TRAINING = """
## Every training

Seconds are those of the whole command; then those of training alone, without compilation, and of compilation. *Load* is
the machine's load average of the minute before. The training before adds up to the number of cores to it: where it is
higher, other work took time too.

| recipe | data set | seed | test accuracy | log-loss | seconds | training | compilation | machine | load | date |
|---|---|---:|---:|---:|---:|---:|---:|---|---:|---:|
"""


def results() -> dict[str, dict[str, Any]]:
    """Return the content of all result files, by the name of the row."""
    found = {row.name: row.result() for row in rows()}
    return {name: result for name, result in found.items() if result is not None}


def summary(trainings: Sequence[Mapping[str, Any]]) -> Measured:
    """Return mean and spread over the trainings of a row, and the median of their seconds on the usual machine."""
    mean, sd, _ = mean_accuracy([training["accuracy"] for training in trainings])
    times = _times(trainings)
    machine = next(iter(times), _machine(trainings[0]))
    return Measured(
        accuracy=round(mean, 6),
        sd=None if sd is None else round(sd, 6),
        log_loss=round(statistics.mean(training["log_loss"] for training in trainings), 6),
        n=len(trainings),
        seconds=times.get(machine),
        machine=machine,
    )


def _times(trainings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the median of the seconds on each machine, in words; first the machine with the most trainings."""
    timed = [training for training in trainings if training["seconds"] is not None]
    machines = [name for name, _ in Counter(map(_machine, timed)).most_common()]
    return {
        name: statistics.median(training["seconds"] for training in timed if _machine(training) == name)
        for name in machines
    }


def _machine(training: Mapping[str, Any]) -> str:
    """Return what a network was trained on: `2 cores`, or the name of a GPU."""
    cores = training["machine"]["cores"]
    device = training.get("device", "cpu")
    return device if device != "cpu" else f"{cores} core{'s' if cores > 1 else ''}"


def measured() -> str:
    """Return the text of measured.json, which is part of the package."""
    found = {row.name: row.result() for row in rows() if not row.variant}
    values = {name: dataclasses.asdict(summary(each["seeds"])) for name, each in found.items() if each is not None}
    return json.dumps(values, indent=1) + "\n"


def page() -> str:
    """Return the text of docs/accuracy.md."""
    found, published = results(), tomllib.loads(PUBLISHED.read_text("utf-8"))
    parts = [INTRODUCTION]
    for data, section in published.items():
        ours = [row for row in rows() if row.of.data == data]
        errors = section.get("errors", False)
        lines = [_our_row(row, found[row.name]["seeds"], errors) for row in ours if row.name in found]
        lines += [_published_row(row, errors) for row in section["rows"]]
        lines.sort(key=lambda line: line[0])
        head = ["", "test accuracy", *(["error, %"] if errors else []), "log-loss", "*n*", "time of one training"]
        head = _line(*head, "source") + _line("---", *["---:"] * (len(head) - 2), "---", "---")
        parts.append(f"\n## {section['title']}\n\n{head}" + "".join(line for _, line in lines))
        parts += [_goal(row, found[row.name]["seeds"]) for row in ours if row.name in found and row.goal is not None]
        parts += [
            f"\nNot measured yet: `{row.name}`. To measure it: `{row.to_measure}`\n"
            for row in ours
            if row.name not in found
        ]
    parts += [TRIED, *_tried(published)]
    parts.append(EVERY_TRAINING)
    parts += [_training_row(name, found[name]["data"], training) for name in found for training in found[name]["seeds"]]
    return "".join(parts)


Rank = tuple[bool, float]
"""By this rows are sorted: those of another protocol last, each part from the highest accuracy down."""


def _our_row(row: Row, trainings: Sequence[Mapping[str, Any]], errors: bool) -> tuple[Rank, str]:
    """Return rank and line of a recipe or a variant of one."""
    of = summary(trainings)
    count = f"{of.n}" if of.n >= row.n else f"{of.n} of {row.n} so far"
    times = "; ".join(
        dataclasses.replace(of, seconds=seconds, machine=name).cost for name, seconds in _times(trainings).items()
    )
    error = f"**{100 * (1 - of.accuracy):.2f}" + ("**" if of.sd is None else f" ± {100 * of.sd:.2f}**")
    scores = (f"**{of.score}**", *([error] if errors else []), f"{of.log_loss:.4f}")
    return (bool(row.protocol), -of.accuracy), _line(
        row.description, *scores, count, times or "–", f"`{' '.join(row.command)}`"
    )


def _published_row(row: Mapping[str, Any], errors: bool) -> tuple[Rank, str]:
    """Return rank and line of a published number. Its error has the digits of its accuracy."""
    method = row["method"] + (f" – *another protocol: {row['protocol']}*" if "protocol" in row else "")
    source = f"[{row['source']}]({row['link']})" if "link" in row else row["source"]
    accuracy, sd = row["accuracy"], row.get("sd")
    scores = [accuracy + (f" ± {sd}" if sd else "")]
    if errors:
        scores.append(f"{(1 - Decimal(accuracy)).scaleb(2)}" + (f" ± {Decimal(sd).scaleb(2)}" if sd else ""))
    cells = (*scores, row.get("log_loss", "–"), str(row.get("n", "–")), row.get("time", "–"), source)
    return ("protocol" in row, -float(accuracy)), _line(method, *cells)


def _goal(row: Row, trainings: Sequence[Mapping[str, Any]]) -> str:
    """Return a paragraph that says how many trainings reached the row's goal, and in which time."""
    assert row.goal is not None
    reached = sum(training["accuracy"] >= row.goal for training in trainings)
    text = f"\n`{row.name}`: {reached} of {len(trainings)} trainings reached {row.goal}."
    timed = [training for training in trainings if training["phases"] is not None]
    if timed:
        train, compilation = (
            statistics.median(each["phases"][name] for each in timed) for name in ("train", "compile")
        )
        whole = statistics.median(training["seconds"] for training in timed)
        text += f" Medians: training {train:.2f} s, compilation {compilation:.1f} s, the whole command {whole:.1f} s."
    return text + "\n"


def _tried(published: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of tries for each data set, the best first."""
    tries = tomllib.loads(TRIES.read_text("utf-8"))["try"]
    for data in dict.fromkeys(each["data"] for each in tries):
        found = sorted((each for each in tries if each["data"] == data), key=lambda each: -each["accuracy"])
        title, errors = published[data]["title"].partition(",")[0], published[data].get("errors", False)
        head = ["", "validation accuracy", *(["error, %"] if errors else []), "log-loss", "epochs", "seconds"]
        head = _line(*head, "settings", "") + _line("---", *["---:"] * (len(head) - 1), "---", "---")
        yield f"\n### {title}\n\n{head}" + "".join(_try_row(each, errors) for each in found)


def _try_row(row: Mapping[str, Any], errors: bool) -> str:
    accuracy = row["accuracy"]
    deviation = math.sqrt(accuracy * (1 - accuracy) / HELD_OUT)
    scores = [f"{accuracy:.4f} ± {deviation:.4f}"]
    scores += [f"{100 * (1 - accuracy):.2f} ± {100 * deviation:.2f}"] if errors else []
    scores.append(f"{row['log_loss']:.4f}" if "log_loss" in row else "–")
    cells = (str(row["epochs"]), f"{row['seconds']:.1f}", f"`{row['settings']}`", row.get("note", ""))
    return _line(row["what"], *scores, *cells)


def _training_row(name: str, data: str, training: Mapping[str, Any]) -> str:
    scores = (f"{training['accuracy']:.4f}", f"{training['log_loss']:.4f}")
    phases = training.get("phases") or {}
    parts = (f"{phases[part]:.1f}" if part in phases else "–" for part in ("train", "compile"))
    untimed = f"in {training['population']}" if "population" in training else "resumed"
    seconds = untimed if training["seconds"] is None else f"{training['seconds']:.1f}"
    load = f"{training['machine']['load']:.1f}" if "load" in training["machine"] else "–"
    seed, machine = f"{training['seed']}", _machine(training)
    return _line(name, data, seed, *scores, seconds, *parts, machine, load, training["date"])


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
