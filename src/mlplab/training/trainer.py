"""Training a run: load → split → build → fit → save; and resuming one."""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

from mlplab.cluster import workers
from mlplab.datasets import Data
from mlplab.datasets.checks import Finding
from mlplab.datasets.corrections import read_corrections
from mlplab.datasets.loading import load_for_check
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.engine import keras
from mlplab.engine.driver import Progress
from mlplab.errors import ClusterError, Interrupted, RunError, TrainingError, UsageError
from mlplab.files import create_directory, free_path, locked, remove_directory, resuming
from mlplab.recipes import Recipe, seeds_with, with_recipe
from mlplab.runs import Run, Settings, machine
from mlplab.runs.dataset_ref import data_of, identity, with_unlabelled
from mlplab.runs.directory import RunDirectory
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.training import seeds as population
from mlplab.training import splits
from mlplab.training.data_log import checked_briefly, log_data
from mlplab.training.job import RunSpec, TrainingJob
from mlplab.training.network import build_network, check_model, data_for
from mlplab.training.outcome import Clock
from mlplab.training.scaling import preprocessing_for

_log = logging.getLogger("mlplab")


@takes_settings()
def train(
    data: Any,
    *,
    model: keras.Model | None = None,
    recipe: Recipe | str | Path | None = None,
    seeds: int | None = None,
    corrected_labels: str | Path | None = None,
    unlabelled: Any = None,
    out: str | Path | None = None,
    ray: str | None = None,
    verbose: int | str = "auto",
    callbacks: population.Callbacks = (),
    progress: Progress | None = None,
    command: list[str] | None = None,
    **settings: Unpack[SettingsArguments],
) -> Run:
    """Train a dense network, or a Keras model of your own, and keep all of it in a run directory.

    With `hidden` or `model`, everything else has its plain default. With neither, you get a sensible network: two
    hidden layers, dropout, a cosine schedule and early stopping; with `ladder`, its authors' layers and plain defaults.
    With `recipe`, the settings are the recipe's, as if you had given them, apart from those that you give.

    Args:
        data: what `mlplab.load` takes: a name, an NPZ file, `((x_train, y_train), (x_test, y_test))`, or its result.
        model: a compiled Keras model for the data's inputs and classes. 8-bit inputs are scaled to [0, 1] for it,
            unless its first layers scale them. It is trained in place.
        recipe: the name of a recipe (`mlplab.recipes.names()`), the path of a TOML file with settings, or a `Recipe`.
        seeds: number of networks to train at once, for error bars and an ensemble; by default the recipe's, or 1. The
            first has `seed`, each other the next one. A model of your own stays as it is then: copies with fresh
            weights are trained. Layers with `trainable = False` keep their weights, and those that were adapted to data
            (`Normalization`) their statistics.
        corrected_labels: a CSV file with the columns index and label: training labels to use instead of the data
            set's, see `datasets.corrections`. The run keeps those that differ.
        unlabelled: with `ladder`, images without labels from which it learns too, beside the training rows: an array
            (n, …) of the shape of the data's inputs, or the path of an .npz file with the array x or x_train, or with a
            single array, of an .npy file, or of an IDX file, plain or gzipped. The run keeps their path and hash.
        out: the directory to make; by default runs/NAME-DATE-TIME.
        ray: with `seeds`, a Ray cluster that trains them: see `cluster.workers`. The networks are the same.
        verbose, callbacks: as in `mlplab.fit`. The run does not keep callbacks: `resume` needs them again. With
            `seeds`, callbacks is a function from a seed to the callbacks of its network.
        progress: with `seeds`, a function that is called with the state of training, instead of `verbose`: see
            `engine.driver.Progress`.
        command: the command line to record.
        settings: the network and its training, such as hidden, dropout, learning_rate, epochs and seed;
            `help(mlplab.runs.Settings)` describes each.

    Returns:
        The finished run; with several seeds, one that has `members`.

    Raises:
        UsageError, DataError, ModelError: before anything is written; also for a recipe that is for other data.
        RunError: if `out` exists, or cannot be written.
        ClusterError: if `ray` does not answer.
        TrainingError, KeyboardInterrupt: the run directory holds the last complete epoch; `resume` continues it.

    Example:
        run = mlplab.train("digits", hidden=[16], epochs=2, out="runs/first")
        print(run.result["test"]["accuracy"])
    """
    local = population.Local(Clock(), verbose, callbacks, progress)
    base = None if recipe is None else Recipe.of(recipe)
    if base is not None and model is not None:
        raise UsageError("A recipe has its own network: give model or recipe, not both.")
    chosen = Settings.with_defaults(own_model=model is not None, **with_recipe(base, settings))
    chosen.require_ladder(getattr(data, "unlabelled", None) if unlabelled is None else unlabelled)
    seeds = seeds_with(base, seeds)
    population.check_options(seeds, ray, callbacks)
    path = free_path(out)
    was_loaded = isinstance(data, Data)
    data = load_for_check(data, quiet=verbose == 0)
    data = data if model is None else data_for(model, data)
    if base is not None:
        base.require_fit(data)
    if unlabelled is not None:
        data = dataclasses.replace(data, unlabelled=read_unlabelled(unlabelled, data.train))
    data_identity = identity(data)
    corrections = None if corrected_labels is None else read_corrections(corrected_labels, data)
    if corrections is not None:
        data = corrections.applied_to(data)
    local.clock.loaded()
    split = splits.split(data.train, chosen)
    corrected = None if corrections is None else len(corrections)
    log_data(data, split, corrected)
    findings = checked_briefly(data, data_identity, was_loaded=was_loaded)
    if model is not None:
        check_model(model, data)
    stem = Path(data.name).stem
    with workers(ray) as pool:
        recipe_used = None if base is None else base.used(chosen, seeds)
        spec = RunSpec(chosen, data, data_identity, command, corrected or 0, seeds, pool.threads, recipe_used)
        if seeds > 1:
            jobs = population.create_jobs(spec, model)
            write = functools.partial(population.write_start, spec=spec, jobs=jobs, corrections=corrections)
            with begin_run(path, stem, _with_checks(write, findings)) as path:
                return population.train_population(path, data, local, pool, jobs)
    model = build_network(chosen, data, splits.rows_of_epoch(split, data)) if model is None else model
    scaling = preprocessing_for(model, data.train.inputs, split["train"], chosen.standardize)
    job = TrainingJob(spec.config(chosen.seed, scaling), data, split, model)
    write = functools.partial(population.write_network_start, job=job, corrections=corrections)
    with begin_run(path, stem, _with_checks(write, findings)) as path:
        return finish_run(path, job, local)


