"""The learning curve: accuracy by the number of rows trained on, and whether more rows would be worth it.

size_scan.py trains the networks. It needs Keras, so it is imported after all that can be refused without it.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from mlplab.datasets import load
from mlplab.errors import UsageError
from mlplab.figures import scans
from mlplab.progress import bar
from mlplab.runs import Run, Settings, is_run
from mlplab.runs.dataset_ref import data_of
from mlplab.runs.settings_arguments import takes_settings
from mlplab.runs.settings_types import SettingsArguments
from mlplab.scores import are_unbalanced, mean_accuracy, mean_over_seeds
from mlplab.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlplab.experiments.size_scan import SizeScan

WORTH_IT = 0.005
"""Accuracy that doubling the rows has to gain for more rows to be called worth it."""


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Table):
    """The result of `learning_curve`: a row for each size, and the answer.

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


@takes_settings(ladder="the sizes are numbers of rows that all have labels")
def learning_curve(
    source: Any,
    *,
    sizes: "Sequence[int] | None" = None,
    seeds: int = 3,
    data: Any = None,
    verbose: int | str = "auto",
    **settings: Unpack[SettingsArguments],
) -> LearningCurve:
    """Train a network on parts of the training rows, with several seeds, and estimate what more rows gain.

    All networks take the same number of steps: those of the epochs over all rows. Scores are of rows that are held
    out, the same for all networks; the test set is not used.

    Args:
        source: a run, or its directory, whose network is rebuilt; or a data set, as `mlplab.load` takes it.
        sizes: rows; by default 1/64, 1/32, … of the rows to train on, and all.
        seeds: networks for each size.
        data: needed for runs of arrays: the same arrays.
        verbose: 0: no progress bar.
        settings: with a data set, the network and its training, as `mlplab.train` takes them: hidden, epochs, …

    Returns:
        Table of rows, accuracy (of training), val_accuracy with its 95 % interval over the seeds, sd, where classes
        are unbalanced val_balanced_accuracy (mean over the seeds), and seeds (those that did not diverge); with
        `answer`, `gain` and `gain_interval`.

    Raises:
        UsageError, DataError, ModelError, RunError: for arguments that do not fit each other.
        TrainingError: if all networks diverged.

    Example:
        curve = mlplab.learning_curve("digits", hidden=[16], epochs=1, sizes=[100, 200], seeds=2)
        print(curve.answer)
    """
    if isinstance(source, str | Path) and is_run(source):
        source = Run(source)
    if not isinstance(source, Run):
        network = Settings.with_defaults(**settings)
        loaded = load(source, quiet=verbose == 0)
    elif settings:
        names = ", ".join(settings)
        raise UsageError(f"A run has its own settings: leave out {names}, or give the data set.", arguments=settings)
    else:
        network = source.first
        loaded = data_of(network, data, quiet=verbose == 0)
    from mlplab.experiments.size_scan import train_sizes

    with bar(verbose, "learning curve") as progress:
        scan = train_sizes(network, loaded, sizes=sizes, seeds=seeds, progress=progress)
    columns = Table.of_rows(_rows(scan)).columns
    gain, interval = last_doubling(scan)
    title = f"Accuracy by rows trained on ({loaded.name}, {seeds} seeds, {scan.held_out:,} rows held out)"
    return LearningCurve(
        columns,
        title,
        lambda: scans.sizes(columns, scan.val_accuracy, title),
        answer=answer(scan, gain, interval),
        gain=gain,
        gain_interval=interval,
    ).show()  # pyright: ignore[reportReturnType] - it returns itself


def _rows(scan: "SizeScan") -> list[dict[str, Any]]:
    rows = []
    unbalanced = are_unbalanced(np.bincount(scan.labels))
    scores = (scan.sizes, scan.accuracy, scan.val_accuracy, scan.val_balanced_accuracy)
    for size, accuracy, val_accuracy, balanced in zip(*scores, strict=True):
        present = val_accuracy[np.isfinite(val_accuracy)]
        mean, sd, interval = mean_accuracy(present.tolist()) if len(present) else (math.nan, None, None)
        low, high = (math.nan, math.nan) if interval is None else interval
        trained, by_class = map(_mean, (accuracy, balanced))
        row = {"rows": int(size), "accuracy": trained, "val_accuracy": mean}
        row |= {"val_accuracy_low": low, "val_accuracy_high": high}
        row |= {"sd": math.nan if sd is None else sd} | ({"val_balanced_accuracy": by_class} if unbalanced else {})
        rows.append(row | {"seeds": len(present)})
    return rows


def _mean(values: np.ndarray) -> float:
    """Return the mean of the finite values; NaN if there are none."""
    return float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else math.nan


def last_doubling(scan: "SizeScan") -> tuple[float, tuple[float, float] | None]:
    """Return what the last doubling of the rows gained: the mean over the seeds, and its 95 % interval.

    The largest size is compared with the largest of at most half its rows; if that is less than half, the gain is
    scaled to one doubling. Two sources of chance add up: the seeds, and which rows are held out, each of which is
    judged by the networks of both sizes. The interval is Student's t with one degree of freedom less than there are
    seeds; None for one seed.
    """
    before = np.flatnonzero(scan.sizes <= (scan.sizes[-1] + 1) // 2)
    if not len(before):
        return math.nan, None
    doublings = math.log2(scan.sizes[-1] / scan.sizes[before[-1]])
    gains = (scan.right[-1] - scan.right[before[-1]]) / doublings  # (seeds, rows)
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


def answer(scan: "SizeScan", gain: float, interval: tuple[float, float] | None) -> str:
    """Say in words whether more rows are worth it."""
    if math.isnan(gain):
        return "Whether more rows are worth it is unknown: give a size of at most half the largest."
    said = f"Doubling the rows to {scan.sizes[-1]:,} {'gained' if gain >= 0 else 'lost'} {100 * abs(gain):.1f} points"
    least = f"{100 * WORTH_IT:.1f} points a doubling"
    if interval is None:
        return f"{said}. With one seed this may be chance: give more seeds."
    low, high = interval
    said += f" (95 % interval {100 * low:.1f} to {100 * high:.1f})"
    if low >= WORTH_IT:
        return f"{said}: more rows are worth it."
    if high < WORTH_IT:
        return f"{said}: more rows of this kind are hardly worth it, with this network."
    return f"{said}: too uncertain to say whether more rows gain {least}. Give more seeds."
