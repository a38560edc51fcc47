"""A population: one network trained with several seeds at once, for error bars, and an ensemble of them.

    RUN/config.json …   as for one network, and the number of seeds
    RUN/members/00 …    a run directory for each seed, bit for bit what `train` with that seed makes
    RUN/predictions-test.npz    the ensemble's: the mean of the members' probabilities
    RUN/result.json     the members' results, their mean with its interval, the ensemble's scores

Members train side by side, and each writes a checkpoint after each epoch. So a population is resumed as one run is.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlplab.cluster import Workers
from mlplab.datasets import Data
from mlplab.datasets.corrections import Corrections
from mlplab.engine import Member, backend, fit_members, keras
from mlplab.engine.driver import Progress
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.population_progress import progress_printer
from mlplab.errors import Interrupted, TrainingError, UsageError
from mlplab.files import locked, resuming
from mlplab.runs import Run, architecture
from mlplab.runs.directory import RunDirectory
from mlplab.training import splits
from mlplab.training.job import RunSpec, TrainingJob, weights_digest
from mlplab.training.network import build_network, rebuild, require_memory
from mlplab.training.outcome import Clock, save_outputs, write_population_result, write_result
from mlplab.training.scaling import preprocessing_for
from mlplab.training.session import member_of_run

Callbacks = Sequence[keras.callbacks.Callback] | Callable[[int], Sequence[keras.callbacks.Callback]]
"""Callbacks of one network; or a function from a seed to the callbacks of its network."""


@dataclass(frozen=True)
class Local:
    """What stays in this process and changes no number.

    Attributes:
        clock: of the whole training.
        verbose, callbacks, progress: as in `trainer.train`.
        jobs: of runs by their paths, where they exist already.
        alone: whether the run is no member of a population. Then Keras displays its progress.
    """

    clock: Clock = field(default_factory=Clock)
    verbose: int | str = 0
    callbacks: Callbacks = ()
    progress: Progress | None = None
    jobs: Mapping[Path, TrainingJob] = field(default_factory=dict)
    alone: bool = False


def check_options(seeds: int, ray: str | None, callbacks: Callbacks) -> None:
    """Raise `UsageError` for options that contradict the number of seeds."""
    if seeds == 1:
        if ray is not None:
            raise UsageError(
                "ray trains several networks, and this is one: give seeds too, or leave ray out.",
                arguments=("ray", "seeds"),
            )
        if callable(callbacks):
            raise UsageError("callbacks is a function of the seed only where there are several: give a list.")
    elif callbacks and not callable(callbacks):
        raise UsageError(
            f"Each of {seeds} networks needs its own callbacks: give a function from a seed to a list, "
            "callbacks=lambda seed: […]."
        )
    elif callbacks and ray is not None:
        raise UsageError("Callbacks stay in this process, and ray trains elsewhere: leave one of them out.")


@deferred_interrupt()
def create_jobs(spec: RunSpec, model: keras.Model | None) -> list[TrainingJob]:
    """Create a job for each seed, all over one copy of the training set on the device.

    A user's model is rebuilt for each seed, with new weights but for those of layers that are not trained. None is the
    network of the settings.
    """
    description = None if model is None else architecture.describe(model)
    frozen = {} if model is None else architecture.frozen_weights(model)
    require_memory(spec.settings, spec.data, spec.seeds)
    jobs: list[TrainingJob] = []
    for seed in range(spec.settings.seed, spec.settings.seed + spec.seeds):
        settings = dataclasses.replace(spec.settings, seed=seed)
        split = splits.split(spec.data.train, settings)
        with backend.isolated_random_state():  # layers get the names that they have in a single run
            network = (
                build_network(settings, spec.data, splits.rows_of_epoch(split, spec.data))
                if description is None
                else rebuild(description, seed, frozen)
            )
        device_data = jobs[0].device_data if jobs else None
        scaling = preprocessing_for(network, spec.data.train.inputs, split["train"], settings.standardize)
        jobs.append(TrainingJob(spec.config(seed, scaling), spec.data, split, network, device_data))
    return jobs


def write_start(path: Path, spec: RunSpec, jobs: Sequence[TrainingJob], corrections: Corrections | None) -> None:
    """Write the initial directory of a population."""
    directory = RunDirectory(path)
    config = dataclasses.replace(jobs[0].config, seeds=spec.seeds)
    directory.write_start(config, jobs[0].classifier(), corrections)
    for member, job in zip(directory.member_paths(spec.seeds), jobs, strict=True):
        write_network_start(member, job, corrections)


def write_network_start(
    path: Path,
    job: TrainingJob,
    corrections: Corrections | None = None,
    history: list[dict[str, Any]] | None = None,
    kept_epoch: int | None = None,
) -> None:
    """Write the initial directory of one network.

    Args:
        history: of a model that is trained already, an object for each epoch; then there is nothing more to train.
        kept_epoch: the epoch whose weights such a model has; None: the last.
    """
    directory = RunDirectory(path)
    directory.write_start(job.config, job.classifier(), corrections)
    digests = [""] * len(history or ())
    if kept_epoch is not None:
        digests[kept_epoch - 1] = weights_digest(job.model)
    checkpoint = job.checkpoint(history or [], stopped=history is not None, digests=digests)
    directory.write_network_start(job.split, checkpoint)


def train_population(path: Path, data: Data, local: Local, workers: Workers, jobs: Sequence[TrainingJob] = ()) -> Run:
    """Train the members that are not finished, and finish the population at `path`.

    `jobs` are those of all members, if they exist already.

    Raises:
        TrainingError: if all members diverged.
        Interrupted: after Ctrl-C.
    """
    with contextlib.ExitStack() as locks:
        members = Run(path).member_paths
        for directory in (path, *members):
            locks.enter_context(locked(directory))
        RunDirectory(path).write_divergence(None)
        unfinished = [member for member in members if not RunDirectory(member).is_finished]
        size = max(1, workers.networks_per_task(len(unfinished)))
        groups = [unfinished[start : start + size] for start in range(0, len(unfinished), size)]
        local = dataclasses.replace(local, jobs=dict(zip(members, jobs, strict=False)))
        diverged: dict[str, str] = {}
        try:
            with local.clock.training():
                for _, reasons in workers.map_directories(train_members, groups, shared=data, local=local):
                    diverged |= reasons
        except KeyboardInterrupt as interrupt:
            again = resuming(path)
            raise Interrupted(
                f"Interrupted; the epochs that were saved here are kept. Continue with: {again}", advice=[again]
            ) from interrupt
        if len(diverged) == len(members):
            reason = f"All {len(members)} seeds diverged. The first: {next(iter(diverged.values()))}"
            RunDirectory(path).write_divergence(reason)
            raise TrainingError(reason)
        write_population_result(Run(path), diverged, local.clock)
    return Run(path)


@deferred_interrupt()
def train_members(data: Data, paths: Sequence[Path], local: Local | None = None) -> dict[str, str]:
    """Train runs of one network from their checkpoints to their ends, side by side, and finish their directories.

    Returns why runs diverged, by the names of their directories.
    """
    local = local or Local()
    runs = [Run(path) for path in paths]
    jobs: list[TrainingJob] = []
    members: list[Member] = []
    for path, run in zip(paths, runs, strict=True):
        run.directory.write_divergence(None)
        device_data = jobs[0].device_data if jobs else None
        jobs.append(local.jobs.get(path) or TrainingJob.of_run(run, data, device_data))
        seed = run.config.settings.seed
        callbacks = local.callbacks(seed) if callable(local.callbacks) else local.callbacks
        members.append(member_of_run(run, jobs[-1], callbacks, verbose=local.verbose if local.alone else 0))
    progress = None if local.alone else local.progress or progress_printer(members, local.verbose)
    with local.clock.training():
        fit_members(members, progress=progress)
        for job, member in zip(jobs, members, strict=True):
            if member.failure is None:
                job.finish()
    trained = list(zip(runs, jobs, members, strict=True))
    finished = [(run, job, save_outputs(run, job)) for run, job, member in trained if member.failure is None]
    for run, job, outputs in finished:
        write_result(run, job, outputs, local.clock.total(networks=len(runs)))
    diverged = {run: member.failure for run, _, member in trained if member.failure is not None}
    for run, reason in diverged.items():
        run.directory.write_divergence(reason)
    return {run.path.name: reason for run, reason in diverged.items()}
