"""How verbs print: lines and tables for a person on standard error, one JSON object on standard output."""

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

SCHEMA = 1
"""Version of what `--json` prints, apart from train's, which is the run's result.json."""


def open_console(quiet: bool) -> Console:
    """Return what a verb prints to, and set how much the library logs: with --quiet, warnings only."""
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    return Console(stderr=True, quiet=quiet)


def say(console: Console, text: object, **style: Any) -> None:
    """Print a line for a person as it is: no markup, no highlighting, no breaks."""
    console.print(str(text), markup=False, emoji=False, highlight=False, soft_wrap=True, **style)


@contextlib.contextmanager
def reports_interrupt(message: str = "Interrupted.") -> Iterator[None]:
    """After Ctrl-C, print how to continue, or `message`; also with --quiet."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        say(Console(stderr=True), str(interrupt) or message)
        raise


def print_table(console: Console, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Print rows as a table; numbers to the right, each with its interval in one cell."""
    columns, rows = list(columns), list(rows)
    table = RichTable(box=None, padding=(0, 1))
    intervals = {name: _INTERVALS.get(name, (f"{name}_low", f"{name}_high")) for name in columns}
    ends = {end for interval in intervals.values() if set(interval) <= set(columns) for end in interval}
    shown = [name for name in columns if name not in ends]
    for name in shown:
        numeric = all(isinstance(row[name], int | float | None) for row in rows)
        heading = Text(_HEADINGS.get(name, name.replace("_", " ")))
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(name, row, intervals[name])) for name in shown))
    console.print(table)


_HEADINGS = {"f1": "F1", "p_value": "p", "log_loss": "log-loss", "ece_width": "ECE, width", "ece_mass": "ECE, mass"}

_INTERVALS = {"value": ("low", "high")}
"""Columns whose interval has other names than `x_low` and `x_high`."""


def _cell(name: str, row: dict[str, Any], interval: tuple[str, str]) -> str:
    value = row[name]
    if value is None:
        return "–"
    if name == "p_value" and value < 1e-4:
        return "< 0.0001"
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    low, high = (row.get(end) for end in interval)
    return text if low is None or high is None else f"{text} ({low:.3f}–{high:.3f})"


def print_json(**content: Any) -> None:
    """Print one JSON object to standard output."""
    typer.echo(json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False))
