"""`mlplab compare`: which of several runs is better, how sure that is, and where they differ."""

import itertools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from mlplab.cli.options import Json, Quiet, complete_run
from mlplab.cli.output import open_console, print_json, say
from mlplab.errors import UsageError

if TYPE_CHECKING:
    from mlplab.inspection.comparison import Comparison
    from mlplab.table import Table

_ACROSS = 4
"""Up to this number, runs stand side by side, one a column; more than that, one a row."""

_MOST_SETTINGS, _MOST_SCORES, _MOST_CLASSES, _GALLERY = 7, 2, 30, 10
"""The most settings and scores printed of each of many runs; the most classes; the most rows of a gallery."""

_DIFFERENCE = "a − b, points"


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN …", help="Two or more finished runs on one data set.", autocompletion=complete_run
        ),
    ],
    right: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show what this run gets right, with --wrong.")
    ] = None,
    wrong: Annotated[str | None, typer.Option(metavar="NAME", help="… what this one gets wrong.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page (.html), a figure (.png, .svg, .pdf) or the pairs (.csv); of --right, --wrong: its images "
            "or rows.",
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs: what differs in their settings, scores side by side, and whether one is really better.

    Each pair is tested on the rows that only one of the two gets right (McNemar's exact test), corrected for the
    number of pairs.
    """
    from mlplab.inspection.comparison import compare as compare_runs

    if (right is None) != (wrong is None):
        raise UsageError("--right NAME and --wrong NAME go together: rows that one run gets right and the other wrong.")
    console = open_console(quiet)
    comparison = compare_runs(*runs)
    gallery = None
    if right is not None and wrong is not None:
        paths = dict(zip((path.resolve() for path in runs), comparison.names, strict=True))
        one, other = (paths.get(Path(given).resolve(), given) for given in (right, wrong))
        gallery = comparison.gallery(one, other)
    written = None if out is None else _write(comparison, gallery, out)
    _print(console, comparison, gallery, written, runs)
    if json_:
        content = comparison.to_json() | ({} if gallery is None else {"gallery": gallery.rows()})
        del content["schema"]  # print_json adds it
        print_json(**content, out=None if written is None else str(written))


def _write(comparison: "Comparison", gallery: "Table | None", out: Path) -> Path:
    is_page = out.suffix.lower() in (".html", ".htm")
    return comparison.save(out) if gallery is None or is_page else gallery.save(out)


def _print(
    console: Console, comparison: "Comparison", gallery: "Table | None", written: Path | None, runs: list[Path]
) -> None:
    console.print(_side_by_side("What differs", _settings(comparison), _MOST_SETTINGS), "")
    console.print(_side_by_side("Scores, 95 % intervals", _scores(comparison), _MOST_SCORES), "")
    console.print(_pairs(comparison), "")
    console.print(_classes(comparison), "")
    if gallery is not None:
        console.print(_gallery(gallery), "")
    for verdict in comparison.verdicts:
        say(console, verdict, style="bold")
    if written is not None:
        say(console, f"Written: {written}")
    else:
        say(console, f"As a page, with images: mlplab compare {shlex.join(map(str, runs))} --out comparison.html")


def _settings(comparison: "Comparison") -> list[dict[str, Any]]:
    from mlplab.inspection.comparison.verdicts import plain

    return [{name: plain(value) for name, value in row.items()} for row in comparison.settings]


def _scores(comparison: "Comparison") -> list[dict[str, Any]]:
    """Scores of each run, each value with its interval as one text."""
    from mlplab.inspection.comparison.verdicts import name as in_words

    names = [name for name in comparison.scores.columns if name != "run" and not name.endswith(("_low", "_high"))]
    return [
        {"run": row["run"]}
        | {
            in_words(name): f"{row[name]:.4f} ({row[f'{name}_low']:.4f}–{row[f'{name}_high']:.4f})"
            for name in sorted(names, key=lambda name: name not in ("accuracy", "log_loss"))
        }
        for row in comparison.scores
    ]


def _side_by_side(title: str, rows: list[dict[str, Any]], most: int) -> Grid:
    """One column for each run if they are few; else one row each, with the first `most` values, which fit."""
    if len(rows) > _ACROSS:
        cut = [dict(list(row.items())[: most + 1]) for row in rows]
        return _grid(title if len(rows[0]) <= most + 1 else f"{title} (more in --json and --out)", cut)
    names = [name for name in rows[0] if name != "run"]
    turned = [{"": name, **{row["run"]: row[name] for row in rows}} for name in names]
    return _grid(title, turned or [{"": "nothing", **{row["run"]: "" for row in rows}}])


def _pairs(comparison: "Comparison") -> Grid:
    rows = [
        {"a": row["a"], "b": row["b"], "both": row["both_right"], "only a": row["only_a"], "only b": row["only_b"]}
        | {"neither": row["both_wrong"], _DIFFERENCE: _points(row), "p": _p(row)}
        for row in comparison.pairs
    ]
    return _grid("Rows that both, one or neither gets right; accuracy of a minus that of b", rows)


def _classes(comparison: "Comparison") -> Grid | str:
    """Classes in which two runs differ significantly."""
    from mlplab.inspection.comparison.pairs import SIGNIFICANCE

    rows = [
        {"class": row["class"], "a": row["a"], "b": row["b"], "rows": row["n"], _DIFFERENCE: _points(row), "p": _p(row)}
        for row in comparison.classes
        if row["p_corrected"] < SIGNIFICANCE
    ]
    many = f"p corrected for {len(comparison.classes)} comparisons"
    if not rows:
        return f"In no class alone is the difference significant ({many})."
    more = f"; {_MOST_CLASSES} of {len(rows)} shown" if len(rows) > _MOST_CLASSES else ""
    return _grid(f"Classes that differ significantly ({many}{more})", rows[:_MOST_CLASSES])


def _gallery(gallery: "Table") -> Grid:
    names = ("index", "true", "predicted_a", "confidence_a", "predicted_b", "confidence_b")
    shown = itertools.islice(gallery, _GALLERY)
    return _grid(gallery.title, [{name.replace("_", " "): row[name] for name in names} for row in shown])


def _points(row: dict[str, Any]) -> str:
    text = f"{100 * row['difference']:+.2f}"
    if row["low"] is not None:
        text += f" ({100 * row['low']:+.2f} to {100 * row['high']:+.2f})"
    return text.replace("-", "\N{MINUS SIGN}")


def _p(row: dict[str, Any]) -> str:
    return "< 0.0001" if row["p_corrected"] < 0.0001 else f"{row['p_corrected']:.2g}"


def _grid(title: str, rows: list[dict[str, Any]]) -> Grid:
    grid = Grid(title=Text(title), title_justify="left", box=None, padding=(0, 1))
    for name in rows[0] if rows else ():
        narrowest = min(16, max(len(_cell(row[name])) for row in rows)) if name in ("a", "b", "run") else None
        grid.add_column(Text(str(name)), overflow="fold", no_wrap=name in (_DIFFERENCE, "p"), min_width=narrowest)
    for row in rows:
        grid.add_row(*[Text(_cell(value)) for value in row.values()])
    return grid


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
