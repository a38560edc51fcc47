"""`mlplab lr`: find a learning rate."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlplab.cli import network
from mlplab.cli.options import Json, Quiet, check_file, print_json, print_table, say
from mlplab.experiments.learning_rate import find_learning_rate


def lr(
    dataset: network.DataSet,
    hidden: network.Hidden = None,
    dropout: network.Dropout = None,
    activation: network.Activation = None,
    batch_norm: network.BatchNorm = False,
    optimizer: network.Optimizer = None,
    schedule: network.Schedule = None,
    weight_decay: network.WeightDecay = None,
    epochs: network.Epochs = None,
    batch_size: network.BatchSize = None,
    validation: network.Validation = None,
    labelled: network.Labelled = None,
    standardize: network.Standardize = False,
    seed: network.Seed = None,
    rates: Annotated[
        str | None,
        typer.Option(metavar="0.001,0.01,…", help="To try; 26 from 0.00001 to 1 by default (SGD: ten times)."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="At each rate; by default as many as take some seconds in all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The curve (.png, .svg, .pdf) or the table (.csv).", show_default=False),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find a learning rate: some steps of training at each of many rates, from the same weights.

    Tell the network and its training as in mlplab train; nothing is kept. The suggestion depends on the schedule.
    """
    network.check_data_set(dataset)
    check_file(out)
    asked = network.given(
        hidden,
        dropout=dropout,
        activation=activation,
        batch_norm=batch_norm,
        optimizer=optimizer,
        schedule=schedule,
        weight_decay=weight_decay,
        epochs=epochs,
        batch_size=batch_size,
        validation=validation,
        labelled=labelled,
        standardize=standardize,
        seed=seed,
    )
    tried = None if rates is None else network.numbers("--rates", rates, float, "numbers with commas, as in 0.001,0.01")
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    found = find_learning_rate(dataset, rates=tried, steps=steps, verbose=0 if quiet else "auto", **asked)
    console = Console(stderr=True, quiet=quiet)
    shown = [row | {"learning_rate": f"{row['learning_rate']:.2g}"} for row in found.rows()]
    print_table(console, found.columns, [row | {"diverged": "yes" if row["diverged"] else ""} for row in shown])
    say(console, found.title)
    if out is not None:
        say(console, f"Written: {found.save(out)}")
    say(console, f"Suggested learning rate: {found.suggestion:.2g}", style="bold")
    say(console, found.reason)
    say(console, f"Next: {network.training_command(dataset, asked | {'learning_rate': found.suggestion})}")
    if json_:
        print_json(
            data=dataset,
            suggestion=found.suggestion,
            low=found.low,
            high=found.high,
            reason=found.reason,
            steps=found.steps,
            file=None if out is None else str(out),
            rates=found.rows(),
        )
