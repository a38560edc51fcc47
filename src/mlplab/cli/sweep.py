"""`mlplab sweep`: every combination of some settings with several seeds, in one table."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mlplab.cli.options import (
    Dataset,
    Json,
    Quiet,
    RecipeName,
    UnlabelledFile,
    check_file,
    check_resume,
)
from mlplab.cli.output import difference_cells, open_console, print_json, print_rows, reports_interrupt, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.settings_options import class_weights, takes_settings
from mlplab.datasets.reading import Source
from mlplab.datasets.unlabelled import check_images
from mlplab.errors import UsageError, flag, shell_command, unknown_name
from mlplab.experiments.sweep_plan import SweepPlan
from mlplab.experiments.sweep_table import in_words
from mlplab.inspection.majority import baseline_of_result, warning_of
from mlplab.recipes import Recipe
from mlplab.runs.setting import Setting
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import as_text

if TYPE_CHECKING:
    from mlplab.experiments.sweep import Sweep

_VARIED = [name for name in SETTINGS if name != "seed"]


def complete_vary(incomplete: str) -> list[str]:
    """Return the names of settings that begin with a text, for the shell's completion."""
    return [f"{name}=" for name in map(_typed, _VARIED) if name.startswith(incomplete)]


@takes_settings()
@takes_reading("dataset")
def sweep(
    dataset: Annotated[str | Source | None, Dataset] = None,
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,VALUE,…",
            help='A setting and its values; networks have a semicolon between: "hidden=20;50,50". Can be repeated.',
            autocompletion=complete_vary,
        ),
    ] = None,
    recipe: RecipeName = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Networks of each combination; 5 by default.")] = None,
    settings: dict[str, Any],
    unlabelled: UnlabelledFile = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The directory of the runs; sweeps/NAME-DATE-TIME by default.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The table (.csv, .md, .tex, .json) or its figure (.png, .svg, .pdf)."),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="SWEEP", help="Continue an interrupted sweep: it ends with the same table.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train every combination of some settings with several seeds: mean, spread, and tests against the first.

    All other settings are given as in mlplab train, also with --recipe. Each combination is a run for other verbs.
    """
    values = varied(vary or [])
    of_sweep = {"vary": vary, "recipe": recipe, "seeds": seeds, "unlabelled": unlabelled, "runs": runs}
    given = settings | {name: value for name, value in of_sweep.items() if value is not None}
    if (dataset is None) == (resume is None):
        raise UsageError("Give a data set (mlplab sweep digits --vary dropout=0,0.2), or a sweep: --resume SWEEP")
    if dataset is not None and not values:
        raise UsageError("Give the settings to vary, as in: --vary dropout=0,0.2,0.5")
    if resume is not None:
        check_resume("sweep", given)
    check_file(out)
    if unlabelled is not None:
        check_images(unlabelled)
    if values:
        base = None if recipe is None else Recipe.of(recipe)
        SweepPlan.of(values, settings, 5 if seeds is None else seeds, base).require_ladder(unlabelled)

    console = open_console(quiet)
    from mlplab.cli.train import device_line  # Keras, which takes a second: wrong use is refused before
    from mlplab.experiments.sweep import sweep as run_sweep

    say(console, device_line())
    options: dict[str, Any] = {"verbose": 0 if quiet else "auto"}
    with reports_interrupt():
        if resume is not None:
            SweepPlan.read(resume)
            table = run_sweep(resume, **options)
        else:
            options |= {"recipe": recipe, "seeds": seeds, "unlabelled": unlabelled, "runs": runs}
            table = run_sweep(dataset, values, **options, command=["mlplab", *sys.argv[1:]], **settings)
    _print(console, table, out)
    if json_:
        print_json(sweep=str(table.path), file=None if out is None else str(out), rows=table.rows())


def _print(console: Console, table: "Sweep", out: Path | None) -> None:
    """Print the table, what its accuracies hide, and what to do next. `out`: a file that it is saved in."""
    say(console, table.title, style="bold")
    baselines = [None if run is None else baseline_of_result(run.require_finished()) for run in table.runs]
    unbalanced = next((each for each in baselines if each is not None and each.unbalanced), None)
    print_rows(console, [_row(row, table.varied, unbalanced is not None) for row in table])
    if unbalanced is not None:
        majority_in_words = f"{unbalanced.majority} (right for {unbalanced.share:.4f} of the test rows)"
        say(console, f"Classes are unbalanced: the baseline is always naming the most frequent, {majority_in_words}.")
    for row, baseline in zip(table, baselines, strict=True):
        if text := warning_of(baseline, what=in_words({name: row[name] for name in table.varied})):
            say(console, text, style="yellow")
    if out is not None:
        say(console, f"Written: {table.save(out)}")
    say(console, f"Runs: {os.path.relpath(table.path)}")
    finished = [os.path.relpath(run.path) for run in table.runs if run is not None]
    if 1 < len(finished) <= 10:
        command = shell_command("mlplab", "compare", *finished, "--out", "comparison.html")
        say(console, f"Next, how they differ, as a page: {command}")


def _row(row: dict[str, Any], settings: Iterable[str], unbalanced: bool) -> dict[str, Any]:
    """Return the cells of a combination that fit a line; files have all columns."""
    by_class = {"balanced": row["balanced_accuracy"], "macro F1": row["macro_f1"]} if unbalanced else {}
    spread = "" if row["sd"] is None else f" ± {row['sd']:.4f}"
    alone = row["accuracy_low"] is None
    return {
        **{name.replace("_", " "): as_text(row[name]) for name in settings},
        "accuracy": "diverged" if row["accuracy"] is None else f"{row['accuracy']:.4f}{spread}",
        "of the mean": None if alone else f"{row['accuracy_low']:.3f}–{row['accuracy_high']:.3f}",
        **by_class,
        "validation": row["validation"],
        **difference_cells(
            {"p_corrected": row["p_corrected"], "difference": row["difference"]}
            | {"low": row["difference_low"], "high": row["difference_high"]},
            "− first, points",
        ),
    }


def varied(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Return the values of each setting from texts such as `dropout=0,0.2`. Raises `UsageError`."""
    values: dict[str, list[Any]] = {}
    for text in texts:
        typed, equals, listed = text.partition("=")
        name = typed.strip().replace("-", "_")
        if not equals or not listed:
            raise UsageError(f"--vary takes a setting and its values, as in dropout=0,0.2,0.5; got {text!r}.")
        if name not in _VARIED:
            raise UsageError(unknown_name("setting", typed, map(_typed, _VARIED)))
        if name in values:
            raise UsageError(f"--vary {typed} is given twice: give all its values at once.")
        holds_commas = SETTINGS[name].kind is tuple or "=" in listed  # units, or weights of classes
        parts = listed.split(";" if holds_commas or ";" in listed else ",")
        values[name] = [_value(SETTINGS[name], part.strip()) for part in parts]
    return values


def _value(declared: Setting, text: str) -> Any:
    """Return a value of a setting from its text. `none` is the default of a setting that has none of its own."""
    if text.lower() == "none" and declared.default is None and declared.kind is not tuple:
        return None
    if declared.kind is dict:
        return class_weights(f"--vary {_typed(declared.name)}", text)
    try:
        if declared.kind is bool:
            return {"true": True, "false": False, "on": True, "off": False}[text.lower()]
        return [int(units) for units in text.split(",") if units] if declared.kind is tuple else declared.kind(text)
    except (KeyError, ValueError) as error:
        kinds = {bool: "true or false", int: "whole numbers", float: "numbers", tuple: "units, as in 20;50,50"}
        raise UsageError(f"--vary {_typed(declared.name)} takes {kinds[declared.kind]}; got {text!r}.") from error


def _typed(name: str) -> str:
    """Return the name of a setting as a person types it: `batch-size`."""
    return flag(name).removeprefix("--")
