"""tune and resume: load → rounds of trials → train the winner → page."""

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlplab.cluster import Workers, workers
from mlplab.datasets import Data, load
from mlplab.engine import backend, chunk_bytes_for
from mlplab.errors import DataError, Interrupted, RunError, UsageError
from mlplab.files import free_path, locked, remove_directory, resuming
from mlplab.progress import ProgressListener
from mlplab.runs import machine
from mlplab.runs.dataset_ref import identity, source_of
from mlplab.training.trainable import require_trainable
from mlplab.tuning.config import StudyConfig, check, rungs, validation_for
from mlplab.tuning.database import TrialDatabase
from mlplab.tuning.page import FILE, page
from mlplab.tuning.runner import StudyRunner
from mlplab.tuning.sampling import import_optuna, quiet_optuna
from mlplab.tuning.space import Space, default
from mlplab.tuning.study import Study, best_of, create
from mlplab.tuning.winner import train_winner, winner_of

TRIALS, POPULATION, REDUCTION = 48, 6, 3

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
    progress: ProgressListener | None = None,
    command: list[str] | None = None,
) -> Study:
    """Search a space for the network that is best on a validation split, and train that one with several seeds.

    Trials are trained in populations: networks of one structure, so that one compiled program trains all of them, and
    with different rates. After a third of the epochs, the best third of a population is trained on. Structures compete
    by the trials that were trained to the end. Optuna decides which structures and values are tried. The winner is
    trained on all training rows. Everything is kept in a directory, from which `mlplab.tuning.resume` continues; the
    same seed makes the same study.

    Args:
        data: what `mlplab.load` takes.
        space: a dict, or a TOML file, see `Space`; None: a good space for images, see `space.default`.
        trials: in all; 48 unless there is a budget.
        budget: seconds for all trials and the winner. Populations are smaller where that makes them fit, and none is
            started that would not fit. At most half of the budget is kept for the winner, which is then trained with
            the seeds that fit, at least one.
        metric: "accuracy" or "loss", of the validation rows.
        population: trials that are trained together and compared with each other.
        parallel: populations that are sampled at once, so that they can run at the same time; by default the number
            that runs at once with `ray`, else 1. The same number makes the same study wherever it runs.
        seed: of the split, of the values that are tried, and of each trial.
        seeds: the number of seeds that the winner is trained with.
        out: the directory to make; by default studies/NAME-DATE-TIME.
        ray: a Ray cluster to run the populations and to train the winner on: "local", or an address.
        quiet: as in `load`.
        progress: called with the trials done; the detail is a `tuning.runner.StudyProgress`.
        command: the command line to record.

    Returns:
        The finished study, its winner trained.

    Raises:
        MissingPackageError: if Optuna is not installed.
        UsageError, DataError: before anything is trained; and for a budget that is too short, as soon as that is known.
        RunError: if `out` exists, or cannot be written.
        TrainingError: if all trials diverge.
        KeyboardInterrupt: the directory holds all trials that were recorded; `resume` continues.

    Example:
        space = {"hidden": [16], "learning_rate": {"low": 0.001, "high": 0.1, "log": True}, "epochs": 1}
        study = mlplab.tune("digits", space, trials=2, population=2, seeds=1)
        print(study.best, study.command)
    """
    optuna = import_optuna()
    given = None if space is None else Space.of(space)
    check(trials=trials, budget=budget, metric=metric, population=population, parallel=parallel, seed=seed, seeds=seeds)
    folder = free_path(out)
    was_there = folder is not None and folder.exists()
    data = load(data, quiet=quiet)
    space = given or Space.of(default(len(data.train)))
    validation = validation_for(len(data.train))
    compared = [dataclasses.replace(each, validation=validation) for each in space.combinations()]
    require_trainable(compared, data, population if trials is None else min(population, trials))
    with workers(ray) as pool:
        config = StudyConfig(
            data=identity(data),
            space=space.definition,
            metric=metric,
            trials=TRIALS if trials is None and budget is None else trials,
            budget=budget,
            population=population,
            parallel=parallel or pool.slots,
            rungs=rungs(space.epochs),
            reduction=REDUCTION,
            seed=seed,
            seeds=seeds,
            versions={**machine.versions(), "optuna": optuna.__version__},
            device=backend.device(),
            threads=pool.threads,
            command=command,
            validation=validation,
            small_first=budget is not None,
            chunk_bytes=chunk_bytes_for(data.train.inputs),
        )
        with quiet_optuna():
            path = create(folder, config, stem=Path(data.name).stem)
        _log_plan(config, data)
        try:
            return _finish(path, config, data, pool, progress, ray)
        except UsageError:  # the budget is too short
            if not any(trial.state.is_finished() for trial in TrialDatabase(path).trials()):
                remove_directory(path, only_content=was_there)  # it holds nothing to resume
            raise


