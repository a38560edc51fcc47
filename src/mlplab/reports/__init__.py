"""A run as one HTML page: `report`.

content.py     what the page says, section by section
rows.py        the test rows, packed, with their images
matrix.py      the confusion matrix, or the most confused part of it
wording.py     sentences that depend on numbers
"""

from pathlib import Path
from typing import Any

from mlplab.errors import RunError
from mlplab.inspection.examples import open_run
from mlplab.pages import render, write_page
from mlplab.reports.content import content
from mlplab.runs import Run

__all__ = ["report"]


def report(run: Run, out: str | Path | None = None, data: Any = None) -> Path:
    """Write a finished run's report: one HTML file that opens from disk and needs no network.

    It has scores beside those of simple methods, curves, the confusion matrix with the images of each cell, failures
    to filter and sort, calibration, scores of each class, what the units look at, and a map of the test rows.

    Args:
        run: a finished run. What is computed with its model is kept in it, so the next report is made in a moment.
        out: the file; report.html in the run directory by default.
        data: for runs that were begun with arrays: the same arrays, or the page has no images.

    Returns:
        The path of the file.

    Raises:
        RunError: if the run is not finished, or keeps no predictions of the test set.
        UsageError: if the file cannot be written.
        DataError: for data that the run did not begin with.
    """
    run = open_run(run)
    if run.result is None:
        raise RunError(f"{run.path} is not finished: go on with mlplab train --resume {run.path}")
    path = run.path / "report.html" if out is None else Path(out)
    return write_page(path, render("report.html.j2", **content(run, data)))
