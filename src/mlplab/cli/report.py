"""`mlplab report`: a run as one HTML page."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlplab.cli.options import Json, Quiet, RunPath, print_json, say
from mlplab.runs import Run


def report(
    path: RunPath,
    out: Annotated[
        Path | None,
        typer.Option(help="The HTML file; report.html in the run directory by default.", show_default=False),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a run's report: one HTML file with its scores, confusions, images, calibration, and what its units see.

    It opens from disk, needs no network, and can be sent to a colleague as it is.
    """
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    from mlplab.reports import report as write_report  # templates: not to start any other verb with

    written = write_report(Run(path), out)
    size = written.stat().st_size
    if not quiet:
        say(Console(stderr=True), f"Report: {written} ({size / 1e6:.1f} MB)")
    if json_:
        print_json(run=str(Path(path).resolve()), report=str(written), bytes=size)
    if open_:
        typer.launch(written.as_uri())
