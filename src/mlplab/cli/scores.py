"""`mlplab scores`: a run's scores, each with its interval."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from mlplab.cli.options import Json, Quiet, RunPath, Split, check_outputs
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.cli.run_summary import print_baseline
from mlplab.errors import DataError, FetchError, UsageError
from mlplab.experiments import baselines
from mlplab.inspection import calibration, classification, confusion, examples, majority
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of
from mlplab.table import TEXTS, Table, save_tables

_MAX_PRINTED_ROWS = {"most_confused": 10, "classes": 50}
"""Number of rows printed of a table; `--json` prints all."""

_NOT_PRINTED = ("seconds", "training_rows")
"""Columns of the table of baselines that only `--json` has; the title states the number of training rows."""

_OF_UNBALANCED, _OF_BALANCED = ("balanced_accuracy", "macro_f1"), ("log_loss", "log_loss_low", "log_loss_high")
"""Columns of the same table that are printed where classes are unbalanced, and where they are balanced."""


def scores(
    path: RunPath,
    split: Split = "test",
    simple: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Compare with simple methods (test rows only).")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="All tables (.md, .tex, .json), or the scores alone (.csv)."),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show a run's scores with their intervals: overall, by class, most confused pairs, calibration, simple methods."""
    if out is not None and out.suffix.lower() not in TEXTS:
        raise UsageError(f"--out names a .md, .tex or .json file for all tables, or a .csv for the scores; got {out}.")
    check_outputs(out)
    console = open_console(quiet)
    run = Run(path)
    rows = examples.examples_of(run, split=split, inputs=False)
    tables: dict[str, Table] = {
        "scores": classification.score(rows),
        "classes": classification.classification_report(rows),
        "most_confused": confusion.most_confused(rows),
        # The temperature is fitted to the validation rows, so its calibration error on them would be too good.
        "calibration": calibration.calibration_errors(rows, None if split == "validation" else run),
    }
    if simple and split == "test":
        try:
            tables["baselines"] = baselines.compare_with_baselines(rows, data_of(run, quiet=True), run)
        except (DataError, FetchError) as error:
            logging.getLogger("mlplab").info(f"No comparison with simple methods: {error}")
    majority_class = majority.baseline_of(rows)
    unbalanced = majority_class is not None and majority_class.unbalanced
    baselines_without = (*_NOT_PRINTED, *(_OF_BALANCED if unbalanced else _OF_UNBALANCED))
    for name, table in tables.items():
        say(console, table.title, style="bold")
        without = baselines_without if name == "baselines" else ()
        columns = [column for column in table.columns if column not in without]
        most = _MAX_PRINTED_ROWS.get(name, len(table))
        print_table(console, columns, table.rows()[:most])
        say(console, f"… {len(table) - most:,} more rows: --json prints all\n" if len(table) > most else "")
    print_baseline(console, majority_class, run)
    if out is not None:
        say(console, f"Written: {save_tables(tables, out)}")
    if json_:
        described = majority_class and {
            "class": majority_class.majority,
            "share": majority_class.share,
            "passed": majority_class.is_beaten,
        }
        content = {name: table.rows() for name, table in tables.items()}
        print_json(run=str(run.path), split=split, **content, majority=described)
