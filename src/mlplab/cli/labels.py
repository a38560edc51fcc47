"""`mlplab labels`: labels of a run's data set that are probably wrong."""

from pathlib import Path
from typing import Annotated

import typer

from mlplab.cli.options import Json, Quiet, RunPath, check_outputs
from mlplab.cli.output import open_console, print_json, print_table, reports_interrupt, say
from mlplab.cli.train_again import train_again
from mlplab.errors import UsageError, require_whole
from mlplab.experiments import label_cautions, label_errors
from mlplab.runs import Run
from mlplab.runs.directory import RunDirectory
from mlplab.table import PICTURES

_COLUMNS = ("index", "given", "suggested", "quality", "suggested_probability", "flagged")


def labels(
    path: RunPath,
    split: Annotated[
        str,
        typer.Option(metavar="train|test|validation", help="Whose labels to judge; those of train can be corrected."),
    ] = "train",
    folds: Annotated[
        int, typer.Option(help="Of the cross-validation that judges the training set; it is kept in the run.")
    ] = 5,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="Carry out the cross-validation on a Ray cluster.")
    ] = None,
    accept: Annotated[int, typer.Option(metavar="N", help="Take the suggested label in the first N rows, unseen.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="The table; RUN/label-errors.csv by default.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="The worst as images; beside the table by default.")
    ] = None,
    at_most: Annotated[int, typer.Option("--max", metavar="N", help="Print at most N.")] = 20,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find labels that are probably wrong, worst first, and write them as a table to correct and train on.

    The training set is judged by cross-validation: networks like the run's are trained on parts of it, and each judges
    the rows that it has not seen.
    """
    console = open_console(quiet)
    run = Run(path)
    file = out or RunDirectory(path).label_errors(split)
    if file.suffix.lower() != ".csv":  # said now, not after the cross-validation
        raise UsageError(f"The table is a CSV file: name one that ends in .csv; got {file}.")
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise UsageError(f"--picture names a {', '.join(PICTURES)} file; got {picture}.")
    check_outputs(file, picture)
    require_whole("max", at_most, 0)
    with reports_interrupt("Interrupted: nothing of the cross-validation is kept, and the run is unchanged."):
        table = label_errors.find_label_errors(run, split=split, folds=folds, ray=ray, verbose=0 if quiet else "auto")
    written = label_errors.write_correctable(table, file, accept) is not None
    drawn = table.save(picture or file.with_suffix(".png")) if table.draw or picture else None
    if shown := table.rows()[:at_most]:
        columns = (_COLUMNS[0], *(["file"] if "file" in table.columns else []), *_COLUMNS[1:])
        print_table(console, columns, [row | {"quality": f"{row['quality']:.2g}"} for row in shown])
    say(console, table.title)
    cautions = label_cautions.cautions(table["given"], table["suggested"])
    for caution in cautions:
        say(console, caution, style="yellow")
    if drawn:
        say(console, f"The worst as images: {drawn}")
    say(console, f"The table: {file}" if written else f"{file} has labels that were corrected: it is not overwritten.")
    if split != "test":
        say(console, f"Next, correct its column label, then: {_train_again(run, file)}")
    if json_:
        print_json(
            run=str(run.path),
            split=split,
            folds=folds if split == "train" else None,
            rows=len(table),
            flagged=int(table["flagged"].sum()),
            cautions=cautions,
            file=str(file),
            written=written,
            picture=drawn and str(drawn),
            labels=shown,
        )


def _train_again(run: Run, labels: Path) -> str:
    """Return what trains the run again with other labels: a command, or for what only Python has, a line of it."""
    command = train_again(run, "--corrected-labels", labels, without=["--corrected-labels"])
    return command or f"mlplab.train(data, …, corrected_labels={str(labels)!r}), in Python, where the run was begun"
