"""`mlplab figure`: one figure of a run as a picture, with its numbers as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab.cli.options import Json, Quiet, RunPath, check_outputs
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.errors import UsageError, shell_command, unknown_name
from mlplab.inspection import calibration, confusion, curves
from mlplab.inspection.classification import classification_report
from mlplab.inspection.network import attribution, hidden_layers, model_graph
from mlplab.runs import Run
from mlplab.table import SHOWN, Table

FIGURES: dict[str, tuple[str, Callable[..., Table]]] = {
    "calibration": ("how often it is right, by how sure it is", calibration.show_calibration),
    "classes": ("precision and recall of each class", classification_report),
    "confusion": ("which classes are taken for which", confusion.show_confusion),
    "curves": ("loss and accuracy by epoch", curves.show_curves),
    "graph": ("the model's layers", model_graph.plot_model),
    "neighbours": ("the training images nearest to one image", attribution.show_neighbours),
    "projection": ("the last hidden layer, in two dimensions", hidden_layers.show_projection),
    "saliency": ("the pixels that one prediction hangs on", attribution.show_saliency),
    "units": ("what the first layer's units look for", hidden_layers.show_units),
}
_OF_ONE_ROW = ("neighbours", "saliency")
_TAKE = {
    "split": ("calibration", "classes", "confusion", *_OF_ONE_ROW),
    "index": _OF_ONE_ROW,
    "normalize": ("confusion",),
    "equal": ("calibration",),
}
"""The figures that take an option."""


def complete_figure(incomplete: str) -> list[tuple[str, str]]:
    """Names of figures that begin with a text, and what they show, for the shell's completion."""
    return [(name, about) for name, (about, _) in FIGURES.items() if name.startswith(incomplete)]


def figure(
    path: RunPath,
    name: Annotated[str, typer.Argument(metavar="FIGURE", help=", ".join(FIGURES), autocompletion=complete_figure)],
    index: Annotated[
        int | None, typer.Option(help="The row that saliency and neighbours explain: its index in the data set.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="test|validation|train", help="The rows to look at; test by default.")
    ] = None,
    normalize: Annotated[
        str | None, typer.Option(metavar="true|pred", help="The confusion matrix as fractions of rows or of columns.")
    ] = None,
    equal: Annotated[
        str | None, typer.Option(metavar="width|mass", help="Bins of calibration; of equal width by default.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The picture (.png, .svg, .pdf) or the table (.csv, .md, .tex, .json); RUN/FIGURE.png by default."
        ),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw one figure of a run, and show its numbers."""
    console = open_console(quiet)
    if name not in FIGURES:
        raise UsageError(unknown_name("figure", name, FIGURES))
    check_outputs(out)
    run = Run(path)
    given: dict[str, Any] = {"split": split, "index": index, "normalize": normalize, "equal": equal}
    given = {option: value for option, value in given.items() if value is not None}
    for option in given:
        if name not in _TAKE[option]:
            raise UsageError(f"--{option} is for {', '.join(_TAKE[option])}: leave it out for {name}.")
    if name in _OF_ONE_ROW and index is None:
        lists = shell_command("mlplab", "failures", path)
        raise UsageError(f"{name} explains one row: give its --index. This lists some: {lists}")
    table = FIGURES[name][1](run, **given)
    parts = [name, *(str(value) for value in given.values() if value not in ("test", "width"))]
    written = table.save(out or run.path / f"{'-'.join(parts)}.png")
    print_table(console, table.columns, table.rows()[:SHOWN])
    if len(table) > SHOWN:
        say(console, f"… {len(table) - SHOWN} more rows: --out {name}.csv has all")
    say(console, f"{table.title}\nWritten: {written}")
    if json_:
        print_json(run=str(run.path), figure=name, file=str(written), title=table.title, rows=table.rows())
