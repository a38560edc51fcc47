"""The progress of long work: what everything above the engine reports, and a bar that shows it."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """How much of some work is done.

    Attributes:
        done, total: in a unit of the work, such as training steps, epochs, folds or trials. `total` is None where it
            is not known beforehand.
        detail: what a display may show beside the bar: of trials their newest scores, of a study a `StudyProgress`.
    """

    done: float
    total: float | None
    detail: Any = None


ProgressListener = Callable[[Progress], None]
"""Called a few times a second while the work is done. What it raises ends the work."""


@contextlib.contextmanager
def bar(verbose: int | str, title: str) -> Iterator[ProgressListener]:
    """Show a progress bar with the remaining time on standard error, if that is a terminal or a notebook.

    Yields the listener that moves the bar.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    notebook = console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None  # rich needs them there
    columns = (TextColumn(title), BarColumn(), TimeRemainingColumn(compact=True), TextColumn("left"))
    disable = verbose == 0 or not (console.is_terminal or notebook)
    with Bar(*columns, console=console, transient=True, disable=disable) as shown:
        task = shown.add_task("", total=None)
        yield lambda progress: shown.update(task, completed=progress.done, total=progress.total)
