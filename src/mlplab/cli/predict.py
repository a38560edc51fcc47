"""`mlplab predict`: what a run predicts for images and files that it has never seen."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlplab.cli.options import Json, Quiet, RunPath, check_file, check_outputs
from mlplab.cli.output import in_shell_words, open_console, print_json, print_table, reports_interrupt, say
from mlplab.cli.terminal_images import can_show_images, print_images
from mlplab.datasets import preparation
from mlplab.errors import UsageError, brief, shell_command
from mlplab.inspection.predictions import FilePredictions, predict_files
from mlplab.runs import Run

_ROWS = 30
"""Rows that are printed."""
_PICTURES = 20
"""Images that are shown."""
_PROBLEMS = 10
"""How many unreadable images are named."""
_STRANGE = 5
"""How many labels that are no class of the run are named."""
_STANDARD_OUTPUT = Path("-")


def predict(
    path: RunPath,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE…|FOLDER|FILE", help="Images, folders of images, or one file with rows: .csv, .npz, …"
        ),
    ],
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Take images pixel for pixel: nothing resized, centred, inverted.")
    ] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Probabilities at the temperature fitted to the validation rows.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--show", help="Show in the terminal the first images as the network gets them.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|-",
            help="All rows with all probabilities (.csv, .json, .md, .tex), or a picture of the first images as the "
            "network gets them (.png, .svg, .pdf). -: CSV to standard output.",
        ),
    ] = None,
    submission: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="A label for each row, as competitions take them: ImageId,Label."),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict the classes of new images or rows. Where their labels are known, also state the accuracy.

    Exits with 1 if an image cannot be read; the others are predicted.
    """
    console = open_console(quiet)
    _check_files(out, submission, paths, json_)
    with reports_interrupt("Interrupted: nothing was written."):
        found = predict_files(Run(path), paths, as_is=as_is, calibrated=calibrated, verbose=0 if quiet else "auto")
    for file in _written(out, submission):
        found.require_no_source(file)
    _print(console, found, show)
    if out == _STANDARD_OUTPUT:
        typer.echo(found.full_table().to_csv(), nl=False)
    elif out is not None:
        say(console, f"Written: {found.save(out)}")
    if json_:
        print_json(**found.to_json())
    if submission is not None:
        say(console, f"Written: {found.submission().save(submission)}")
    if found.unreadable:
        raise typer.Exit(1)


def _check_files(out: Path | None, submission: Path | None, paths: list[Path], json_: bool) -> None:
    """Refuse files that cannot be written, before the work whose result would go into them."""
    if out == _STANDARD_OUTPUT:
        if json_:
            raise UsageError("--out - and --json both print to standard output: give one of them.")
    else:
        check_file(out)
    if submission is not None and submission.suffix.lower() != ".csv":
        raise UsageError(f"--submission names a .csv file; got {submission}.")
    check_outputs(submission)
    inputs = {path.resolve() for path in paths}
    written = [file.resolve() for file in _written(out, submission)]
    for file in written:
        if written.count(file) > 1:
            raise UsageError(f"--out and --submission both name {file}: name two files.")
        if file in inputs:
            raise UsageError(f"{file} is among what is predicted, and would be overwritten: name another file.")
        if inputs & set(file.parents):
            raise UsageError(f"{file} is in a folder that is predicted, and would be read as its data: name another.")


def _written(out: Path | None, submission: Path | None) -> list[Path]:
    """Return the files that are written."""
    return [file for file in (out, submission) if file not in (None, _STANDARD_OUTPUT)]


def _print(console: Console, found: FilePredictions, show: bool) -> None:
    """Print the first rows, what was done to images, and the accuracy if labels are known."""
    table = found.table
    print_table(console, table.columns, table.select(slice(_ROWS)).rows())
    if len(table) > _ROWS:
        say(console, f"… {len(table) - _ROWS:,} more rows: --out FILE.csv has all, with all probabilities")
    if show and table.draw is None:
        say(console, "The rows are no images, so there is nothing to show.")
    elif show and can_show_images(console):
        print_images(console, list(found.inputs[:_PICTURES]))
    elif show:
        say(console, "This terminal shows no colours: --out FILE.png draws the images as the network gets them.")
    say(console, _summary(found), style="bold")
    if found.accuracy is not None:
        low, high = found.accuracy["interval"]
        of = f"{found.accuracy['n']:,} rows whose class is known"
        say(console, f"Accuracy {found.accuracy['accuracy']:.4f} ({low:.4f}–{high:.4f}) of {of}", style="bold")
        if found.is_own_data:
            say(console, _own_data(found), style="yellow")
    if found.temperature_is_vague:
        say(console, _VAGUE, style="yellow")
    if found.strange:
        say(console, f"No classes of the run, so not counted: {_listed(found.strange)}", style="yellow")
    for _, reason in found.unreadable[:_PROBLEMS]:
        say(console, f"Not predicted: {in_shell_words(reason)}", style="yellow")
    if len(found.unreadable) > _PROBLEMS:
        say(console, f"… and {len(found.unreadable) - _PROBLEMS:,} more: --json lists all", style="yellow")


def _listed(labels: Sequence[str]) -> str:
    """Name the first labels, and say how many more there are."""
    more = f" and {len(labels) - _STRANGE:,} more (--json lists all)" if len(labels) > _STRANGE else ""
    return ", ".join(brief(label, 40) for label in labels[:_STRANGE]) + more


def _summary(found: FilePredictions) -> str:
    """Return how many rows were predicted, by how many networks, and what was done to images."""
    what = "row" if found.prepared is None else "image"
    parts = [f"{len(found):,} {what}{'' if len(found) == 1 else 's'} predicted"]
    if found.agreeing is not None:
        agreed = int((found.agreeing == found.networks).sum())
        parts.append(f"by the mean of {found.networks} networks, which all agree on {agreed:,}")
    if found.temperature is not None:
        parts.append(f"at temperature {found.temperature:.2f}")
    if found.prepared is not None:
        done = Counter(found.prepared)
        parts.append(", ".join(f"{count:,} {_DONE[name]}" for name, count in done.items()))
    return "; ".join(parts)


def _own_data(found: FilePredictions) -> str:
    command = shell_command("mlplab", "scores", found.run.path)
    return (
        f"{found.run.path.name} was trained on data of this source: unless it has a part for testing, most rows are "
        f"those that it learned from. Of rows that it has not seen: {command}"
    )


_VAGUE = "Too few validation rows were held out for a good temperature: use the probabilities to rank rows."

_DONE = {
    preparation.AS_IT_IS: "as they are",
    preparation.RESIZED: "resized",
    preparation.INVERTED: "inverted",
    preparation.FRAMED: "framed as the run's images are",
}
