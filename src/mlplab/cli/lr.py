"""`mlplab lr`: find a learning rate."""

from typing import Annotated, Any

import typer

from mlplab.cli.options import Curve, Dataset, Json, Quiet, check_file, numbers
from mlplab.cli.output import open_console, print_json, print_table, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.settings_options import takes_settings
from mlplab.datasets.reading import Source
from mlplab.errors import shell_command
from mlplab.experiments.learning_rate import find_learning_rate
from mlplab.runs.settings_arguments import training_command


@takes_settings(omit=("learning_rate", "early_stopping", "swa", "ladder"))
@takes_reading("dataset")
def lr(
    dataset: Annotated[str | Source, Dataset],
    *,
    settings: dict[str, Any],
    rates: Annotated[
        str | None,
        typer.Option(metavar="0.001,0.01,…", help="To try; by default 26 from 0.00001 to 1, for SGD up to 10."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="At each rate; by default as many as take some seconds in all.")
    ] = None,
    out: Curve = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find a learning rate: some steps of training at each of many rates, from the same weights.

    The network and its training are given as in mlplab train; nothing is kept. The suggestion depends on the schedule.
    """
    check_file(out)
    tried = None if rates is None else numbers("--rates", rates, float, "numbers with commas, as in 0.001,0.01")
    console = open_console(quiet)
    result = find_learning_rate(dataset, rates=tried, steps=steps, verbose=0 if quiet else "auto", **settings)
    shown = [row | {"learning_rate": f"{row['learning_rate']:.2g}"} for row in result.rows()]
    print_table(console, result.columns, [row | {"diverged": "yes" if row["diverged"] else ""} for row in shown])
    say(console, result.title)
    if out is not None:
        say(console, f"Written: {result.save(out)}")
    say(console, f"Suggested learning rate: {result.suggestion:.2g}", style="bold")
    say(console, result.reason)
    next_settings = settings | {"learning_rate": float(f"{result.suggestion:g}")}
    path = str(dataset.path) if isinstance(dataset, Source) else dataset
    reading = dataset.reading.arguments() if isinstance(dataset, Source) else {}
    say(console, f"Next: {shell_command(*training_command(path, {**reading, **next_settings}))}")
    if json_:
        print_json(
            data=path,
            suggestion=result.suggestion,
            low=result.low,
            high=result.high,
            reason=result.reason,
            steps=result.steps,
            file=None if out is None else str(out),
            rates=result.rows(),
        )
