"""The story of a run: load → split → build → fit → save; going on with one; keeping a model that is trained already.

Here, and only here, the parts meet.
"""

import dataclasses
import functools
import logging
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from mlplab import files
from mlplab.datasets import Data, load
from mlplab.datasets.corrections import read_corrections
from mlplab.engine import fit, keras
from mlplab.engine.parallel import Progress
from mlplab.errors import Interrupted, UsageError
from mlplab.runs import Run, Settings, machine
from mlplab.runs.dataset_ref import data_of, identity
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.training import seeds as population
from mlplab.training import splits
from mlplab.training.environment import warn_of_differences
from mlplab.training.folder import alone, create, free_folder, write_begun
from mlplab.training.job import RunSpec, TrainingJob
from mlplab.training.network import built, checked
from mlplab.training.on_cluster import reached
from mlplab.training.result import Clock, result, save_outcome
from mlplab.training.session import RunSession

_log = logging.getLogger("mlplab")


@takes_settings()
def train(
    data: Any,
    *,
    model: keras.Model | None = None,
    seeds: int = 1,
    corrected_labels: str | Path | None = None,
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
    hidden layers, dropout, a cosine schedule and early stopping.

    Args:
        data: what `mlplab.load` takes: a name, an NPZ file, `((x_train, y_train), (x_test, y_test))`, or its result.
        model: a compiled Keras model for the data's inputs, scaled to [0, 1], and classes. It is trained in place.
        seeds: number of networks to train at once, for error bars and an ensemble. The first has `seed`, each other
            the next one. A model of your own stays as it is then: copies with fresh weights are trained.
        corrected_labels: a CSV file with the columns index and label: training labels to use instead of the data
            set's, see `datasets.corrections`. The run keeps those that differ.
        out: the directory to make; by default runs/NAME-DATE-TIME.
        ray: with `seeds`, a Ray cluster that trains them: see `cluster.workers`. The networks are the same.
        verbose, callbacks: as in `mlplab.fit`. The run does not keep callbacks: `resume` needs them again. With
            `seeds`, callbacks is a function from a seed to the callbacks of its network.
        progress: with `seeds`, a function that is called with the state of training, instead of `verbose`: see
            `engine.parallel.Progress`.
        command: the command line to record.
        settings: the network and its training: hidden, activation, dropout, batch_norm, optimizer, learning_rate,
            schedule, weight_decay, epochs, batch_size, early_stopping, validation, labelled, standardize, seed;
            `help(mlplab.runs.Settings)` describes each.

    Returns:
        The finished run; with `seeds`, one that has `members`.

    Raises:
        UsageError, DataError, ModelError: before anything is written.
        RunError: if `out` exists, or cannot be written.
        ClusterError: if `ray` does not answer.
        TrainingError, KeyboardInterrupt: the run directory holds the last complete epoch; `resume` continues it.

    Example:
        run = mlplab.train("digits", hidden=[16], epochs=2, out="runs/first")
        print(run.result["test"]["accuracy"])
    """
    begun = Clock()
    chosen = Settings.with_defaults(own_model=model is not None, **settings)
    how = population.ExecutionOptions(ray, verbose, callbacks, progress)
    population.check(seeds, how)
    folder = free_folder(out)
    data = load(data, quiet=verbose == 0)
    origin = identity(data)
    corrections = None if corrected_labels is None else read_corrections(corrected_labels, data)
    if corrections is not None:
        data = corrections.applied_to(data)
    begun.loaded()
    split = splits.split(data.train, chosen)
    _tell(data, split, None if corrections is None else len(corrections))
    asked = RunSpec(chosen, data, origin, command, 0 if corrections is None else len(corrections), seeds)
    if model is not None:
        model = checked(model, data)
    stem = Path(data.name).stem
    if seeds > 1:
        with reached(ray) as cluster:
            asked = asked if cluster is None else dataclasses.replace(asked, threads=cluster.threads)
            works = population.jobs_of(asked, model)
            write = functools.partial(population.write_begun, asked=asked, works=works, corrections=corrections)
            return population.finish(create(folder, stem, write), data, begun, how, cluster, works)
    model = built(chosen, data, len(split["train"])) if model is None else model
    work = TrainingJob(asked.config(chosen.seed, split), data, split, model)
    path = create(folder, stem, functools.partial(write_begun, work=work, corrections=corrections))
    return _finish(path, work, begun, verbose, callbacks)


def save_run(model: keras.Model, data: Any, *, history: Any = None, out: str | Path | None = None) -> Run:
    """Keep a Keras model that is trained already as a finished run, so that it can be inspected and compared.

    Args:
        model: a compiled Keras model, trained by `mlplab.fit`, `keras.Model.fit` or elsewhere.
        data: what it was trained and is to be tested on, as `mlplab.load` takes it. Floats go into the model as they
            are; 8-bit images, and data sets with a name, are scaled to [0, 1] first.
        history: the `History` that `fit` returned, for the curves, and for label errors, which need other networks
            trained as long.
        out: the directory to make; by default runs/NAME-DATE-TIME.

    Returns:
        The run: the model's weights, its predictions of the test set, its scores.

    Raises:
        UsageError, DataError, ModelError: before anything is written.
        RunError: if `out` exists, or cannot be written.
    """
    begun = Clock()
    logged = _logged(history)
    settings = Settings.with_defaults(own_model=True, epochs=max(len(logged), 1), validation=0.0)
    folder = free_folder(out)
    data = load(data)
    begun.loaded()
    split = splits.split(data.train, settings)
    config = RunSpec(settings, data, identity(data)).config(settings.seed, split)
    work = TrainingJob(config, data, split, checked(model, data))
    path = create(folder, Path(data.name).stem, functools.partial(write_begun, work=work, history=logged))
    return _finish(path, work, begun, verbose=0, callbacks=())


def _logged(history: Any) -> list[dict[str, Any]]:
    """An object for each epoch of a `History`, as `metrics.jsonl` has them."""
    if history is None:
        return []
    if not isinstance(history, keras.callbacks.History):
        raise UsageError(f"history must be the History that fit returns; got {type(history).__name__}.")
    epochs = [dict(zip(history.history, values, strict=True)) for values in zip(*history.history.values(), strict=True)]
    return [{"epoch": number, **logs} for number, logs in enumerate(epochs, 1)]


def resume(
    path: str | Path,
    *,
    data: Any = None,
    ray: str | None = None,
    verbose: int | str = "auto",
    callbacks: population.Callbacks = (),
    progress: Progress | None = None,
) -> Run:
    """Go on with a run that was interrupted, to the very weights that it would have had.

    Bit for bit on the machine, versions and thread count that it began with; a difference is warned about.

    Args:
        path: the run directory. A finished run is returned as it is.
        data: needed for runs begun with arrays: the same arrays.
        ray, verbose, callbacks, progress: as in `train`. Of a population, the members that are finished stay as they
            are.

    Raises:
        RunError: if it is no run, is damaged, or is being trained by another process.
        DataError: if the data set is not the one that the run began with.
    """
    begun = Clock()
    run = Run(path)
    if run.result is not None:
        _log.info(f"{run.path} was finished already: there is nothing left to do.")
        return run
    config = run.config
    how = population.ExecutionOptions(ray, verbose, callbacks, progress)
    population.check(config.seeds, how)
    data = data_of(run, data, quiet=verbose == 0)
    begun.loaded()
    split = files.read_arrays((run.members or [run])[0].path / "split.npz")
    _tell(data, split, config.corrected_labels or None)
    with reached(ray) as cluster:
        warn_of_differences("run", config, machine.threads() if cluster is None else cluster.threads)
        if config.seeds > 1:
            return population.finish(run.path, data, begun, how, cluster)
        return _finish(run.path, TrainingJob.of_run(run, data), begun, verbose, callbacks)


def _finish(path: Path, work: TrainingJob, clock: Clock, verbose: int | str, callbacks: population.Callbacks) -> Run:
    """Train from the checkpoint in `path` to the end, and write what a finished run has."""
    assert not callable(callbacks), "see population.check"
    with alone(path):
        going = RunSession(path, work)
        epochs = work.config.settings.epochs
        try:
            with clock.training():
                fit(
                    work.model,
                    work.source,
                    validation_data=work.validation,
                    epochs=epochs,
                    initial_epoch=going.begun,
                    verbose=verbose,
                    callbacks=[*callbacks, *going.callbacks],
                )
        except KeyboardInterrupt as interrupt:
            raise Interrupted(
                f"Interrupted after epoch {going.epochs} of {epochs}; nothing before is lost. "
                f"Go on with: mlplab train --resume {path}"
            ) from interrupt
        scored = save_outcome(path, work)
        files.write_json(path / "result.json", result(path, work, going.kept, scored, clock.total()))
    return Run(path)


def _tell(data: Data, split: dict[str, np.ndarray], corrected: int | None) -> None:
    kind = f"{'images' if data.train.has_images else 'rows'} {'×'.join(map(str, data.train.inputs.shape[1:]))}"
    trained, held_out = len(split["train"]), len(split["validation"])
    _log.info(
        f"{data.name}: {len(data.train):,} {kind} in {len(data.class_names)} classes, {trained:,} to train on, "
        f"{held_out:,} held out for validation; {len(data.test):,} to test on."
        + ("" if corrected is None else f" Training labels corrected: {corrected:,}.")
    )
