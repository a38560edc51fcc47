"""`mlplab tune`: search for the best network, or continue a search that was interrupted."""

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mlplab.cli.options import Dataset, Json, Quiet, check_resume
from mlplab.cli.output import open_console, print_json, reports_interrupt, say
from mlplab.cli.reading_options import takes_reading
from mlplab.cli.run_summary import accuracy, print_baseline
from mlplab.cli.train import device_line
from mlplab.datasets.reading import Source
from mlplab.errors import UsageError
from mlplab.inspection.majority import baseline_of_result
from mlplab.tuning.config import check
from mlplab.tuning.sampling import import_optuna
from mlplab.tuning.space import Space

if TYPE_CHECKING:
    from mlplab.tuning import Study

_TIME = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?")


@takes_reading("dataset")
def tune(
    dataset: Annotated[str | Source | None, Dataset] = None,
    space: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The space to search, in TOML; by default a good space for images."),
    ] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Number of trials; 48 by default.")] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="10m", help="Time for trials and winner, instead of --trials.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="accuracy|loss", help="Of the validation rows; accuracy by default.")
    ] = None,
    population: Annotated[
        int | None, typer.Option(metavar="N", help="Trials trained together and halved; 6 by default.")
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(metavar="N", help="Populations chosen at once; by default 1, with --ray as many as run at once."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the split, of the values tried, of each trial; 0 by default.")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Train the winner with N seeds; 3 by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="The study's directory; studies/NAME-DATE-TIME by default.")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="local|ADDRESS", help="Run the populations on a Ray cluster.")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="STUDY", help="Continue an interrupted study: it ends with the same trials.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search a space for the network that is best on a validation split, and train that one with several seeds.

    Trials of one structure are trained together by one compiled program; after a third of the epochs, only the
    best third of them trains on. The test set is used once, for the winner.
    """
    given: dict[str, Any] = {
        "trials": trials,
        "budget": None if budget is None else seconds(budget),
        "metric": metric,
        "population": population,
        "parallel": parallel,
        "seed": seed,
        "seeds": seeds,
        "out": out,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if dataset is None and resume is None:
        raise UsageError("Give a data set to tune for (mlplab tune fashion-mnist), or a study: --resume STUDY")
    if resume is not None:
        check_resume("study", given)
    check(**{name: value for name, value in given.items() if name != "out"})
    if space is not None:
        Space.of(space)
    import_optuna()

    console = open_console(quiet)
    from mlplab.cli.progress_bars import StudyProgressBar  # Keras, which takes a second: wrong use is refused before
    from mlplab.tuning import tuner

    say(console, device_line())
    arguments: dict[str, Any] = {"space": space, "ray": ray, "quiet": quiet}
    with reports_interrupt(), StudyProgressBar(console) as bar:
        if resume is not None:
            study = tuner.resume(resume, data=dataset, progress=bar, **arguments)
        else:
            study = tuner.tune(dataset, **given, **arguments, progress=bar, command=["mlplab", *sys.argv[1:]])
    if json_:
        print_json(**content(study))
    if not quiet:
        _print_result(console, study)


def seconds(text: str) -> float:
    """Return the seconds of `10m`, `1h30m` or `90s`. Raises `UsageError` for any other text."""
    match = _TIME.fullmatch(text.strip().lower())
    parts = {} if match is None else {unit: float(number) for unit, number in match.groupdict().items() if number}
    if not parts:
        raise UsageError(f"--budget takes a time with its unit, as in 10m, 1h30m or 90s; got {text!r}.")
    return sum(number * {"h": 3600, "m": 60, "s": 1}[unit] for unit, number in parts.items())


def content(study: "Study") -> dict[str, Any]:
    """Return the object of --json."""
    winner = study.winner
    return {
        "study": str(study.path),
        "data": study.config.data["name"],
        "metric": study.config.metric,
        "trials": study.counts,
        "best": study.best,
        "command": study.command,
        "seconds": study.seconds,
        "page": str(study.path / "study.html"),
        "winner": winner.result.to_json() if winner is not None and winner.result is not None else None,
    }


def _print_result(console: Console, study: "Study") -> None:
    best, winner, counts = study.best, study.winner, study.counts
    assert best is not None
    assert winner is not None
    assert winner.result is not None
    trials = "1 trial" if counts["complete"] == 1 else f"{counts['complete']} trials"
    say(
        console,
        f"{trials} trained to the end, {counts['dropped']} dropped on the way, {counts['failed']} "
        f"diverged. Best: trial {best['number']}, validation {study.config.metric} {best['value']:.4f}.",
    )
    say(console, f"The winner was trained again. {accuracy(winner)}", style="bold")
    print_baseline(console, baseline_of_result(winner.result), winner)
    say(console, f"Study, as a page: {os.path.relpath(study.path / 'study.html')}")
    say(console, f"The winner again: {study.command}")
