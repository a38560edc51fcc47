"""`mlplab report`: a run as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from mlplab.cli.options import Json, Quiet, RunPath, check_outputs
from mlplab.cli.output import open_console, print_json, say
from mlplab.runs import Run


def report(
    path: RunPath,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file; report.html in the run directory by default.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run's report: one HTML file with its scores, confusions, images, calibration, and what its units see.

    It opens from disk, needs no network, and can be sent to a colleague as it is.
    """
    check_outputs(out)
    console = open_console(quiet)
    from mlplab.reports import report as write_report  # templates, which other verbs do without

    written = write_report(Run(path), out)
    size = written.stat().st_size
    say(console, f"Report: {written} ({size / 1e6:.1f} MB)")
    if json_:
        print_json(run=str(path.resolve()), report=str(written), bytes=size)
    if open_:
        typer.launch(written.as_uri())
