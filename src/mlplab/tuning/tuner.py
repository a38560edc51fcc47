"""The story of a study: load → ask and tell, round after round → train the winner; and going on with one."""

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlplab.cluster import Workers, workers
from mlplab.datasets import Data, load
from mlplab.engine import backend
from mlplab.errors import DataError, Interrupted, RunError, UsageError
from mlplab.runs import machine
from mlplab.runs.dataset_ref import identity
from mlplab.runs.directory import free_path, locked
from mlplab.training.environment import warn_of_differences
from mlplab.training.network import build_network
from mlplab.tuning.config import StudyConfig, check, rungs
from mlplab.tuning.database import Trials
from mlplab.tuning.page import FILE, page
from mlplab.tuning.runner import Progress, Rounds
from mlplab.tuning.sampling import import_optuna, quiet_optuna
from mlplab.tuning.space import Choice, Space, default
from mlplab.tuning.study import Study, best_of, create
from mlplab.tuning.winner import train_winner, winner_of

TRIALS, POPULATION, REDUCTION = 64, 16, 3

_log = logging.getLogger("mlplab")


def tune(
    data: Any,
    space: Space | Mapping[str, Any] | str | Path | None = None,
    *,
    trials: int | None = None,
    budget: float | None = None,
    metric: str = "accuracy",
    population: int = POPULATION,
    parallel: int | None = None,
    seed: int = 0,
    seeds: int = 3,
    out: str | Path | None = None,
    ray: str | None = None,
    quiet: bool = False,
    progress: Progress | None = None,
    command: list[str] | None = None,
) -> Study:
    """Search a space for the network that is best on a validation split, and train that one with several seeds.

    Trials are trained in populations: one compiled program trains many. At two rungs on the way the best third of a
    population goes on. Which values are tried is decided by Optuna. Everything is kept in a directory, from which
    `resume` goes on; the same seed makes the same study.

    Args:
        data: what `mlplab.load` takes.
        space: a dict, or a TOML file, see `Space`; None: a good space for images, see `space.default`.
        trials: how many; 64 unless there is a budget.
        budget: seconds for all trials; the last population is as small as it has to be to fit, and none is begun that
            would not. Training the winner comes after.
        metric: "accuracy" or "loss", of the validation rows.
        population: trials that are trained together and compared with each other.
        parallel: populations that are chosen at once, so that they can run at the same time; with `ray` as many as
            run there at once, else 1. The same number makes the same study wherever it runs.
        seed: of the split, of what is tried, and of each trial.
        seeds: the winner is trained with so many.
        out: the directory to make; by default studies/NAME-DATE-TIME.
        ray: a Ray cluster to run the populations and to train the winner on: "local", or an address.
        quiet: as in `load`.
        progress: called with a `Watched` now and then.
        command: the command line to record.

    Returns:
        The finished study, its winner trained.

    Raises:
        UsageError, DataError: before anything is trained; and for a budget that is too short, as soon as that is known.
        RunError: if `out` exists, or cannot be written.
        TrainingError: if all trials diverge.
        KeyboardInterrupt: the directory holds all that was told; `resume` goes on.
    """
    import_optuna()
    own = None if space is None else Space.of(space)
    check(trials=trials, budget=budget, metric=metric, population=population, parallel=parallel, seed=seed, seeds=seeds)
    folder = free_path(out)
    data = load(data, quiet=quiet)
    space = own or Space.of(default(len(data.train)))
    _check_networks(space, data)
    with workers(ray) as pool:
        asked = StudyConfig(
            data=identity(data),
            space=space.asked,
            metric=metric,
            trials=TRIALS if trials is None and budget is None else trials,
            budget=budget,
            population=population,
            parallel=parallel or pool.slots,
            rungs=rungs(space.epochs),
            reduction=REDUCTION,
            seed=seed,
            seeds=seeds,
            versions={**machine.versions(), "optuna": import_optuna().__version__},
            device=backend.device(),
            threads=pool.threads,
            command=command,
        )
        with quiet_optuna():
            path = create(folder, asked, stem=Path(data.name).stem)
        _tell(asked, data)
        try:
            return _finish(path, asked, data, pool, progress, ray)
        except UsageError:  # the budget is too short
            if not any(trial.state.is_finished() for trial in Trials(path).read()):
                shutil.rmtree(path, ignore_errors=True)  # there is nothing to go on with
            raise


