"""Show progress on a terminal or in a notebook."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(verbose: int | str, title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar with the remaining time on standard error, and yield `update(completed, total)`.

    Nothing is shown if `verbose` is 0 or no person can see it.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    notebook = console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None  # rich needs it in notebooks
    columns = (TextColumn(title), BarColumn(), TimeRemainingColumn(compact=True), TextColumn("left"))
    hidden = verbose == 0 or not (console.is_terminal or notebook)
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=None)
        yield lambda completed, total: progress.update(task, completed=completed, total=total)
