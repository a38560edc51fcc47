"""A sweep: every combination of some values of settings, each trained as a population, in one table.

SWEEP/sweep.json               the data set, the values, the settings in common, the number of seeds
SWEEP/dropout=0.2_hidden=20 …  a run for each combination, which everything that takes a run opens
"""

import contextlib
import dataclasses
import functools
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from mlplab import files
from mlplab.datasets import Data
from mlplab.datasets.loading import load_for_check
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.errors import DataError, Interrupted, TrainingError, UsageError
from mlplab.experiments.sweep_plan import Combination, SweepPlan, is_sweep
from mlplab.experiments.sweep_table import figure, in_words, table_rows
from mlplab.progress import Progress, ProgressListener, bar
from mlplab.recipes import Recipe
from mlplab.runs import Run
from mlplab.runs.dataset_ref import command_for, identity, source_of, with_unlabelled
from mlplab.runs.settings_arguments import as_text, takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.table import Table

_log = logging.getLogger("mlplab")


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Table):
    """The result of `sweep`: a row for each combination.

    Attributes:
        varied: the settings that are varied, the first columns.
        path: the directory of the sweep.
        runs: one for each row; None where all networks diverged.
    """

    varied: tuple[str, ...] = ()
    path: Path = Path()
    runs: tuple[Run | None, ...] = ()


@takes_settings()
def sweep(
    source: Any,
    vary: Mapping[str, Iterable[Any]] | None = None,
    *,
    recipe: Recipe | str | Path | None = None,
    seeds: int | None = None,
    unlabelled: Any = None,
    runs: str | Path | None = None,
    data: Any = None,
    verbose: int | str = "auto",
    command: list[str] | None = None,
    **settings: Unpack[SettingsArguments],
) -> Sweep:
    """Train every combination of some settings with several seeds, and tabulate mean and spread of the accuracies.

    Each combination is compared with the first by Welch's t test. To choose one, look at the validation accuracy: the
    best of many test accuracies is too good.

    Args:
        source: a data set, as `mlplab.load` takes it; or the directory of a sweep, which is continued, and ends as it
            would have without the interruption.
        vary: the values of each setting to try, as in `{"dropout": [0, 0.2], "hidden": [[20], [50, 50]]}`.
        recipe: the recipe that all combinations begin with, as `mlplab.train` takes it.
        seeds: networks of each combination, trained at once; 5 by default. The first has `seed`, each other the next.
        unlabelled: images without labels for ladder networks, as `mlplab.train` takes them; needed again to continue a
            sweep of an array of them.
        runs: the directory to make, with a run for each combination; by default sweeps/NAME-DATE-TIME.
        data: needed to continue a sweep of arrays: the same arrays.
        verbose: 0: no progress bar.
        command: the command line to record.
        settings: those that all combinations have in common, as `mlplab.train` takes them: epochs, batch_size, …

    Returns:
        Table of the varied settings, test accuracy (mean over the seeds) with its 95 % interval accuracy_low and
        accuracy_high (Student's t), sd, seeds (those that did not diverge), validation (mean accuracy), ensemble (test
        accuracy), balanced_accuracy and macro_f1 (means, of the test rows), difference from the first with its interval
        difference_low and difference_high, p_value and p_corrected (Holm); with `path` and `runs`.

    Raises:
        UsageError, DataError: before anything is trained.
        RunError: if `runs` exists, or cannot be written; if another process continues the sweep.
        KeyboardInterrupt: the directory holds what was trained; `mlplab.sweep(directory)` continues.

    Example:
        table = mlplab.sweep("digits", {"dropout": [0, 0.2]}, seeds=2, hidden=[16], epochs=1, verbose=0)
        print(table.to_markdown())
    """
    if is_sweep(source):
        path = Path(source).resolve()
        given = {"vary": vary, "recipe": recipe, "seeds": seeds, "runs": runs, **settings}
        if names := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"{source} is a sweep, which has its own: leave out {', '.join(names)}.", arguments=names)
        plan = SweepPlan.read(path)
        loaded = load_for_check(source_of(plan.data, path, data), quiet=verbose == 0)
        if identity(loaded)["hashes"] != plan.data["hashes"]:
            raise DataError(f"{path} is a sweep of {plan.data['name']}, and {loaded.name} has other content.")
        loaded = with_unlabelled(loaded, plan.data, path, unlabelled)
        return _run(path, plan, loaded, verbose)
    fixed = {name: value for name, value in settings.items() if value is not None}
    base = None if recipe is None else Recipe.of(recipe)
    plan = SweepPlan.of(vary or {}, fixed, 5 if seeds is None else seeds, base, command)
    plan.require_ladder(unlabelled)
    free = files.free_path(runs, "sweep")
    loaded = load_for_check(source, quiet=verbose == 0)
    if base is not None:
        base.require_fit(loaded)
    if unlabelled is not None:
        loaded = dataclasses.replace(loaded, unlabelled=read_unlabelled(unlabelled, loaded.train))
    plan = dataclasses.replace(plan, data=identity(loaded))
    from mlplab.training import data_log, trainable  # Keras, which takes a second

    trainable.require_trainable(plan.all_settings(), loaded, plan.seeds)
    data_log.checked_briefly(loaded, plan.data, was_loaded=isinstance(source, Data))
    return _run(_create(free, plan), plan, loaded, verbose)