def resume(
    path: str | Path,
    *,
    data: Any = None,
    space: Any = None,
    ray: str | None = None,
    quiet: bool = False,
    progress: ProgressListener | None = None,
) -> Study:
    """Continue a study that was interrupted. It ends as it would have without the interruption.

    Args:
        path: its directory. Of a finished study nothing is trained.
        data: needed for studies of arrays; else checked, if given.
        space: checked, if given.
        ray, quiet, progress: as in `tune`.

    Raises:
        RunError: if it is no study, is damaged, or is being run by another process.
        DataError, UsageError: if data or space are not those of the study.
    """
    import_optuna()
    study = Study(path)
    if space is not None and (differences := _differences(study.config.space, Space.of(space).definition)):
        raise UsageError(
            f"{path} searches another space than the one given: {differences}. Leave the space out to continue the "
            "study, or start a new one with it."
        )
    loaded = _data_of(study, data, quiet)
    with workers(ray) as pool:
        if study.winner is None or study.winner.result is None:
            machine.warn_of_differences("study", study.config, pool.threads)
        return _finish(study.path, study.config, loaded, pool, progress, ray)


def _finish(
    path: Path, config: StudyConfig, data: Data, pool: Workers, progress: ProgressListener | None, ray: str | None
) -> Study:
    """Run the trials that remain, then train the winner."""
    try:
        with locked(path):
            database = TrialDatabase(path)
            winner = winner_of(path)
            if winner is not None and winner.result is not None and (path / FILE).exists():
                _log.info(f"{path} is finished already: there is nothing left to do.")
                return Study(path)
            seeds = StudyRunner(config, data, database, pool, progress).run()
            best = best_of(database.trials(), config.metric)
            if best is None:
                raise RunError(f"{path} has no trial that was trained to the end: there is no winner.")
            fewer = (
                f", with {seeds} of {config.seeds} seeds, for which the budget has time" if seeds < config.seeds else ""
            )
            _log.info(f"Trial {best.number} is the best. It is trained again{fewer}, and tested.")
            train_winner(path, config, config.settings(best), data, seeds, ray)
            page(path)
    except KeyboardInterrupt as interrupt:
        again = resuming(os.path.relpath(path), "study")
        raise Interrupted(
            f"Interrupted; no finished trial is lost. Continue with: {again}", advice=[again]
        ) from interrupt
    return Study(path)


def _log_plan(config: StudyConfig, data: Data) -> None:
    trials = f"{config.trials} trials" if config.budget is None else f"trials for {config.budget:.0f} s"
    population = min(config.population, config.trials or config.population)
    compared = ", ".join(map(str, config.rungs[:-1]))
    _log.info(
        f"{data.name}: {len(data.train):,} training rows. {trials} in populations of {population}, "
        + (f"compared after epoch {compared}; " if compared else "")
        + f"the best of them trained for {config.rungs[-1]}."
    )


def _differences(studied: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Describe how a given space differs from the study's; empty if they are equal."""

    def value(space: Mapping[str, Any], name: str) -> str:
        return repr(space[name]) if name in space else "not given"

    names = [name for name in {**studied, **given} if studied.get(name) != given.get(name)]
    return "; ".join(f"{name} is {value(studied, name)} in the study, and {value(given, name)} here" for name in names)


def _data_of(study: Study, data: Any, quiet: bool) -> Data:
    """Load the study's data set. Raises `DataError` if it has other content than when the study started."""
    studied = study.config.data
    loaded = load(source_of(studied, study.path, data), quiet=quiet)
    if identity(loaded)["hashes"] != studied["hashes"]:
        raise DataError(f"{study.path} is a study of {studied['name']}, and {loaded.name} has other content.")
    return loaded
