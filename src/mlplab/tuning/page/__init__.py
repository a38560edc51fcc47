"""A study as one HTML page.

trials.py       a study as plain values, read from its directory
importance.py   which parameters mattered, compared with chance
tables.py       its tables, each with its figure
content.py      the values of the template; wording.py: sentences
templates/      layout, style and script, on top of pages/templates
"""

from pathlib import Path

from mlplab.files import resuming
from mlplab.pages import write_page
from mlplab.tuning.page.content import render
from mlplab.tuning.page.trials import read

FILE = "study.html"

__all__ = ["FILE", "page"]


def page(path: str | Path) -> Path:
    """Write the page of a study, finished or not, into its directory, and return the page's full path.

    Args:
        path: the study's directory.

    Raises:
        RunError: if there is no study, or it is damaged.
        UsageError: if the page cannot be written.
        MissingPackageError: if Optuna is not installed.
    """
    path = Path(path).expanduser()
    return write_page(path / FILE, render(read(path), path.resolve().name, resuming(path, "study").shell))
