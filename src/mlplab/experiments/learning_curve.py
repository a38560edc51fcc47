"""The learning curve: accuracy by the number of rows trained on, and whether more rows would be worth it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from mlplab.datasets import load
from mlplab.errors import UsageError
from mlplab.progress_bar import bar
from mlplab.runs import Run, Settings
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.scores import mean_accuracy, mean_over_seeds
from mlplab.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from mlplab.experiments.size_scan import SizesTrained

WORTH_IT = 0.005
"""Accuracy that doubling the rows has to gain for more rows to be called worth it."""


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Table):
    """What `learning_curve` gives: a row a size, and the answer.

    Attributes:
        answer: whether more rows are worth it, in words.
        gain: validation accuracy that the last doubling gained, mean over the seeds; NaN where there was none.
        gain_interval: 95 %, see `last_doubling`; None for one seed.
    """

    answer: str = ""
    gain: float = float("nan")
    gain_interval: tuple[float, float] | None = None

    def _more(self) -> list[str]:
        return [*super()._more(), self.answer]


@takes_settings()
def learning_curve(
    source: Any,
    *,
    sizes: "Sequence[int] | None" = None,
    seeds: int = 3,
    data: Any = None,
    verbose: int | str = "auto",
    **settings: Unpack[SettingsArguments],
) -> LearningCurve:
    """Train a network on parts of the training rows, with several seeds, and see what more rows gain.

    All networks take the same number of steps, as many as the epochs have over all rows. Scores are of rows that are
    held out, the same for all; the test set is not used.

    Args:
        source: a run, or its directory, whose network is begun anew; or a data set, as `mlplab.load` takes it.
        sizes: rows; by default 1/64, 1/32, … of those there are to train on, and all.
        seeds: networks for each size.
        data: needed for runs begun with arrays: the same arrays.
        verbose: 0: no progress bar.
        settings: with a data set, the network and its training, as `mlplab.train` takes them: hidden, epochs, …

    Returns:
        Table of rows, accuracy (of training), val_accuracy with its 95 % interval over the seeds, sd, and seeds (those
        that did not diverge); with `answer`, `gain` and `gain_interval`.

    Raises:
        UsageError, DataError, ModelError, RunError: for what does not belong together.
        TrainingError: if all networks diverged.
    """
    run = _run(source)
    if run is not None and settings:
        given = ", ".join(settings)
        raise UsageError(f"A run has its own settings: leave out {given}, or give the data set.", arguments=settings)
    asked = Settings.with_defaults(**settings) if run is None else run
    loaded = load(source, quiet=verbose == 0) if run is None else data_of(run, data, quiet=verbose == 0)
    from mlplab.experiments.size_scan import train_sizes  # Keras: after what can be refused without it

    with bar(verbose, "learning curve") as progress:
        found = train_sizes(asked, loaded, sizes=sizes, seeds=seeds, progress=progress)
    columns = columns_of(found)
    gain, interval = last_doubling(found)
    title = f"Accuracy by rows trained on ({loaded.name}, {seeds} seeds, {found.held_out:,} rows held out)"
    return LearningCurve(
        columns,
        title,
        lambda: _figure(columns, found.val_accuracy, title),
        answer=answer(found, gain, interval),
        gain=gain,
        gain_interval=interval,
    ).show()  # pyright: ignore[reportReturnType] - it returns itself


def columns_of(found: "SizesTrained") -> dict[str, np.ndarray]:
    """The columns of the table."""
    rows = []
    for size, accuracy, val_accuracy in zip(found.sizes, found.accuracy, found.val_accuracy, strict=True):
        present = val_accuracy[np.isfinite(val_accuracy)]
        mean, sd, interval = mean_accuracy(present.tolist()) if len(present) else (math.nan, None, None)
        low, high = (math.nan, math.nan) if interval is None else interval
        trained = float(np.nanmean(accuracy)) if np.isfinite(accuracy).any() else math.nan
        rows.append((int(size), trained, mean, low, high, math.nan if sd is None else sd, len(present)))
    names = ("rows", "accuracy", "val_accuracy", "val_accuracy_low", "val_accuracy_high", "sd", "seeds")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def last_doubling(found: "SizesTrained") -> tuple[float, tuple[float, float] | None]:
    """What doubling the rows gained last: the mean over the seeds, and its 95 % interval.

    From the largest size of at most half the rows; where it is less than half, the gain is scaled to one doubling. Two
    sources of chance add up: seeds, and which rows are held out, each of them judged by the networks of both sizes.
    The interval is Student's t with one degree of freedom less than there are seeds; None for one seed.
    """
    before = np.flatnonzero(found.sizes <= (found.sizes[-1] + 1) // 2)
    if not len(before):
        return math.nan, None
    doublings = math.log2(found.sizes[-1] / found.sizes[before[-1]])
    gains = (found.right[-1] - found.right[before[-1]]) / doublings  # (seeds, rows)
    gains = gains[np.isfinite(gains).all(1)]
    if not len(gains):
        return math.nan, None
    mean, sd, interval = mean_over_seeds(gains.mean(1).tolist())
    if sd is None or interval is None:
        return mean, None
    from scipy.special import stdtrit

    of_rows = gains.mean(0).std(ddof=1) / math.sqrt(gains.shape[1])
    half = float(stdtrit(len(gains) - 1, 0.975)) * math.hypot(sd / math.sqrt(len(gains)), of_rows)
    return mean, (mean - half, mean + half)


def answer(found: "SizesTrained", gain: float, interval: tuple[float, float] | None) -> str:
    """Whether more rows are worth it, in words."""
    if math.isnan(gain):
        return "Whether more rows are worth it cannot be told: give a size of at most half the largest."
    told = f"Doubling the rows to {found.sizes[-1]:,} {'gained' if gain >= 0 else 'lost'} {100 * abs(gain):.1f} points"
    least = f"{100 * WORTH_IT:.1f} points a doubling"
    if interval is None:
        return f"{told}. One seed does not tell chance from gain: give more seeds."
    low, high = interval
    told += f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
    if low >= WORTH_IT:
        return f"{told}: more rows are worth it."
    if high < WORTH_IT:
        return f"{told}: more rows of this kind are hardly worth it, with this network."
    return f"{told}: too uncertain to tell whether more rows gain {least}; give more seeds."


def _run(source: Any) -> Run | None:
    """The run that is meant, or None for a data set."""
    if isinstance(source, Run):
        return source.first
    if isinstance(source, str | Path) and (Path(source) / "config.json").exists():
        return Run(source).first
    return None


def _figure(columns: dict[str, np.ndarray], val_accuracy: np.ndarray, title: str) -> "Figure":
    from mlplab.figures import scans

    return scans.sizes(columns, val_accuracy, title)
