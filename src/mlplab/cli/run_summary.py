"""What a person reads after training: the scores of the run, and one command to type next."""

import os
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from mlplab.cli.output import print_rows, print_table, say
from mlplab.cli.train_again import train_again
from mlplab.datasets.checks.photographs import PHOTOGRAPHS
from mlplab.errors import shell_command
from mlplab.figures import shortened
from mlplab.inspection import majority
from mlplab.inspection.confusion import most_confused
from mlplab.inspection.curves import ending
from mlplab.inspection.examples import examples_of
from mlplab.runs import Run, Settings
from mlplab.runs.dataset_ref import reading_arguments
from mlplab.runs.settings_arguments import training_command

_MOST_CLASSES = 40
"""The matrix of more classes fits on no screen."""

_CONFUSED = 10
"""Pairs of classes that are printed in place of the matrix."""


def print_result(console: Console, run: Run, page: Path | None) -> None:
    assert run.result is not None
    if len(run.class_names) <= _MOST_CLASSES:
        by = ", by the ensemble" if run.members else ""
        say(console, f"Rows: true class; columns: predicted{by}", style="bold")
        print_rows(console, _classes(run))
    else:
        say(console, f"Most confused of {len(run.class_names):,} classes", style="bold")
        confused = most_confused(examples_of(run, inputs=False))
        print_table(console, ("true", "predicted", "count", "share"), confused.rows()[:_CONFUSED])
    if run.members:
        say(console, "Each seed alone", style="bold")
        print_rows(console, _members(run))
    parameters = f"{run.result['parameters']:,} parameters{' each' if run.members else ''}"
    say(console, f"{accuracy(run)}, {parameters}, {run.result['seconds']['total']:.1f} s", style="bold")
    if not run.members and (run.config.settings.early_stopping or len(run.epochs) < run.config.settings.epochs):
        say(console, ending(run))
    print_baseline(console, majority.baseline_of_result(run.result), run)
    if text := _standardise(run):
        say(console, text, style="yellow")
    say(console, f"Run: {os.path.relpath(run.path)}" if page is None else f"Report: {os.path.relpath(page)}")
    say(console, _next(run, reported=page is not None))


def print_baseline(console: Console, baseline: majority.Baseline | None, run: Run) -> None:
    """Print what the accuracy hides where classes are unbalanced, and a warning of a network that learned nothing."""
    if text := majority.imbalance(baseline):
        say(console, text)
    if text := " ".join(filter(None, (majority.warning_of(baseline), majority.advice(baseline, run.config.settings)))):
        say(console, text, style="yellow")


def _standardise(run: Run) -> str:
    """Say how to train on standardised inputs where they are photographs, and are not; else ""."""
    settings = run.config.settings
    codes = [finding["code"] for finding in run.directory.checks() or ()]
    if settings.standardize or settings.hidden is None or PHOTOGRAPHS.code not in codes:
        return ""
    again = train_again(run, "--standardize") or "mlplab.train(data, …, standardize=True), in Python"
    return f"The images look like photographs, on which standardised inputs often do better. To try: {again}"


def _next(run: Run, reported: bool) -> str:
    """One command to type next."""
    path, data = os.path.relpath(run.path), run.config.data["source"]
    if not reported:
        return f"Next, what it gets wrong, as a page: {shell_command('mlplab', 'report', path)}"
    if data is not None and run.config.settings.hidden != Settings.with_defaults().hidden:
        seeds = ["--seeds", run.config.seeds] if run.config.seeds > 1 else []
        command = shell_command(*training_command(data, reading_arguments(run.config.data)), *seeds, "--report")
        return f"Next, two hidden layers with dropout and a schedule: {command}"
    return f"Next, labels that are probably wrong: {shell_command('mlplab', 'labels', path)}"


def accuracy(run: Run) -> str:
    """Format the test accuracy with its interval; of several seeds, the mean and the ensemble's accuracy."""
    result = run.require_finished()
    test, ensemble = result["test"], result.get("ensemble")
    text = f"Test accuracy {test['accuracy']:.4f}"
    if ensemble is None:
        low, high = test["interval"]
        return f"{text} (95 % interval {low:.4f}–{high:.4f}, {test['n']:,} {run.config.item_name})"
    if test["sd"] is None:
        return f"{text} (the one seed that did not diverge), ensemble {ensemble['accuracy']:.4f}"
    low, high = test["interval"]
    mean = f"mean and standard deviation of {test['seeds']} seeds; 95 % interval of the mean {low:.4f}–{high:.4f}"
    return f"{text} ± {test['sd']:.4f} ({mean}), ensemble {ensemble['accuracy']:.4f}"


def _members(run: Run) -> list[dict[str, Any]]:
    """Return a row for each seed."""
    assert run.result is not None
    baseline = majority.baseline_of_result(run.result)
    splits = {"test accuracy": "test"} | ({} if run.result["validation"] is None else {"validation": "validation"})
    rows = []
    for member, result in zip(run.members, run.result["members"], strict=True):
        row = {"seed": result["seed"]}
        row |= {name: result[split]["accuracy"] if split in result else None for name, split in splits.items()}
        if baseline is not None and baseline.unbalanced:
            names = {"balanced accuracy": "balanced_accuracy", "macro F1": "macro_f1"}
            row |= {name: result["test"][field] if "test" in result else None for name, field in names.items()}
        row["log-loss"] = result["test"]["loss"] if "test" in result else None
        row |= {"epochs": len(member.epochs), "kept epoch": member.kept_epoch if "test" in result else None}
        rows.append(row | {"": f"diverged: {result['diverged']}" if "diverged" in result else ""})
    return rows


def _classes(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the confusion matrix, with the accuracy of each class and the diagonal in bold.

    Columns have the numbers that are labels of the classes, or else their positions.
    """
    assert run.result is not None
    labels = run.config.classes.labels
    heads = [str(i if any(isinstance(label, str) for label in labels) else label) for i, label in enumerate(labels)]
    rows = []
    for i, (name, counts) in enumerate(zip(run.class_names, run.result["confusion"], strict=True)):
        right = run.result["per_class"][name]
        head = name if name == heads[i] else f"{heads[i]} {shortened(name, 30)}"
        row = {"": head, "accuracy": None if right is None else f"{right:.3f}"}
        cells = {heads[j]: Text(str(n), "bold") if i == j else str(n or "·") for j, n in enumerate(counts)}
        rows.append(row | cells)
    return rows
