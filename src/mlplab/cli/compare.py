"""`mlplab compare`: which of several runs is better, how sure that is, and where they differ."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from mlplab.errors import UsageError

if TYPE_CHECKING:
    from mlplab.inspection.comparison import Comparison
    from mlplab.inspection.table import Table

_ACROSS = 4
"""Up to so many runs stand side by side, one a column; more, one below the other."""

_GALLERY = 10
"""Rows of a gallery that are printed."""


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN …", help="Two or more finished runs on one data set.")],
    right: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show what this run gets right, with --wrong.", show_default=False)
    ] = None,
    wrong: Annotated[
        str | None, typer.Option(metavar="NAME", help="… and what this one gets wrong.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page (.html), a figure (.png, .svg, .pdf) or the pairs (.csv); of --right, --wrong: its images "
            "or rows.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but errors (and what --json asks for).")
    ] = False,
) -> None:
    """Compare runs: what differs in their settings, scores side by side, and whether one is really better.

    Each pair is tested on the rows that only one of the two gets right (McNemar's exact test), corrected for the
    number of pairs.
    """
    from mlplab.inspection.comparison import compare as compared

    if (right is None) != (wrong is None):
        raise UsageError("--right NAME and --wrong NAME go together: what one gets right and the other wrong.")
    comparison = compared(*runs)
    gallery = None
    if right is not None and wrong is not None:
        gallery = comparison.gallery(_name(comparison, right), _name(comparison, wrong))
    written = None if out is None else _write(comparison, gallery, out)
    if not quiet:
        _print(Console(stderr=True), comparison, gallery, written, runs)
    if json_:
        shown = {} if gallery is None else {"gallery": gallery.rows()}
        result = {**comparison.to_json(), **shown, "out": None if written is None else str(written)}
        typer.echo(json.dumps(result, ensure_ascii=False))


def _name(comparison: "Comparison", given: str) -> str:
    """A run by its name in the comparison, or by its path."""
    return given if given in comparison.names else Path(given).name


def _write(comparison: "Comparison", gallery: "Table | None", out: Path) -> Path:
    is_page = out.suffix.lower() in (".html", ".htm")
    return comparison.save(out) if gallery is None or is_page else gallery.save(out)


def _print(
    console: Console, comparison: "Comparison", gallery: "Table | None", written: Path | None, runs: list[Path]
) -> None:
    for title, table in (("What differs", comparison.settings), ("Scores, 95 % intervals", _scores(comparison))):
        console.print(_side_by_side(title, table), "")
    console.print(_pairs(comparison), "")
    console.print(_classes(comparison), "")
    if gallery is not None:
        console.print(_grid(gallery.title, _first(gallery, _GALLERY)), "")
    for verdict in comparison.verdicts:
        console.print(verdict, style="bold", highlight=False, markup=False)
    if written is not None:
        console.print(f"Written: {written}", soft_wrap=True, highlight=False, markup=False)
    else:
        command = f"mlplab compare {' '.join(map(str, runs))} --out comparison.html"
        console.print(f"As a page, with images: {command}", soft_wrap=True, highlight=False, markup=False)


def _scores(comparison: "Comparison") -> list[dict[str, Any]]:
    """The rows of scores, each value with its interval as one text."""
    names = [name for name in comparison.scores.columns if not name.endswith(("_low", "_high"))]
    return [
        {"run": row["run"]}
        | {
            name.replace("_", " "): f"{row[name]:.4f} ({row[f'{name}_low']:.4f}–{row[f'{name}_high']:.4f})"
            for name in names[1:]
        }
        for row in comparison.scores
    ]


def _side_by_side(title: str, rows: Any) -> Grid:
    """A run a column, where they are few; a run a row else."""
    rows = list(rows)
    if len(rows) > _ACROSS:
        return _grid(title, rows)
    turned = [
        {"": name, **{row["run"]: row[name] for row in rows}} for name in (rows[0] if rows else {}) if name != "run"
    ]
    return _grid(title, turned or [{"": "nothing", **{row["run"]: "" for row in rows}}])


def _pairs(comparison: "Comparison") -> Grid:
    rows = [
        {"a": row["a"], "b": row["b"]}
        | {"both right": row["both_right"], "only a": row["only_a"], "only b": row["only_b"]}
        | {"both wrong": row["both_wrong"], "a − b, points": _points(row), "p": f"{row['p_corrected']:.2g}"}
        for row in comparison.pairs
    ]
    return _grid("Accuracy of a minus that of b", rows)


def _classes(comparison: "Comparison") -> Grid | str:
    """The classes in which two differ significantly."""
    rows = [
        {"class": row["class"], "a": row["a"], "b": row["b"]}
        | {"rows": row["n"], "a − b, points": _points(row), "p": f"{row['p_corrected']:.2g}"}
        for row in comparison.classes
        if row["p_corrected"] < 0.05
    ]
    many = f"corrected for {len(comparison.classes)} comparisons"
    return _grid(f"Classes that differ significantly ({many})", rows) if rows else (
        f"In no class alone is the difference significant ({many})."
    )


def _points(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"{100 * row['difference']:.2f}"
    return f"{100 * row['difference']:+.2f} ({100 * row['low']:+.2f} to {100 * row['high']:+.2f})"


def _first(table: "Table", rows: int) -> list[dict[str, Any]]:
    return [row for row, _ in zip(table, range(rows), strict=False)]


def _grid(title: str, rows: list[dict[str, Any]]) -> Grid:
    grid = Grid(title=escape(title), title_justify="left", box=None, padding=(0, 1))
    for name in rows[0] if rows else ():
        grid.add_column(escape(str(name)), overflow="fold")
    for row in rows:
        grid.add_row(*[escape(_cell(value)) for value in row.values()])
    return grid


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
