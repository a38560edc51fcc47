"""Arguments and options that several verbs share, and how verbs speak."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

SCHEMA = 1
"""Version of what `--json` prints, apart from train's, which is the run's result.json."""


def complete_run(incomplete: str) -> list[str]:
    """Paths of run directories that begin so, for the shell's completion."""
    start = Path(incomplete)
    folder = start if incomplete.endswith("/") else start.parent
    found = []
    for candidate in folder.glob("*") if folder.is_dir() else ():
        if candidate.is_dir() and not candidate.name.startswith(".") and str(candidate).startswith(incomplete):
            found.append(str(candidate) if (candidate / "config.json").exists() else f"{candidate}/")
    return found or ([f"runs/{path.name}" for path in Path("runs").glob("*/")] if not incomplete else [])


RunPath = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="A run directory.", autocompletion=complete_run, show_default=False),
]
Split = Annotated[str, typer.Option(metavar="test|validation|train", help="The rows to look at.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing but errors (and what --json asks for).")]


def say(console: Console, text: object, **style: Any) -> None:
    """A line for a person, as it is: no markup, no highlighting, no breaks."""
    console.print(str(text), markup=False, highlight=False, soft_wrap=True, **style)


def print_table(console: Console, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Rows as a table for a person; numbers to the right."""
    columns, rows = list(columns), list(rows)
    table = RichTable(box=None, padding=(0, 1))
    for name in columns:
        numeric = all(isinstance(row[name], int | float | None) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(_cell(row[name])) for name in columns))
    console.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_json(**content: Any) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False))
