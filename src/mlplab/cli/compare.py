"""`mlplab compare`: which of several runs is better, how sure that is, and where they differ."""

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mlplab.cli.options import Json, Quiet, check_outputs, complete_run
from mlplab.cli.output import difference_cells, open_console, print_json, print_rows, print_table, say
from mlplab.errors import UsageError, shell_command
from mlplab.inspection.comparison import Comparison, verdicts
from mlplab.inspection.comparison import compare as compare_runs
from mlplab.inspection.comparison.pairs import SIGNIFICANCE
from mlplab.table import Table

_ACROSS = 4
"""Up to this number, runs stand side by side, one a column; more than that, one a row."""

_MOST_SETTINGS, _MOST_SCORES, _MOST_CLASSES, _GALLERY = 7, 3, 30, 10
"""The most settings and scores printed of each of many runs; the most classes; the most rows of a gallery."""


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
    all_pairs: Annotated[
        bool, typer.Option("--all-pairs", help="Compare each with each other; more than 10 only with the first.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The page (.html), a figure (.png, .svg, .pdf), the tables (.md, .tex, .json) or the pairs (.csv); of "
            "--right, --wrong: its images or rows.",
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs: what differs in their settings, scores side by side, and whether one is really better.

    Each pair is tested on the rows that only one of the two gets right (McNemar's exact test), corrected for the
    number of pairs. Populations are compared over their seeds (Welch's t test), and so are their ensembles, as pairs.
    """
    if (right is None) != (wrong is None):
        raise UsageError("--right NAME and --wrong NAME go together: rows that one run gets right and the other wrong.")
    check_outputs(out)
    console = open_console(quiet)
    comparison = compare_runs(*runs, all_pairs=all_pairs)
    gallery = None
    if right is not None and wrong is not None:
        paths = dict(zip((path.resolve() for path in runs), comparison.names, strict=True))
        one, other = (paths.get(Path(given).resolve(), given) for given in (right, wrong))
        gallery = comparison.gallery(one, other)
    is_page = out is not None and out.suffix.lower() in (".html", ".htm")
    written = out and (comparison if gallery is None or is_page else gallery).save(out)
    _print(console, comparison, gallery, written, runs)
    if json_:
        content = comparison.to_json() | ({} if gallery is None else {"gallery": gallery.rows()})
        del content["schema"]  # print_json adds it
        print_json(**content, out=None if written is None else str(written))


def _print(
    console: Console, comparison: Comparison, gallery: Table | None, written: Path | None, runs: list[Path]
) -> None:
    settings = [{name: verdicts.plain(value) for name, value in row.items()} for row in comparison.settings]
    _print_side_by_side(console, "What differs", settings, _MOST_SETTINGS)
    if len(comparison.group_pairs):
        _print_rows(console, comparison.groups.title, [_group(row) for row in comparison.groups])
        differences = [{name: row[name] for name in "ab"} | difference_cells(row) for row in comparison.group_pairs]
        _print_rows(console, comparison.group_pairs.title, differences)
    of = " of the ensembles" if comparison.populations else ""
    _print_side_by_side(console, f"Scores{of}, 95 % intervals", _scores(comparison), _MOST_SCORES)
    _print_rows(console, "Rows that both, one or neither gets right; accuracy of a minus that of b", _pairs(comparison))
    _print_rows(console, *_classes(comparison))
    if gallery is not None:
        names = [name for name in gallery.columns if name not in ("a", "b")]
        say(console, gallery.title, style="bold")
        print_table(console, names, itertools.islice(gallery, _GALLERY))
        console.print()
    for verdict in comparison.verdicts:
        say(console, verdict, style="bold")
    for caution in comparison.cautions:
        say(console, caution, style="yellow")
    if written is not None:
        say(console, f"Written: {written}")
    else:
        command = shell_command("mlplab", "compare", *runs, "--out", "comparison.html")
        say(console, f"As a page, with images: {command}")


def _scores(comparison: Comparison) -> list[dict[str, Any]]:
    """Return the scores of each run, each value with its interval as one text."""
    names = [name for name in comparison.scores.columns if name != "run" and not name.endswith(("_low", "_high"))]
    first = ("accuracy", "balanced_accuracy", "log_loss")
    return [
        {"run": row["run"]}
        | {
            verdicts.name(name): f"{row[name]:.4f} ({_interval(row, name)})"
            for name in sorted(names, key=lambda name: name not in first)
        }
        for row in comparison.scores
    ]


def _print_side_by_side(console: Console, title: str, rows: list[dict[str, Any]], most: int) -> None:
    """Print a column for each run if there are few; else a row for each, with the first `most` values, which fit."""
    names = [name for name in rows[0] if name != "run"]
    if len(rows) > _ACROSS:
        rows = [{name: row[name] for name in ("run", *names[:most])} for row in rows]
        title = title if len(names) <= most else f"{title} (more in --json and --out)"
    else:
        by_name = [{"": name, **{row["run"]: row[name] for row in rows}} for name in names]
        rows = by_name or [{"": "nothing", **{row["run"]: "" for row in rows}}]
    _print_rows(console, title, rows)


def _pairs(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {"a": row["a"], "b": row["b"], "both": row["both_right"], "only a": row["only_a"], "only b": row["only_b"]}
        | {"neither": row["both_wrong"]}
        | difference_cells(row)
        for row in comparison.pairs
    ]


def _classes(comparison: Comparison) -> tuple[str, list[dict[str, Any]]]:
    """Return the classes in which two runs differ significantly, and what to say about them."""
    rows = [
        {"class": row["class"], "a": row["a"], "b": row["b"], "rows": row["n"]} | difference_cells(row)
        for row in comparison.classes
        if row["p_corrected"] < SIGNIFICANCE
    ]
    many = f"p corrected for {len(comparison.classes)} comparisons"
    if not rows:
        return f"In no class alone is the difference significant ({many}).", []
    more = f"; {_MOST_CLASSES} of {len(rows)} shown" if len(rows) > _MOST_CLASSES else ""
    return f"Classes that differ significantly ({many}{more})", rows[:_MOST_CLASSES]


def _group(row: dict[str, Any]) -> dict[str, Any]:
    """Return a group's mean ± standard deviation with its interval, and its ensemble's accuracy."""
    spread = "" if row["sd"] is None else f" ± {row['sd']:.4f}"
    mean = {"accuracy": f"{row['accuracy']:.4f}{spread}", "of the mean": _interval(row, "accuracy")}
    alone = row.get("ensemble") is None
    ensemble = None if alone else f"{row['ensemble']:.4f} ({_interval(row, 'ensemble')})"
    return {"": row["recipe"], "networks": row["runs"]} | mean | ({"ensemble": ensemble} if "ensemble" in row else {})


def _interval(row: dict[str, Any], name: str) -> str | None:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return None if low is None else f"{low:.4f}–{high:.4f}"


def _print_rows(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    say(console, title, style="bold")
    print_rows(console, rows)
    console.print()
