"""How verbs print: lines and tables for a person on standard error, one JSON object on standard output."""

import contextlib
import json
import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from mlplab.errors import Interrupted, MlplabError, flag

SCHEMA = 1
"""Version of what `--json` prints, apart from train's, which is the run's result.json."""


def open_console(quiet: bool) -> Console:
    """Return what a verb prints to, and set how much the library logs: with --quiet, warnings only."""
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    return Console(stderr=True, quiet=quiet)


def say(console: Console, text: object, **style: Any) -> None:
    """Print a line for a person as it is: no markup, no highlighting, no breaks."""
    shown = _visible(str(text), but="\n")
    console.print(shown, markup=False, emoji=False, highlight=False, soft_wrap=True, **style)


def _visible(text: str, but: str = "") -> str:
    """Return a text whose control characters are signs that show them: names in data must not control the terminal."""
    return text.translate({code: sign for code, sign in _CONTROL_SIGNS.items() if chr(code) not in but})


_CONTROL_SIGNS = {code: chr(0x2400 + code) for code in range(32)} | {
    **dict.fromkeys(range(128, 160), "�"),
    127: "\N{SYMBOL FOR DELETE}",
}


@contextlib.contextmanager
def reports_interrupt(message: str = "Interrupted.") -> Iterator[None]:
    """After Ctrl-C, print how to continue, or `message`; also with --quiet."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        said = in_shell_words(interrupt) if isinstance(interrupt, Interrupted) else message
        say(Console(stderr=True), said)
        raise


def in_shell_words(error: MlplabError | Interrupted) -> str:
    """Return the error's message, with flags and commands in place of the Python arguments and calls that it names."""
    message = str(error)
    for advice in error.advice:
        message = message.replace(advice.python, advice.shell)
    for argument in error.arguments:
        message = re.sub(rf"\b{argument}\b", flag(argument), message)
    return message


def print_table(console: Console, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Print some columns of the rows of a `Table`, each number with its interval in one cell."""
    columns = list(columns)
    intervals = {name: _INTERVALS.get(name, (f"{name}_low", f"{name}_high")) for name in columns}
    ends = {end for interval in intervals.values() if set(interval) <= set(columns) for end in interval}
    shown = {name: _HEADINGS.get(name, name.replace("_", " ")) for name in columns if name not in ends}
    print_rows(
        console, [{heading: _cell(name, row, intervals[name]) for name, heading in shown.items()} for row in rows]
    )


def print_rows(console: Console, rows: Sequence[dict[str, Any]], unbroken: Collection[str] = ()) -> None:
    """Print rows below their keys, numbers to the right. The columns `unbroken` are never broken into several lines."""
    if not rows:
        return
    table = RichTable(box=None, padding=(0, 1), pad_edge=False)
    columns = {name: [_text(row[name]) for row in rows] for name in rows[0]}
    widths = {name: _least_width(name, texts) for name, texts in columns.items()}
    fits = sum(width or _LEFT for width in widths.values()) + 2 * len(widths) <= console.width
    longest = {name: max(map(len, texts)) for name, texts in columns.items()}
    whole = sum(max(len(name), longest[name]) for name in columns) + 2 * len(widths) <= console.width
    for name, texts in columns.items():
        numbers = all(map(_is_number, texts))
        heading = max(map(len, name.split()), default=0)
        table.add_column(
            Text(name),
            justify="right" if numbers else "left",
            overflow="fold",
            no_wrap=name in unbroken,
            min_width=widths[name] if fits or not numbers else None,
            max_width=max(heading, longest[name]) if numbers and not whole else None,  # headings give way to names
        )
    for row in rows:
        table.add_row(*(value if isinstance(value, Text) else Text(_text(value)) for value in row.values()))
    console.print(table)


_LEFT = 10
"""Characters for a column that may be broken anywhere."""


def _least_width(name: str, texts: Sequence[str]) -> int | None:
    """Return the characters that a column keeps in a line, so that no number is broken; None: any."""
    if all(map(_is_number, texts)):
        return min(16, max(len(word) for text in texts for word in text.split() or [""]))
    return min(_LEFT, max(map(len, texts))) if name in _NAMES else None


_HEADINGS = {
    "f1": "F1",
    "macro_f1": "macro F1",
    "p_value": "p",
    "log_loss": "log-loss",
    "ece_width": "ECE, width",
    "ece_mass": "ECE, mass",
}

_INTERVALS = {"value": ("low", "high")}
"""Columns whose interval has other names than `x_low` and `x_high`."""

_NAMES = ("run", "a", "b")
"""Columns with names of runs, which keep 10 characters in a line."""


def _cell(name: str, row: dict[str, Any], interval: tuple[str, str]) -> str:
    if name == "p_value" and row[name] is not None and row[name] < 1e-4:
        return "< 0.0001"
    low, high = (row.get(end) for end in interval)
    return _text(row[name]) + ("" if low is None or high is None else f" ({low:.3f}–{high:.3f})")


def difference_cells(row: Mapping[str, Any], heading: str = "a − b, points") -> dict[str, str]:
    """Return cells for the difference of a pair with its interval, and for its corrected p-value."""
    return {heading: _points(row), "p": _p(row)}


def _points(row: Mapping[str, Any]) -> str:
    if row["difference"] is None:
        return "–"
    text = f"{100 * row['difference']:+.2f}"
    if row["low"] is not None:
        text += f" ({100 * row['low']:+.2f} to {100 * row['high']:+.2f})"
    return text.replace("-", "\N{MINUS SIGN}")


def _p(row: Mapping[str, Any]) -> str:
    if row["p_corrected"] is None:
        return "–"
    return "< 0.0001" if row["p_corrected"] < 0.0001 else f"{row['p_corrected']:.2g}"


def _is_number(text: str) -> bool:
    """Whether a cell has only numbers, such as `0.94 (0.93–0.95)` or `-1 to 2`, or the dash for a missing one."""
    return not any(map(str.isalpha, text.replace(" to ", "")))


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else _visible(str(value))


def print_json(**content: Any) -> None:
    """Print one JSON object to standard output."""
    typer.echo(json.dumps({"schema": SCHEMA, **content}, indent=2, ensure_ascii=False))
