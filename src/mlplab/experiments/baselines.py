"""Compare a network with simple methods on the same data: does it earn its cost?"""

import dataclasses
import hashlib
import json
import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import files, scores
from mlplab.datasets import Data, Dataset, load
from mlplab.datasets.cache import cache_folder
from mlplab.errors import RunError
from mlplab.inspection.classification import mean_interval
from mlplab.inspection.examples import Examples, examples_of
from mlplab.inspection.paired_tests import bootstrap_interval, mcnemar
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of, identity
from mlplab.table import Table

_log = logging.getLogger("mlplab")

_VERSION = 3
"""Version of the kept results. Results of another version are computed again."""
_MOST_ROWS, _LEAST_ROWS = 10_000, 2_000
_WORK = 10**8
"""Rows × inputs × classes that take a few seconds."""
_MUCH_WORK, _MOST_WORK = 20 * _WORK, 100 * _WORK
"""With more of it, logistic regression stops early, so that it takes seconds; or is left out."""
_NEIGHBOURS = 5

MOST_TEST_ROWS = 200_000
"""Test rows for which a report makes the comparison: nearest neighbours of more take minutes, and gigabytes."""


@dataclass(frozen=True)
class Baseline:
    """The predictions of a simple method, trained on all or some rows of the training set.

    Attributes:
        method: its name.
        predicted: classes of the test rows, int (n,).
        log_loss: mean over the test rows, with its 95 % interval; NaN for a method without useful probabilities.
        seconds: for training and predicting.
        training_rows: the number of rows that it was trained on, drawn at random.
    """

    method: str
    predicted: np.ndarray
    log_loss: Sequence[float]
    seconds: float
    training_rows: int


def baselines(source: Run | Any, data: Any = None) -> Table:
    """Compare a run's network with the majority class, logistic regression and nearest neighbours.

    Args:
        source: a run; or data, as `load` takes it, for the results of the simple methods alone.
        data: the arrays that the run was trained on, if it was started with arrays.

    Returns:
        Table of method, accuracy, accuracy_low, accuracy_high (95 %), balanced_accuracy, macro_f1, log_loss with its
        interval, seconds, training_rows.
        For a run it also has difference (of accuracies, network − method), difference_low, difference_high, and
        p_value (McNemar), and its title is the verdict.

    Example:
        print(mlplab.baselines(run).title)
    """
    if not isinstance(source, Run):
        data = load(source)
        rows = [_row(baseline, data.test.labels) for baseline in baselines_of(data)]
        return Table.of_rows(rows, f"Simple methods on {data.name}")
    return compare_with_baselines(examples_of(source, data=data, inputs=False), data_of(source, data), source)


def compare_with_baselines(examples: Examples, data: Data, run: Run | None = None) -> Table:
    """Compare a network's predictions of test rows with those of the simple methods, see `baselines`.

    If the network's run used few labels, the simple methods use the same training rows.
    """
    rows = None if run is None or run.config.settings.labelled is None else run.first.split["train"]
    table = []
    for baseline in baselines_of(data, rows):
        right = baseline.predicted[examples.index] == examples.labels
        only_network, only_simple = int((examples.correct & ~right).sum()), int((right & ~examples.correct).sum())
        row = _row(baseline, examples.labels, examples.index)
        low, high = bootstrap_interval(only_network, only_simple, len(examples))
        row |= {
            "difference": float(examples.correct.mean()) - row["accuracy"],
            "difference_low": low,
            "difference_high": high,
            "p_value": mcnemar(only_network, only_simple),
        }
        table.append(row)
    best = max(table, key=lambda row: row["accuracy"])
    return Table.of_rows(table, _verdict(best, len(examples)))


