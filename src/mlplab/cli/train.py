"""`mlplab train`: train a network, or go on with a run that was interrupted."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mlplab.cli import network
from mlplab.cli.data import complete_dataset
from mlplab.cli.run_summary import print_result
from mlplab.datasets.corrections import read_rows
from mlplab.errors import UsageError
from mlplab.runs import Run, Settings

_NOT_SETTINGS = ("seeds", "corrected_labels", "out")


def train(
    dataset: Annotated[
        str | None,
        typer.Argument(
            metavar="DATASET",
            help="A data set's name (see: mlplab data list), or the path of an .npz file.",
            autocompletion=complete_dataset,
            show_default=False,
        ),
    ] = None,
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
    labelled: network.Labelled = None,
    standardize: network.Standardize = False,
    seed: network.Seed = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Train N networks at once, with this seed and those after it.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="With --seeds: train them on a Ray cluster.")
    ] = None,
    corrected_labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Training labels to use instead of the data set's; see: mlplab labels"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; runs/NAME-DATE-TIME by default.")] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write the report too: what the network gets wrong, as one page.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted run, to the very same weights.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing but errors (and what --json asks for).")
    ] = False,
) -> None:
    """Train a dense network and keep all of it in a run directory.

    With --hidden you get just what you ask for. Without it: two hidden layers with dropout, a cosine schedule, and
    early stopping on the validation split. With --seeds, as many networks: their mean, its spread, and their ensemble.
    """
    given: dict[str, Any] = {
        "hidden": None if hidden is None else network.units(hidden),
        "dropout": dropout,
        "activation": activation,
        "batch_norm": batch_norm or None,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "epochs": epochs,
        "batch_size": batch_size,
        "early_stopping": early_stopping,
        "validation": validation,
        "labelled": labelled,
        "standardize": standardize or None,
        "seed": seed,
        "seeds": seeds,
        "corrected_labels": corrected_labels,
        "out": out,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if (dataset is None) == (resume is None):
        raise UsageError("Give a data set to train on (mlplab train fashion-mnist), or --resume RUN to go on with one.")
    if resume is not None and given:
        told = " ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"--resume goes on with what the run was asked for: leave out {told}.")

    if dataset is not None:
        _check_early(dataset, given)
    console = Console(stderr=True, quiet=quiet)
    from mlplab import training
    from mlplab.cli.progress import PopulationProgressBar, TrainingProgressBar

    console.print(device_line(), highlight=False)
    logging.getLogger("mlplab").setLevel(logging.WARNING if quiet else logging.INFO)
    several = (seeds or 1) > 1 if resume is None else Run(resume).config.seeds > 1
    watch = PopulationProgressBar(console) if several else TrainingProgressBar(console)
    arguments: dict[str, Any] = {"verbose": 0, "ray": ray}
    arguments |= {"progress": watch} if several else {"callbacks": [watch]}
    try:
        if resume is not None:
            run = training.resume(resume, **arguments)
        else:
            run = training.train(dataset, **given, **arguments, command=["mlplab", *sys.argv[1:]])
    except KeyboardInterrupt as interrupt:
        watch.close()
        Console(stderr=True).print(str(interrupt) or "Interrupted.", soft_wrap=True, highlight=False)
        raise
    finally:
        watch.close()
    if json_:
        typer.echo(json.dumps(run.require_finished().to_json()))
    page = None
    try:
        page = _report(run) if report else None
    finally:  # a report may be refused, and the run is finished all the same
        if not quiet:
            print_result(console, run, page)


def _report(run: Run) -> Path:
    from mlplab.reports import report  # templates, which training does without

    return report(run)


def _check_early(dataset: str, given: dict[str, Any]) -> None:
    """Refuse a misspelt name or number, or a file that is none, before Keras is imported, which takes a second."""
    network.check_data_set(dataset)
    if "corrected_labels" in given:
        read_rows(given["corrected_labels"])
    Settings.filled(**{name: value for name, value in given.items() if name not in _NOT_SETTINGS})
    if given.get("seeds", 1) < 1:
        raise UsageError(f"--seeds must be a whole number of at least 1; got {given['seeds']}.")


def device_line() -> str:
    from mlplab.engine import backend

    device = backend.device()
    return "No GPU, using CPU instead." if device == "cpu" else f"Using {device}."
