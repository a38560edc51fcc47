"""`mlplab failures`: what a run gets wrong."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mlplab.cli.options import Json, Quiet, RunPath, Split, check_outputs
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.cli.terminal_images import can_show_images, print_images
from mlplab.errors import require_whole, shell_command
from mlplab.inspection import examples
from mlplab.inspection.failures import show_failures
from mlplab.runs import Run
from mlplab.table import TEXTS


def failures(
    path: RunPath,
    true: Annotated[str | None, typer.Option(metavar="CLASS", help="Only of this true class: name or number.")] = None,
    predicted: Annotated[str | None, typer.Option(metavar="CLASS", help="Only predicted as this class.")] = None,
    order: Annotated[
        str,
        typer.Option(
            metavar="index|loss|confidence", help="Order of the data set, or highest loss or confidence first."
        ),
    ] = "loss",
    least_confidence: Annotated[float, typer.Option(help="Least probability of the predicted class.")] = 0.0,
    most_confidence: Annotated[float, typer.Option(help="Most probability of the predicted class.")] = 1.0,
    at_most: Annotated[int, typer.Option("--max", metavar="N", help="Show at most N.")] = 20,
    split: Split = "test",
    out: Annotated[
        Path | None, typer.Option(help="A picture (.png, .svg, .pdf), or all rows as a table (.csv, .md, .tex, .json).")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what a run predicted wrong: a table, and with --out a picture."""
    check_outputs(out)
    console = open_console(quiet)
    require_whole("max", at_most)
    run = Run(path)
    rows = examples.examples_of(run, split=split)
    all_rows = out is not None and out.suffix.lower() in TEXTS
    table = show_failures(
        rows,
        trueclass=true,
        predictedclass=predicted,
        maxtoshow=None if all_rows else at_most,
        order=order,
        least_confidence=least_confidence,
        most_confidence=most_confidence,
    )
    written = out and (table.save(out) if all_rows or table.draw else None)
    shown = table.rows()[:at_most]
    if len(table):
        print_table(console, table.columns, shown)
    if rows.images is not None and len(table) and can_show_images(console):
        positions = {index: row for row, index in enumerate(rows.index.tolist())}
        print_images(console, list(rows.images[np.array([positions[row["index"]] for row in shown[:10]])]))
    say(console, table.title)
    if written:
        say(console, f"Written: {written}")
    elif out:
        say(console, "There is nothing to draw" + (": no images are at hand." if len(table) else "."))
    elif len(table):
        say(console, f"Next, as a page to click through: {shell_command('mlplab', 'report', path)}")
    if json_:
        print_json(run=str(run.path), split=split, title=table.title, failures=table.rows())
