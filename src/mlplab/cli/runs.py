"""`mlplab runs`: the runs in a folder."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mlplab.runs import Run, list_runs


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
    elif not quiet:
        console.print(f"No runs in {folder}. Make one: mlplab train fashion-mnist", highlight=False, soft_wrap=True)
    if json_:
        typer.echo(json.dumps({"schema": 1, "runs": [_described(run) for run in found]}, indent=2))


def _described(run: Run) -> dict[str, object]:
    settings = run.config.settings
    return {
        "run": str(run.path),
        "data": run.config.data["name"],
        "hidden": settings.hidden,
        "seed": settings.seed,
        "epochs": len(run.epochs),
        "finished": run.result is not None,
        "test": run.result and run.result["test"],
    }


def _table(found: list[Run]) -> Table:
    table = Table("run", "data", "hidden", "seed", "epochs", "test accuracy", "95 % interval", box=None)
    for run in found:
        settings = run.config.settings
        hidden = "own model" if settings.hidden is None else ",".join(map(str, settings.hidden))
        scores = ("not finished", f"--resume {run.path}")
        if run.result is not None:
            test = run.result["test"]
            scores = (f"{test['accuracy']:.4f}", "–".join(f"{end:.4f}" for end in test["interval"]))
        epochs = f"{len(run.epochs)}/{settings.epochs}"
        table.add_row(run.path.name, run.config.data["name"], hidden, str(settings.seed), epochs, *scores)
    return table
