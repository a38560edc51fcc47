"""Write a run as one HTML page: `report`.

content.py          the values for each section of the page
network_section.py  the sections about the inside of the network
rows.py             the test rows on the page, with their images
wording.py          sentences that depend on numbers; settings_wording.py: the settings in words
templates/          the page's template, style and scripts
"""

from pathlib import Path
from typing import Any

from mlplab.inspection.examples import open_run
from mlplab.pages import render, write_page
from mlplab.reports.content import content
from mlplab.runs import Run

__all__ = ["report"]


def report(run: Run, out: str | Path | None = None, data: Any = None) -> Path:
    """Write the report of a finished run: one HTML file that opens from disk and needs no network.

    The page has scores beside those of simple methods, curves, the confusion matrix with the images of each cell,
    failures to filter and sort, calibration, scores of each class, the weights of the units, and a map of the test
    rows.

    Args:
        run: a finished run. Values that need its model are computed once and kept in the run, so that the next report
            takes a second or two.
        out: the file; report.html in the run directory by default.
        data: the arrays that the run was trained on, if it was started with arrays. Without them the page has no
            images.

    Returns:
        The path of the file.

    Raises:
        RunError: if the run is not finished, or has no predictions of the test set.
        UsageError: if the file cannot be written.
        DataError: if `data` is not the data that the run was trained on.

    Example:
        path = mlplab.report(run, "report.html")
    """
    run = open_run(run)
    run.require_finished()
    path = run.directory.report if out is None else Path(out)
    return write_page(path, render("report.html.j2", Path(__file__).parent / "templates", **content(run, data)))