def resume(
    path: str | Path,
    *,
    data: Any = None,
    unlabelled: Any = None,
    ray: str | None = None,
    verbose: int | str = "auto",
    callbacks: population.Callbacks = (),
    progress: Progress | None = None,
) -> Run:
    """Resume an interrupted run. It ends with the weights that it would have had without the interruption.

    On the same machine, with the same versions and number of threads, the bits are the same. Differences are warned
    about.

    Args:
        path: the run directory. A finished run is returned as it is.
        data: needed for runs begun with arrays: the same arrays.
        unlabelled: needed for runs begun with an array of images without labels: the same array.
        ray, verbose, callbacks, progress: as in `train`. Finished members of a population stay as they are.

    Raises:
        RunError: if it is not a run, is damaged, or is being trained by another process.
        UsageError: for images without labels where the run was begun without.
        DataError: if the data set, or the images without labels, are not the run's.

    Example:
        import mlplab

        run = mlplab.train("digits", hidden=[16], epochs=2, verbose=0)
        run = mlplab.resume(run.path)  # after an interruption; this one is finished already
    """
    local = population.Local(Clock(), verbose, callbacks, progress)
    run = Run(path)
    if run.result is not None:
        _log.info(f"{run.path} is finished already: there is nothing left to do.")
        return run
    population.check_options(run.config.seeds, ray, callbacks)
    data = data_of(run, data, quiet=verbose == 0)
    data = with_unlabelled(data, run.config.data, run.path, unlabelled)
    local.clock.loaded()
    log_data(data, run.first.split, run.config.corrected_labels or None)
    with workers(ray) as pool:
        machine.warn_of_differences("run", run.config, pool.threads)
        if run.config.seeds > 1:
            return population.train_population(run.path, data, local, pool)
    return finish_run(run.path, TrainingJob.of_run(run, data), local)


@contextlib.contextmanager
def begin_run(out: Path | None, stem: str, write: Callable[[Path], None], epochs: int = 0) -> Iterator[Path]:
    """Create a run directory, and remove it again if Keras or the engine refuses what was given before any training.

    A diverged training, a full disk and a lost cluster leave a directory to resume or to look at.

    Args:
        out, stem, write: see `files.create_directory`.
        epochs: number of epochs that the new directory has already.
    """
    was_there = out is not None and out.exists()
    path = create_directory(out, stem, write)
    try:
        yield path
    except (TrainingError, RunError, ClusterError):
        raise
    except Exception:  # whatever refused: nothing half made stays
        if len(Run(path).epochs) <= epochs:
            remove_directory(path, only_content=was_there)
        raise


def finish_run(path: Path, job: TrainingJob, local: population.Local) -> Run:
    """Train one network from the checkpoint of its run to the end, and write the outcome."""
    local = dataclasses.replace(local, jobs={path: job}, alone=True)
    with locked(path):
        try:
            diverged = population.train_members(job.data, [path], local)
        except KeyboardInterrupt as interrupt:
            again = resuming(path)
            raise Interrupted(
                f"Interrupted after epoch {len(Run(path).epochs)} of {job.config.settings.epochs}; complete epochs are "
                f"saved. Continue with: {again}",
                advice=[again],
            ) from interrupt
    if diverged:
        raise TrainingError(diverged[path.name])
    return Run(path)


def _with_checks(write: Callable[[Path], None], findings: Sequence[Finding] | None) -> Callable[[Path], None]:
    """Return a function that writes the initial directory of a run, and what the checks of its data found."""

    def write_all(path: Path) -> None:
        write(path)
        if findings is not None:
            RunDirectory(path).write_checks(findings)

    return write_all
