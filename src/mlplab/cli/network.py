"""Options that tell a network and its training, for all verbs that train."""

import shlex
from typing import Annotated, Any

import typer

from mlplab.cli.data import complete_dataset
from mlplab.datasets import find_entry
from mlplab.datasets.loading import is_path
from mlplab.errors import UsageError
from mlplab.runs import Settings, is_run

DataSet = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A data set's name (see: mlplab data list), or the path of an .npz file.",
        autocompletion=complete_dataset,
        show_default=False,
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(metavar="50,50", help="Units of each hidden layer. Without it: a sensible network and schedule."),
]
Dropout = Annotated[float | None, typer.Option(help="Fraction of each hidden layer's outputs dropped.")]
Activation = Annotated[str | None, typer.Option(help="Of the hidden layers: relu, gelu, tanh, …")]
BatchNorm = Annotated[bool, typer.Option("--batch-norm", help="Batch normalisation in hidden layers.")]
Optimizer = Annotated[str | None, typer.Option(help="adam, adamw, sgd, …")]
LearningRate = Annotated[float | None, typer.Option(help="0.001 by default.")]
Schedule = Annotated[str | None, typer.Option(metavar="none|cosine", help="Of the learning rate.")]
WeightDecay = Annotated[
    float | None, typer.Option(help="What a step takes from the weights, times the learning rate (as in AdamW).")
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training rows.")]
BatchSize = Annotated[int | None, typer.Option(help="Rows a step.")]
EarlyStopping = Annotated[
    int | None, typer.Option(metavar="N", help="End after N epochs without a better validation accuracy.")
]
Validation = Annotated[
    float | None, typer.Option(help="Fraction of the training rows held out; 0.1 by default, 0: none.")
]
Labelled = Annotated[int | None, typer.Option(metavar="N", help="Train on N rows, as many of each class.")]
Standardize = Annotated[bool, typer.Option("--standardize", help="Inputs to mean 0, standard deviation 1.")]
Seed = Annotated[int | None, typer.Option(help="Of weights, split, shuffling and dropout; 0 by default.")]


def given(hidden: str | None, **options: Any) -> dict[str, Any]:
    """What was asked for, by the names of `Settings`; refused here if it is out of range, before Keras is imported."""
    asked = {"hidden": None if hidden is None else units(hidden), **options}
    asked = {name: value for name, value in asked.items() if value is not None and value is not False}
    Settings.filled(**asked)
    return asked


def units(hidden: str) -> list[int]:
    """Of "50,50". Raises `UsageError` for what is no list of numbers."""
    return [
        int(count) for count in numbers("--hidden", hidden, int, "numbers of units with commas between, as in 50,50")
    ]


def numbers(option: str, text: str, kind: type, expected: str) -> list[Any]:
    """Numbers with commas between. Raises `UsageError` for what is none."""
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise UsageError(f"{option} takes {expected}; got {text!r}.") from error


def check_data_set(dataset: str) -> None:
    """Refuse a misspelt name, or a path that is no file of arrays, before Keras is imported, which takes a second."""
    if not is_path(dataset):
        find_entry(dataset)
    elif not dataset.endswith(".npz"):
        run = " A run is there, and this verb takes data." if is_run(dataset) else ""
        raise UsageError(f"{dataset} is neither the name of a data set nor an .npz file.{run}")


def training_command(dataset: str, asked: dict[str, Any]) -> str:
    """The command that trains what was asked for."""
    command = ["mlplab", "train", dataset]
    for name, value in asked.items():
        option = f"--{name.replace('_', '-')}"
        told = (
            ",".join(map(str, value))
            if isinstance(value, list)
            else f"{value:g}"
            if isinstance(value, float)
            else value
        )
        command += [option] if value is True else [option, str(told)]
    return shlex.join(command)