def baselines_of(data: Data, rows: np.ndarray | None = None) -> list[Baseline]:
    """Return the simple methods' predictions of the test set, computed once and then kept in the cache folder.

    Logistic regression (L2, C = 0.1) and nearest neighbours (5) are scikit-learn's, trained on at most 10,000 rows:
    60,000 rows would take minutes and gain a point or two. For many inputs and classes, logistic regression stops after
    20 iterations, or is left out. `rows` are the only training rows to use; None: all.
    """
    train = data.train if rows is None else data.train.select(rows)
    labels = hashlib.sha256(train.labels.tobytes() + (b"" if rows is None else rows.tobytes())).hexdigest()
    hashes = [identity(data)["hashes"], labels, _VERSION]
    path = cache_folder() / "baselines" / f"{hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:24]}.npz"
    if path.exists() and (kept := _read(path)):
        return kept
    _log.info(f"Training simple methods on {data.name} for comparison: a few seconds, once for a data set …")
    results = _fitted(_subsample(train), data.test)
    with files.optional(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_arrays(path, **{name: np.array([getattr(b, name) for b in results]) for name in _FIELDS})
    return results


_FIELDS = tuple(field.name for field in dataclasses.fields(Baseline))


def _read(path: Path) -> list[Baseline]:
    """Read kept results; none if the file is damaged."""
    try:
        kept = files.read_arrays(path)
        columns = [kept[name] if name == "predicted" else kept[name].tolist() for name in _FIELDS]
        return [Baseline(*row) for row in zip(*columns, strict=True)]
    except (RunError, KeyError, ValueError):
        _log.info(f"{path} is damaged. It is written again.")
        return []


def _fitted(train: Dataset, test: Dataset) -> list[Baseline]:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    x, x_test = _scaled(train.inputs, train.inputs), _scaled(test.inputs, train.inputs)
    kinds: dict[str, Any] = {
        "majority class": DummyClassifier(),
        "logistic regression": LogisticRegression(C=0.1, tol=1e-3),
        "nearest neighbours": KNeighborsClassifier(min(_NEIGHBOURS, len(train))),
    }
    work = len(x) * x.shape[1] * len(train.class_names)
    if len(np.unique(train.labels)) == 1 or work > _MOST_WORK:  # it needs two classes
        del kinds["logistic regression"]
    elif work > _MUCH_WORK:
        kinds["logistic regression"].max_iter = 20  # instead of 100
    results = []
    for name, kind in kinds.items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # stopping after 100 iterations is good enough for a comparison
            predictions = kind.fit(x, train.labels).predict_proba(x_test)
        seconds = time.perf_counter() - start
        probabilities = np.zeros((len(x_test), len(train.class_names)))
        probabilities[:, kind.classes_] = predictions
        # The others predict probabilities of 0, which make the log-loss meaningless.
        losses = scores.log_losses(test.labels, probabilities) if name == "logistic regression" else None
        loss = (np.nan, np.nan, np.nan) if losses is None else mean_interval(losses)
        results.append(Baseline(name, probabilities.argmax(1), loss, seconds, len(x)))
    return results


def _subsample(train: Dataset) -> Dataset:
    affordable = _WORK // (train.inputs[0].size * len(train.class_names))
    rows = min(max(affordable, _LEAST_ROWS), _MOST_ROWS)
    if rows >= len(train):
        return train
    return train.select(np.sort(np.random.default_rng(0).permutation(len(train))[:rows]))


def _scaled(inputs: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Return float32 (n, d): images divided by the largest training value, features standardised."""
    flat = inputs.reshape(len(inputs), -1).astype(np.float32)
    if inputs.ndim > 2:
        return flat / max(float(by.max()), 1e-9)
    by = by.astype(np.float32)
    sd = by.std(0)
    # A constant feature has a tiny spread from rounding. Divided by it, other values in the test set would dominate.
    return (flat - by.mean(0)) / np.where(sd > 1e-6 * np.abs(by).max(0), sd, 1)


def _row(baseline: Baseline, labels: np.ndarray, index: ArrayLike | None = None) -> dict[str, Any]:
    """Return the scores on the test rows at `index` (all by default), whose labels are `labels`."""
    predicted = baseline.predicted if index is None else baseline.predicted[np.asarray(index)]
    counts = scores.ClassCounts.of(labels, predicted, int(max(labels.max(), predicted.max())) + 1)
    right = int(counts.correct.sum())
    low, high = scores.wilson_interval(right, len(labels))
    return {
        "method": baseline.method,
        "accuracy": right / len(labels),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": counts.balanced_accuracy,
        "macro_f1": counts.macro_f1,
        **dict(zip(("log_loss", "log_loss_low", "log_loss_high"), baseline.log_loss, strict=True)),
        "seconds": baseline.seconds,
        "training_rows": baseline.training_rows,
    }


def _verdict(best: dict[str, Any], n: int) -> str:
    points, low, high = (100 * best[f"difference{end}"] for end in ("", "_low", "_high"))
    interval = f"95 % interval {low:+.1f} to {high:+.1f}, {n:,} test rows".replace("-", "−")
    simple = f"the best simple method, {best['method']} on {best['training_rows']:,} training rows"
    if np.isnan(low):
        return f"Right on the same of {n:,} test rows as {simple}. The network has yet to earn its cost."
    if best["p_value"] >= 0.05:
        difference = f"{points:+.1f} points".replace("-", "−") + f" ({interval})"
        return f"No significant difference from {simple}: {difference}. The network has yet to earn its cost."
    if points > 0:
        return f"{points:.1f} points better than {simple} ({interval}): the network earns its cost."
    return f"{-points:.1f} points worse than {simple} ({interval}): the network does not earn its cost."