def _create(path: Path | None, plan: SweepPlan) -> Path:
    def write(folder: Path) -> None:
        files.write_json(folder / files.KINDS["sweep"].marker, dataclasses.asdict(plan))

    return files.create_directory(path, Path(plan.data["name"]).stem, write, kind="sweep")


def _run(path: Path, plan: SweepPlan, data: Data, verbose: int | str) -> Sweep:
    """Train the combinations that are not finished, and make the table."""
    combinations = plan.combinations()
    runs: list[Run | None] = []
    try:
        with files.locked(path), bar(verbose, "sweep") as progress:
            for number, combination in enumerate(combinations):
                report = functools.partial(_report, progress, number, len(combinations))
                runs.append(_train(path, plan, combination, data, report))
                progress(Progress(number + 1, len(combinations)))
                _log.info(f"{in_words(combination)}: {'diverged' if runs[-1] is None else runs[-1].summary}")
    except KeyboardInterrupt as interrupt:
        again = files.resuming(path, "sweep")
        raise Interrupted(
            f"Interrupted; what was trained is kept. Continue with: {again}", advice=[again]
        ) from interrupt
    columns = Table.of_rows(table_rows(combinations, runs, plan.seeds)).columns
    title = f"Test accuracy over {plan.seeds} seeds ({data.name}); difference from the first, Welch's t test"
    about: dict[str, Any] = {"varied": tuple(plan.vary), "path": path, "runs": tuple(runs)}
    return Sweep(columns, title, lambda: figure(columns, combinations), **about).show()


def _report(progress: ProgressListener, number: int, total: int, done: int, members: Sequence[Any]) -> None:
    """Report the combinations done, with the part of combination `number` whose `done` steps are over."""
    steps = sum(member.source.steps * member.epochs for member in members)
    progress(Progress(number + done / (steps or 1), total))


def _train(path: Path, plan: SweepPlan, combination: Combination, data: Data, report: Any) -> Run | None:
    """Train one combination, or the rest of it; None if all its networks diverge."""
    from mlplab import training

    folder = path / _folder_name(combination)
    options: dict[str, Any] = {"verbose": 0, "progress": report if plan.seeds > 1 else None}
    try:
        with _quiet():
            if folder.exists():
                return None if Run(folder).diverged else training.resume(folder, data=data, **options)
            arguments = {**plan.arguments(combination), "seeds": plan.seeds}
            options |= {"command": command_for(plan.data, arguments)}
            return training.train(data, **arguments, recipe=plan.recipe, out=folder, **options)
    except TrainingError:
        return None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Log warnings only: what each training logs about the data set is the same for all."""
    level = _log.level
    _log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        _log.setLevel(level)


def _folder_name(combination: Combination) -> str:
    """Name the directory of a combination, in characters that every system takes."""
    parts = [f"{name}={as_text(value) or 'none'}".replace(",", "-") for name, value in combination.items()]
    return re.sub(r"[^\w.=+-]", "-", "_".join(parts))
