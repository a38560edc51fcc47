"""`mlplab runs`: the runs in a folder."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mlplab.runs import Run, list_runs
from mlplab.runs.result import PopulationResult


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the run directories.")] = Path("runs"),
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but errors (and what --json asks for).")
    ] = False,
) -> None:
    """List runs, oldest first: data set, network, epochs done, test accuracy."""
    found = list_runs(folder)
    console = Console(stderr=True)
    if not quiet and found:
        console.print(_table(found))
        for run in found:
            if run.result is None:
                command = f"mlplab train --resume {os.path.relpath(run.path)}"
                console.print(f"To finish {run.path.name}: {command}", highlight=False, soft_wrap=True, markup=False)
    elif not quiet:
        console.print(
            f"No runs in {folder}. Make one: mlplab train fashion-mnist", highlight=False, soft_wrap=True, markup=False
        )
    if json_:
        typer.echo(json.dumps({"schema": 1, "runs": [_described(run) for run in found]}, indent=2))


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
        "test": run.result and run.result.test.to_json(),
        "ensemble": run.result.ensemble.to_json() if isinstance(run.result, PopulationResult) else None,
    }


def _table(found: list[Run]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, collapse_padding=True)
    for column in ("run", "data", "hidden", "seed", "epochs", "test accuracy"):
        table.add_column(column, overflow="fold", no_wrap=column == "run")  # a name to copy
    for run in found:
        settings = run.config.settings
        hidden = "own model" if settings.hidden is None else ",".join(map(str, settings.hidden))
        score = "not finished"
        if run.result is not None:
            test = run.result["test"]
            score = _with_spread(run.result) if run.config.seeds > 1 else _with_interval(test)
        epochs = f"{len(run.epochs)}/{settings.epochs}"
        table.add_row(escape(run.path.name), escape(run.config.data["name"]), hidden, _seeds(run), epochs, score)
    return table


def _with_interval(test: Mapping[str, Any]) -> str:
    return f"{test['accuracy']:.4f} ({test['interval'][0]:.3f}–{test['interval'][1]:.3f})"


def _with_spread(result: Mapping[str, Any]) -> str:
    test, ensemble = result["test"], result["ensemble"]["accuracy"]
    return f"{test['accuracy']:.4f}" + ("" if test["sd"] is None else f" ± {test['sd']:.4f}") + f", all {ensemble:.4f}"


def _seeds(run: Run) -> str:
    first = run.config.settings.seed
    return str(first) if run.config.seeds == 1 else f"{first}–{first + run.config.seeds - 1}"
