"""A progress bar for what takes a while."""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def bar(verbose: int | str, title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with the time left, on standard error, where a person can see one: yields what moves it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    notebook = console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None  # rich needs them there
    columns = (TextColumn(title), BarColumn(), TimeRemainingColumn(compact=True), TextColumn("left"))
    with Progress(
        *columns, console=console, transient=True, disable=verbose == 0 or not (console.is_terminal or notebook)
    ) as shown:
        task = shown.add_task("", total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