def resume(
    path: str | Path,
    *,
    data: Any = None,
    space: Any = None,
    ray: str | None = None,
    quiet: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Go on with a study that was interrupted: it ends as it would have.

    Args:
        path: its directory. Of a finished study nothing is trained.
        data: needed for studies of arrays; else checked, if given.
        space: checked, if given.
        ray, quiet, progress: as in `tune`.

    Raises:
        RunError: if it is no study, is damaged, or is being carried out by another process.
        DataError, UsageError: if data or space are not those that it began with.
    """
    import_optuna()
    study = Study(path)
    if space is not None and (told := _differences(study.asked.space, Space.of(space).asked)):
        raise UsageError(
            f"{path} searches another space than the one given: {told}. Leave the space out to go on with the study, "
            "or begin a new one with it."
        )
    found = _data_of(study, data, quiet)
    with workers(ray) as pool:
        if study.winner is None or study.winner.result is None:
            warn_of_differences("study", study.asked, pool.threads)
        return _finish(study.path, study.asked, found, pool, progress, ray)


def _finish(
    path: Path, asked: StudyConfig, data: Data, workers: Workers, progress: Progress | None, ray: str | None
) -> Study:
    """Carry on to the end: the trials that are left, then the winner."""
    try:
        with locked(path):
            trials = Trials(path)
            before = winner_of(path)
            if before is not None and before.result is not None and (path / FILE).exists():
                _log.info(f"{path} is finished already: there is nothing left to do.")
                return Study(path)
            Rounds(asked, data, trials, workers, progress).run()
            best = best_of(trials.read(), asked.metric)
            if best is None:
                raise RunError(f"{path} has no trial that was trained to the end: there is no winner.")
            _log.info(f"Trial {best.number} is the best. It is trained again, and tested.")
            train_winner(path, asked, asked.settings(best), data, ray)
            page(path)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(
            f"Interrupted; no trial that was told is lost. Go on with: mlplab tune --resume {os.path.relpath(path)}"
        ) from interrupt
    return Study(path)


def _tell(asked: StudyConfig, data: Data) -> None:
    often = f"{asked.trials} trials" if asked.budget is None else f"trials for {asked.budget:.0f} s"
    compared = ", ".join(map(str, asked.rungs[:-1]))
    _log.info(
        f"{data.name}: {len(data.train):,} training rows. {often} in populations of {asked.population}, "
        + (f"compared after epoch {compared}; " if compared else "")
        + f"the best of them trained for {asked.rungs[-1]}."
    )


def _check_networks(space: Space, data: Data) -> None:
    """Build a small network of each optimizer and activation, so that a misspelt name is told now."""
    first = {name: each.values[0] if isinstance(each, Choice) else each.low for name, each in space.varied.items()}
    for name in ("optimizer", "activation"):
        choice = space.varied.get(name)
        for value in choice.values if isinstance(choice, Choice) else (space.fixed.get(name),):
            told = {**first, **({} if value is None else {name: value})}
            small = {"width": 1, "depth": 1} if "width" in told or "width" in space.fixed else {"hidden": (1,)}
            build_network(space.settings({**told, **small}, seed=0), data, len(data.train))


def _differences(studied: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """What a study's space has otherwise than another one, in words; empty if nothing."""

    def told(space: Mapping[str, Any], name: str) -> str:
        return repr(space[name]) if name in space else "not told"

    names = [name for name in {**studied, **given} if studied.get(name) != given.get(name)]
    return "; ".join(f"{name} is {told(studied, name)} in the study, and {told(given, name)} here" for name in names)


def _data_of(study: Study, data: Any, quiet: bool) -> Data:
    began = study.asked.data
    if data is None and began["source"] is None:
        raise DataError(f"{study.path} was begun with arrays: give them again as data.")
    found = load(began["source"] if data is None else data, quiet=quiet)
    if identity(found)["hashes"] != began["hashes"]:
        raise DataError(f"{study.path} is a study of {began['name']}, and {found.name} has other content.")
    return found
