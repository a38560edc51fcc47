"""Arguments and options that several verbs share, and how verbs speak."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from mlplab.errors import UsageError
from mlplab.runs import is_run

SCHEMA = 1
"""Version of what `--json` prints, apart from train's, which is the run's result.json."""


def complete_run(incomplete: str) -> list[str]:
    """Paths of run directories that begin so, for the shell's completion."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    found = []
    for candidate in folder.glob("*") if folder.is_dir() else ():
        if candidate.is_dir() and not candidate.name.startswith(".") and str(candidate).startswith(incomplete):
            found.append(str(candidate) if is_run(candidate) else f"{candidate}/")
    return found


RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run, show_default=False),
]
Split = Annotated[str, typer.Option(metavar="test|validation|train", help="The rows to look at.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and what --json asks for).")]


def check_file(out: Path | None) -> None:
    """Refuse a file of a kind that is not written, before the work whose result would go there."""
    if out is not None and out.suffix.lower() not in (".csv", ".png", ".svg", ".pdf"):
        raise UsageError(f"--out names a .png, .svg or .pdf file for the figure, or a .csv for the table; got {out}.")


def say(console: Console, text: object, **style: Any) -> None:
    """A line for a person, as it is: no markup, no highlighting, no breaks."""
    console.print(str(text), markup=False, emoji=False, highlight=False, soft_wrap=True, **style)


def print_table(console: Console, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Rows as a table for a person; numbers to the right, each with its interval in one cell."""
    columns, rows = list(columns), list(rows)
    table = RichTable(box=None, padding=(0, 1))
    cells = {name: _INTERVALS.get(name, (f"{name}_low", f"{name}_high")) for name in columns}
    ends = {end for interval in cells.values() if set(interval) <= set(columns) for end in interval}
    shown = [name for name in columns if name not in ends]
    for name in shown:
        numeric = all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(
            Text(_HEADINGS.get(name, name.replace("_", " "))), justify="right" if numeric else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_cell(name, row, cells[name])) for name in shown))
    console.print(table)


_HEADINGS = {"f1": "F1", "p_value": "p", "log_loss": "log-loss", "ece_width": "ECE, width", "ece_mass": "ECE, mass"}

_INTERVALS = {"value": ("low", "high")}
"""Columns whose interval has names of its own; in general that of `x` is `x_low` and `x_high`."""


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
    """One JSON object on standard output."""
    typer.echo(json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False))
