"""`mlplab learning-curve`: what more training rows would gain."""

import math
from typing import Annotated, Any

import typer

from mlplab.cli.options import Curve, Json, Quiet, check_file, numbers
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.settings_options import takes_settings
from mlplab.datasets.reading import Source
from mlplab.experiments import learning_curve as curve


@takes_settings(omit=("labelled", "ladder"))
@takes_reading("source", or_run=True)
def learning_curve(
    source: Annotated[
        str | Source, typer.Argument(metavar="DATASET|RUN", help="A data set, or a run, whose network is taken.")
    ],
    sizes: Annotated[
        str | None,
        typer.Option(metavar="1000,2000,…", help="Rows to train on; 1/64, 1/32, … and all of them by default."),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Networks for each size.")] = 3,
    *,
    settings: dict[str, Any],
    out: Curve = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on parts of the rows, with several seeds, and say whether more rows would be worth it.

    Every network takes the same number of steps, whatever its part. Scores are of rows held out, not of the test set.
    """
    check_file(out)
    rows = None if sizes is None else numbers("--sizes", sizes, int, "numbers of rows, as in 1000,2000")
    console = open_console(quiet)
    result = curve.learning_curve(source, sizes=rows, seeds=seeds, verbose=0 if quiet else "auto", **settings)
    print_table(console, result.columns, result.rows())
    say(console, result.title)
    if out is not None:
        say(console, f"Written: {result.save(out)}")
    say(console, result.answer, style="bold")
    if json_:
        print_json(
            source=str(source.path) if isinstance(source, Source) else source,
            answer=result.answer,
            gain=None if math.isnan(result.gain) else result.gain,
            gain_interval=result.gain_interval,
            file=None if out is None else str(out),
            sizes=result.rows(),
        )
