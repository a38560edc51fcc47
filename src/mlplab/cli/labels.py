"""`mlplab labels`: labels of a run's data set that are probably wrong."""

import logging
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlplab.cli.options import Json, Quiet, RunPath, print_json, print_table, say
from mlplab.errors import UsageError
from mlplab.experiments import label_errors
from mlplab.runs import Run
from mlplab.runs.directory import RunDirectory

_COLUMNS = ("index", "given", "suggested", "quality", "suggested_probability", "flagged")


def labels(
    path: RunPath,
    split: Annotated[
        str,
        typer.Option(metavar="train|test|validation", help="Whose labels. Those of the training set can be corrected."),
    ] = "train",
    folds: Annotated[
        int, typer.Option(help="Of the cross-validation that judges the training set; it is kept in the run.")
    ] = 5,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Carry out the cross-validation on a Ray cluster.")
    ] = None,
    accept: Annotated[
        int, typer.Option(metavar="N", help="Write the suggestion as the label of the first N rows, unseen.")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="The table; RUN/label-errors.csv by default.", show_default=False),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="The worst as images; beside the table by default.", show_default=False),
    ] = None,
    at_most: Annotated[int, typer.Option("--max", help="Print at most so many.")] = 20,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find labels that are probably wrong, worst first, and write them as a table to correct and train on.

    The training set is judged by cross-validation: networks like the run's are trained on parts of it, and each judges
    what it has not seen.
    """
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    run = Run(path)
    file = out or RunDirectory(path).label_errors(split)
    if file.suffix.lower() != ".csv":  # said now, not after the cross-validation
        raise UsageError(f"The table is a CSV file: name one that ends in .csv; got {file}.")
    try:
        table = label_errors.find_label_errors(run, split=split, folds=folds, ray=ray, verbose=0 if quiet else "auto")
    except KeyboardInterrupt:
        say(Console(stderr=True), "Interrupted: nothing of the cross-validation is kept, and the run is as it was.")
        raise
    written = label_errors.write_correctable(table, file, accept) is not None
    drawn = table.save(picture or file.with_suffix(".png")) if table.draw or picture else None
    console = Console(stderr=True, quiet=quiet)
    if shown := table.rows()[:at_most]:
        print_table(console, _COLUMNS, [row | {"quality": f"{row['quality']:.2g}"} for row in shown])
    say(console, table.title)
    if drawn:
        say(console, f"The worst as images: {drawn}")
    say(console, f"The table: {file}" if written else f"{file} has labels that were corrected: it is left as it is.")
    if split != "test":
        command = shlex.join([*_trained_by(run), "--corrected-labels", str(file)])
        say(console, f"Next, correct its column label, then: {command}")
    if json_:
        print_json(
            run=str(run.path),
            split=split,
            folds=folds if split == "train" else None,
            rows=len(table),
            flagged=int(table["flagged"].sum()),
            file=str(file),
            written=written,
            picture=drawn and str(drawn),
            labels=shown,
        )


def _trained_by(run: Run) -> list[str]:
    """The command that trained the run, without the place where it went."""
    command = list(run.config.command or ["mlplab", "train", run.config.data["source"] or "DATASET"])
    for option in ("--out", "--corrected-labels"):
        if option in command:
            place = command.index(option)
            del command[place : place + 2]
    return command
