"""A population: one network trained with several seeds at once, for error bars, and an ensemble of them.

    RUN/config.json …   as for one network, and how many seeds
    RUN/members/00 …    a run directory for each seed, bit for bit what `train` with that seed makes
    RUN/predictions-test.npz    the ensemble's: the mean of the members' probabilities
    RUN/result.json     the members' results, their mean with its interval, the ensemble's scores

Members train in step, and each keeps a checkpoint after each epoch. So a population goes on as one run does.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlplab import files
from mlplab.datasets import Data
from mlplab.datasets.corrections import Corrections
from mlplab.engine import Member, backend, fit_members, keras
from mlplab.engine.parallel import Progress
from mlplab.engine.population_progress import printed
from mlplab.errors import Interrupted, TrainingError, UsageError, require_whole
from mlplab.runs import Run, architecture
from mlplab.training import folder, on_cluster, splits
from mlplab.training.ensemble import save_ensemble
from mlplab.training.job import RunSpec, TrainingJob
from mlplab.training.network import anew, built
from mlplab.training.result import Clock, result, save_outcome
from mlplab.training.session import RunSession

if TYPE_CHECKING:
    from mlplab.cluster import Workers

Callbacks = Sequence[keras.callbacks.Callback] | Callable[[int], Sequence[keras.callbacks.Callback]]
"""Of one network; or those of the network with a seed, by the seed."""

Diverged = Mapping[str, str]
"""Why members were set aside, by the names of their directories."""


@dataclass(frozen=True)
class ExecutionOptions:
    """How a population is trained, which changes nothing of what comes out: see `story.train`."""

    ray: str | None = None
    verbose: int | str = 0
    callbacks: Callbacks = ()
    progress: Progress | None = None


def check(seeds: Any, how: ExecutionOptions) -> None:
    """Raises `UsageError` for a number of seeds that is none, and for what does not go with it."""
    require_whole("seeds", seeds, 1)
    if seeds == 1:
        if how.ray is not None:
            raise UsageError(
                "ray trains several networks, and this is one: give seeds too, or leave ray out.",
                arguments=("ray", "seeds"),
            )
        if callable(how.callbacks):
            raise UsageError("callbacks is a function of the seed only where there are several: give a list.")
    elif how.callbacks and not callable(how.callbacks):
        raise UsageError(
            f"Each of {seeds} networks needs callbacks of its own: give a function that makes them of a seed, "
            "callbacks=lambda seed: […]."
        )
    elif how.callbacks and how.ray is not None:
        raise UsageError("Callbacks stay in this process, and ray trains elsewhere: leave one of them out.")


def jobs_of(asked: RunSpec, model: keras.Model | None) -> list[TrainingJob]:
    """A work for each seed, all over one copy of the training set on the device.

    `model`: of the user's own, described for each to be another one with new weights; None: as the settings tell.
    """
    described = None if model is None else architecture.describe(model)
    works: list[TrainingJob] = []
    arrays = None
    for seed in range(asked.settings.seed, asked.settings.seed + asked.seeds):
        settings = dataclasses.replace(asked.settings, seed=seed)
        split = splits.split(asked.data.train, settings)
        with backend.isolated_random_state():  # names of layers as in a session of its own
            own = built(settings, asked.data, len(split["train"])) if described is None else anew(described, seed)
        works.append(TrainingJob(asked.config(seed, split), asked.data, split, own, arrays))
        arrays = works[0].source.arrays
    return works


def write_begun(made: Path, asked: RunSpec, works: Sequence[TrainingJob], corrections: Corrections | None) -> None:
    """What the directory of a population begins with."""
    told = dataclasses.replace(works[0].config, seeds=asked.seeds)
    folder.write_told(made, told, works[0].model, corrections)
    (made / "members").mkdir()
    for path, work in zip(Run(made).member_paths, works, strict=True):
        path.mkdir()
        folder.write_begun(path, work, corrections)


def finish(
    path: Path,
    data: Data,
    clock: Clock,
    how: ExecutionOptions,
    cluster: "Workers | None",
    works: Sequence[TrainingJob] = (),
) -> Run:
    """Train the members that are not finished, here or elsewhere, and write what a finished population has.

    Args:
        path, data: the population and its data set.
        clock: of all of it.
        how: see `ExecutionOptions`.
        cluster: see `on_cluster.reached`.
        works: of all members, where they are at hand.

    Raises:
        TrainingError: if all members diverged.
        Interrupted: after Ctrl-C.
    """
    with contextlib.ExitStack() as held:
        members = Run(path).member_paths
        for each in (path, *members):
            held.enter_context(folder.alone(each))
        missing = [member for member in members if not (member / "result.json").exists()]
        try:
            if cluster is None:
                diverged = train_members(missing, works or reopened(missing, data), clock, how)
            else:
                with clock.training():
                    diverged = on_cluster.train_members(cluster, missing, data)
        except KeyboardInterrupt as interrupt:
            lost = "the epoch under way" if cluster is None else "what the cluster had not sent back"
            raise Interrupted(
                f"Interrupted; nothing is lost but {lost}. Go on with: mlplab train --resume {path}"
            ) from interrupt
        if len(diverged) == len(members):
            raise TrainingError(f"All {len(members)} seeds diverged. The first: {next(iter(diverged.values()))}")
        save_ensemble(path, diverged, clock)
    return Run(path)


def reopened(paths: Sequence[Path], data: Data) -> list[TrainingJob]:
    """Works of members on disk, over one copy of the training set."""
    works: list[TrainingJob] = []
    for path in paths:
        works.append(TrainingJob.of_run(Run(path), data, works[0].source.arrays if works else None))
    return works


def train_members(paths: Sequence[Path], works: Sequence[TrainingJob], clock: Clock, how: ExecutionOptions) -> Diverged:
    """Train members from their checkpoints to their ends, all in step, and finish their directories."""
    going = [RunSession(path, work) for path, work in zip(paths, works, strict=True)]
    members = [_member(each, how) for each in going]
    with clock.training():
        fit_members(members, progress=how.progress or (printed(members, how.verbose) if members else None))
    left = [each for each, member in zip(going, members, strict=True) if member.failure is None]
    scored = [save_outcome(each.path, each.work) for each in left]
    for each, own in zip(left, scored, strict=True):
        told = result(each.path, each.work, each.kept, own, clock.total(networks=len(going)))
        files.write_json(each.path / "result.json", told)
    return {each.path.name: m.failure for each, m in zip(going, members, strict=True) if m.failure is not None}


def _member(going: RunSession, how: ExecutionOptions) -> Member:
    work = going.work
    settings = work.config.settings
    given = how.callbacks(settings.seed) if callable(how.callbacks) else how.callbacks
    return Member(
        work.model,
        work.source,
        work.validation,
        epochs=settings.epochs,
        initial_epoch=going.begun,
        callbacks=[*given, *going.callbacks],
    )
