"""`mlplab train`: train a network, or continue a run that was interrupted."""

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import typer

from mlplab.cli.options import Dataset, Json, Quiet, RecipeName, UnlabelledFile, check_resume
from mlplab.cli.output import open_console, reports_interrupt, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.run_summary import print_result
from mlplab.cli.settings_options import takes_settings
from mlplab.datasets import CATALOG, Data, find_entry
from mlplab.datasets.checks import brief_findings
from mlplab.datasets.corrections import read_rows
from mlplab.datasets.loading import load_for_check
from mlplab.datasets.published.fetch import is_on_disk
from mlplab.datasets.reading import Source
from mlplab.datasets.unlabelled import check_images
from mlplab.errors import UsageError
from mlplab.recipes import Recipe, seeds_with, with_recipe
from mlplab.runs import Run, Settings


@takes_settings()
@takes_reading("dataset")
def train(
    dataset: Annotated[str | Source | None, Dataset] = None,
    *,
    settings: dict[str, Any],
    recipe: RecipeName = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Train N networks at once, with this seed and those after it; by default the recipe's N."
        ),
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS|local", help="With --seeds: train them on a Ray cluster.")
    ] = None,
    corrected_labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Training labels to use instead of the data set's; see: mlplab labels"),
    ] = None,
    unlabelled: UnlabelledFile = None,
    out: Annotated[Path | None, typer.Option(help="The run directory; runs/NAME-DATE-TIME by default.")] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write the report too: what the network gets wrong, as one page.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue an interrupted run: it ends with the same weights.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a dense network and keep all of it in a run directory.

    With --hidden, everything else has its plain default. Without it: two hidden layers with dropout, a cosine
    schedule, and early stopping on the validation split. With --seeds, several networks: their mean, its spread, and
    their ensemble. With --recipe, the settings are the recipe's, apart from those that you give.
    """
    of_run = {"recipe": recipe, "seeds": seeds, "corrected_labels": corrected_labels}
    of_run |= {"unlabelled": unlabelled, "out": out}
    given = settings | {name: value for name, value in of_run.items() if value is not None}
    if (dataset is None) == (resume is None):
        raise UsageError("Give a data set to train on (mlplab train fashion-mnist), or a run to continue: --resume RUN")
    if resume is not None:
        check_resume("run", given)
    if corrected_labels is not None:
        read_rows(corrected_labels)
    base = None if recipe is None else Recipe.of(recipe)
    if unlabelled is not None:
        Settings.with_defaults(**with_recipe(base, settings)).require_ladder(unlabelled)
        check_images(unlabelled)
    networks = seeds_with(base, seeds)

    console = open_console(quiet)
    reading = _read_meanwhile(dataset)
    from mlplab import training
    from mlplab.cli.progress_bars import PopulationProgressBar, TrainingProgressBar

    say(console, device_line())
    several = (networks if resume is None else Run(resume).config.seeds) > 1
    bar = PopulationProgressBar(console) if several else TrainingProgressBar(console)
    arguments: dict[str, Any] = {"verbose": 0, "ray": ray} | ({"progress": bar} if several else {"callbacks": [bar]})
    with reports_interrupt(), bar:
        if resume is not None:
            run = training.resume(resume, **arguments)
        else:
            data = dataset if reading is None else reading.result()
            run = training.train(data, **given, **arguments, command=["mlplab", *sys.argv[1:]])
    if json_:
        typer.echo(json.dumps(run.require_finished().to_json()))
    page = None
    try:
        if report:
            from mlplab.reports import report as write_report  # templates, which training does without

            page = write_report(run)
    finally:  # the run is finished even if its report cannot be written
        if not quiet:
            print_result(console, run, page)


def _read_meanwhile(dataset: str | Source | None) -> "Future[Data] | None":
    """Begin to read and to check a data set that is on this machine, by its name, while Keras is imported.

    Returns None for any other data set.
    """
    if not isinstance(dataset, str) or dataset not in CATALOG or not is_on_disk(find_entry(dataset)):
        return None

    def read() -> Data:
        data = load_for_check(dataset, quiet=True)
        brief_findings(data)  # which are kept for the training
        return data

    return ThreadPoolExecutor(1).submit(read)


def device_line() -> str:
    from mlplab.engine import backend

    device = backend.device()
    return "No GPU, using CPU instead." if device == "cpu" else f"Using {device}."
