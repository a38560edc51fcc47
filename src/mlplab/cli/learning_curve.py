"""`mlplab learning-curve`: what more training rows would gain."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlplab.cli import network
from mlplab.cli.options import Json, Quiet, check_file, print_json, print_table, say
from mlplab.errors import UsageError
from mlplab.experiments import learning_curve as curve
from mlplab.runs import is_run


def learning_curve(
    source: Annotated[
        str,
        typer.Argument(metavar="DATASET|RUN", help="A data set, or a run, whose network is taken.", show_default=False),
    ],
    sizes: Annotated[
        str | None,
        typer.Option(metavar="1000,2000,…", help="Rows to train on; 1/64, 1/32, … and all of them by default."),
    ] = None,
    seeds: Annotated[int, typer.Option(metavar="N", help="Networks for each size.")] = 3,
    hidden: network.Hidden = None,
    dropout: network.Dropout = None,
    activation: network.Activation = None,
    batch_norm: network.BatchNorm = False,
    optimizer: network.Optimizer = None,
    learning_rate: network.LearningRate = None,
    schedule: network.Schedule = None,
    weight_decay: network.WeightDecay = None,
    epochs: network.Epochs = None,
    batch_size: network.BatchSize = None,
    early_stopping: network.EarlyStopping = None,
    validation: network.Validation = None,
    standardize: network.Standardize = False,
    seed: network.Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The curve (.png, .svg, .pdf) or the table (.csv).", show_default=False),
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on parts of the rows, with several seeds, and say whether more rows would be worth it.

    Every network takes the same number of steps, whatever its part. Scores are of rows held out, not of the test set.
    """
    asked = network.given(
        hidden,
        dropout=dropout,
        activation=activation,
        batch_norm=batch_norm,
        optimizer=optimizer,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        epochs=epochs,
        batch_size=batch_size,
        early_stopping=early_stopping,
        validation=validation,
        standardize=standardize,
        seed=seed,
    )
    source_is_run = is_run(source)
    if source_is_run and asked:
        told = " ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise UsageError(f"A run has its own settings: leave out {told}, or give the data set.")
    if not source_is_run:
        network.check_data_set(source)
    check_file(out)
    parts = None if sizes is None else network.numbers("--sizes", sizes, int, "numbers of rows, as in 1000,2000")
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    found = curve.learning_curve(source, sizes=parts, seeds=seeds, verbose=0 if quiet else "auto", **asked)
    console = Console(stderr=True, quiet=quiet)
    print_table(console, found.columns, found.rows())
    say(console, found.title)
    if out is not None:
        say(console, f"Written: {found.save(out)}")
    say(console, found.answer, style="bold")
    if json_:
        print_json(
            source=source,
            answer=found.answer,
            gain=None if found.gain != found.gain else found.gain,
            gain_interval=found.gain_interval,
            file=None if out is None else str(out),
            sizes=found.rows(),
        )
