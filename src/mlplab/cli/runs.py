"""`mlplab runs`: the runs in a folder."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab.cli.options import Json, Quiet
from mlplab.cli.output import open_console, print_json, print_rows, say
from mlplab.files import resuming
from mlplab.inspection.majority import baseline_of_result
from mlplab.runs import Run, list_runs
from mlplab.runs.result import PopulationResult


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the run directories.")] = Path("runs"),
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """List runs, oldest first: data set, network, epochs done, test accuracy."""
    listed = list_runs(folder)
    console = open_console(quiet)
    unbalanced = any(map(_has_unbalanced_classes, listed))
    print_rows(console, [_row(run, unbalanced) for run in listed], unbroken=("run",))  # a name to copy
    if not listed:
        say(console, f"No runs in {folder}. Make one: mlplab train fashion-mnist")
    for run in listed:
        if run.result is None and run.diverged is None:
            say(console, f"To finish {run.path.name}: {resuming(os.path.relpath(run.path)).shell}")
    if json_:
        print_json(runs=[_described(run) for run in listed])


def _described(run: Run) -> dict[str, object]:
    settings = run.config.settings
    return {
        "run": str(run.path),
        "data": run.config.data["name"],
        "hidden": settings.hidden,
        "seed": settings.seed,
        "seeds": run.config.seeds,
        "epochs": len(run.epochs),
        "finished": run.result is not None,
        "diverged": run.diverged,
        "test": run.result and run.result.test.to_json(),
        "ensemble": run.result.ensemble.to_json() if isinstance(run.result, PopulationResult) else None,
    }


def _has_unbalanced_classes(run: Run) -> bool:
    baseline = None if run.result is None else baseline_of_result(run.result)
    return baseline is not None and baseline.unbalanced


def _row(run: Run, unbalanced: bool) -> dict[str, object]:
    settings, seeds = run.config.settings, run.config.seeds
    row: dict[str, object] = {
        "run": run.path.name,
        "data": run.config.data["name"],
        "hidden": "own model" if settings.hidden is None else ",".join(map(str, settings.hidden)),
        "seed": settings.seed if seeds == 1 else f"{settings.seed}–{settings.seed + seeds - 1}",
        "epochs": f"{len(run.epochs)}/{settings.epochs}",
        "test accuracy": _score(run),
    }
    if unbalanced:
        row["balanced accuracy"] = run.result and run.result.test.balanced_accuracy
    return row


def _score(run: Run) -> str:
    if run.result is None:
        return "diverged" if run.diverged else "not finished"
    test: dict[str, Any] = run.result["test"]
    if run.config.seeds == 1:
        return f"{test['accuracy']:.4f} ({test['interval'][0]:.3f}–{test['interval'][1]:.3f})"
    spread = "" if test["sd"] is None else f" ± {test['sd']:.4f}"
    return f"{test['accuracy']:.4f}{spread}, all {run.result['ensemble']['accuracy']:.4f}"
