"""What simple methods reach on the same data, and whether a network earns its cost beside them."""

import hashlib
import json
import logging
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mlplab import files, scores
from mlplab.datasets import Data, Dataset, load
from mlplab.datasets.cache import cache_folder
from mlplab.errors import RunError
from mlplab.inspection.caching import optional_write
from mlplab.inspection.classification import mean_interval
from mlplab.inspection.examples import Examples, examples_of
from mlplab.inspection.paired_tests import bootstrap_interval, mcnemar
from mlplab.runs import Run
from mlplab.runs.dataset_ref import data_of, identity
from mlplab.table import Table

_log = logging.getLogger("mlplab")

_VERSION = 3
"""Of what is kept: another is computed anew."""
_MOST_ROWS, _LEAST_ROWS = 10_000, 2_000
_WORK = 10**8
"""Rows × inputs × classes that a few seconds are enough for."""
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Baseline:
    """A simple method, trained on (a part of) the training set.

    Attributes:
        method: its name.
        predicted: classes of the test rows, int (n,).
        log_loss: mean over the test rows, with its 95 % interval; NaN where the method gives no probabilities.
        seconds: that training and predicting took, when they were done.
        training_rows: it was trained on so many, drawn at random.
    """

    method: str
    predicted: np.ndarray
    log_loss: tuple[float, float, float]
    seconds: float
    training_rows: int


def baselines(source: Run | Any, data: Any = None) -> Table:
    """How a run's network does beside the majority class, logistic regression and nearest neighbours.

    Args:
        source: a run, or data (anything that `load` takes) for the simple methods alone.
        data: for runs that were begun with arrays: the same arrays.

    Returns:
        Table of method, accuracy, accuracy_low, accuracy_high (95 %), log_loss with the same, seconds, training_rows;
        with a run also difference (of accuracies, network − method), difference_low, difference_high, and p_value
        (McNemar). The title is the verdict.
    """
    if not isinstance(source, Run):
        data = load(source)
        return Table(_columns(data.test.labels, baselines_of(data)), f"Simple methods on {data.name}")
    return against(examples_of(source, data=data, inputs=False), data_of(source, data), few_rows(source))


def few_rows(run: Run) -> np.ndarray | None:
    """The training rows of a run that was given few labels: simple methods are to have the same. None for all rows."""
    return None if run.config.settings.labelled is None else files.read_arrays(run.first.path / "split.npz")["train"]


def against(examples: Examples, data: Data, rows: np.ndarray | None = None) -> Table:
    """The network's predictions of test rows beside the simple methods', see `baselines`.

    `rows`: of the training set, see `baselines_of`.
    """
    found = baselines_of(data, rows)
    columns = _columns(examples.labels, found, examples.index)
    accuracy = float(examples.correct.mean())
    differences, p_values = [], []
    for baseline in found:
        right = baseline.predicted[examples.index] == examples.labels
        only_network, only_simple = (examples.correct & ~right).sum(), (right & ~examples.correct).sum()
        differences.append(bootstrap_interval(int(only_network), int(only_simple), len(examples)))
        p_values.append(mcnemar(int(only_network), int(only_simple)))
    low, high = np.array(differences).T
    columns |= {
        "difference": accuracy - columns["accuracy"],
        "difference_low": low,
        "difference_high": high,
        "p_value": np.array(p_values),
    }
    return Table(columns, _verdict(columns, len(examples)))


def baselines_of(data: Data, rows: np.ndarray | None = None) -> list[Baseline]:
    """The simple methods' predictions of the test set; computed once for a data set, then kept in the cache folder.

    `rows`: of the training set, the only ones to learn from; None: all.

    Logistic regression (L2, C = 0.1) and nearest neighbours (5) are scikit-learn's, trained on at most 10,000 rows:
    with all of 60,000 they would take minutes, and gain a point or two.
    """
    train = data.train if rows is None else data.train.select(rows)
    labels = hashlib.sha256(train.labels.tobytes() + (b"" if rows is None else rows.tobytes())).hexdigest()
    hashes = [identity(data)["hashes"], labels, _VERSION]
    path = cache_folder() / "baselines" / f"{hashlib.sha256(json.dumps(hashes).encode()).hexdigest()[:24]}.npz"
    if path.exists() and (kept := _read(path)):
        return kept
    _log.info(f"Simple methods on {data.name}, to compare with: a few seconds, once for a data set …")
    found = _fitted(_subsample(train), data.test)
    with optional_write(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_arrays(path, **{name: np.array([getattr(b, name) for b in found]) for name in _FIELDS})
    return found


_FIELDS = ("method", "predicted", "log_loss", "seconds", "training_rows")


def _read(path: Path) -> list[Baseline]:
    """What is kept; nothing where it is damaged."""
    try:
        kept = files.read_arrays(path)
        rows = zip(kept["predicted"], *(kept[name].tolist() for name in _FIELDS if name != "predicted"), strict=True)
        return [Baseline(m, p, tuple(loss), seconds, n) for p, m, loss, seconds, n in rows]
    except (RunError, KeyError, ValueError):
        _log.info(f"{path} is damaged, and made anew.")
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
    if len(np.unique(train.labels)) == 1:
        del kinds["logistic regression"]  # there is nothing to tell apart
    return [_baseline(name, kind, x, train.labels, x_test, test.labels) for name, kind in kinds.items()]


def _baseline(
    name: str, kind: Any, x: np.ndarray, labels: np.ndarray, x_test: np.ndarray, test_labels: np.ndarray
) -> Baseline:
    begun = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # after 100 iterations the solution is good enough for a comparison
        found = kind.fit(x, labels).predict_proba(x_test)
    seconds = time.perf_counter() - begun
    probabilities = np.zeros((len(x_test), 1 + max(labels.max(), test_labels.max())))
    probabilities[:, kind.classes_] = found
    # Neighbours and majorities give probabilities of 0, which make a log-loss that tells nothing.
    given = probabilities[np.arange(len(test_labels)), test_labels].clip(scores.SMALLEST_PROBABILITY)
    loss = mean_interval(-np.log(given)) if name == "logistic regression" else (np.nan, np.nan, np.nan)
    return Baseline(name, probabilities.argmax(1), loss, seconds, len(x))


def _subsample(train: Dataset) -> Dataset:
    wanted = _WORK // (train.inputs[0].size * len(train.class_names))
    rows = min(max(wanted, _LEAST_ROWS), _MOST_ROWS)
    if rows >= len(train):
        return train
    return train.select(np.sort(np.random.default_rng(0).permutation(len(train))[:rows]))


def _scaled(inputs: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Float32 (n, d): images divided by the largest training value, features standardised."""
    flat = inputs.reshape(len(inputs), -1).astype(np.float32)
    if inputs.ndim > 2:
        return flat / max(float(by.max()), 1e-9)
    sd = by.std(0)
    # What rounding leaves of a constant feature is no spread: other values in the test set would drown all else.
    return (flat - by.mean(0)) / np.where(sd > 1e-6 * np.abs(by).max(0), sd, 1)


def _columns(labels: np.ndarray, found: list[Baseline], index: ArrayLike | None = None) -> dict[str, np.ndarray]:
    rows = slice(None) if index is None else np.asarray(index)
    right = [int((baseline.predicted[rows] == labels).sum()) for baseline in found]
    intervals = np.array([scores.wilson_interval(k, len(labels)) for k in right])
    return {
        "method": np.array([baseline.method for baseline in found], dtype=object),
        "accuracy": np.array(right) / len(labels),
        "accuracy_low": intervals[:, 0],
        "accuracy_high": intervals[:, 1],
        **{f"log_loss{end}": np.array([b.log_loss[i] for b in found]) for i, end in enumerate(("", "_low", "_high"))},
        "seconds": np.array([baseline.seconds for baseline in found]),
        "training_rows": np.array([baseline.training_rows for baseline in found]),
    }


def _verdict(columns: dict[str, np.ndarray], n: int) -> str:
    best = int(columns["accuracy"].argmax())
    method, rows = columns["method"][best], columns["training_rows"][best]
    points, low, high = (100 * columns[f"difference{end}"][best] for end in ("", "_low", "_high"))
    interval = f"95 % interval {low:+.1f} to {high:+.1f}, {n:,} test rows"
    simple = f"the best simple method, {method} on {rows:,} training rows"
    if np.isnan(low):
        return f"Right on the same of {n:,} test rows as {simple}. The network has yet to earn its cost."
    if columns["p_value"][best] >= 0.05:
        return f"Not told apart from {simple}: {points:+.1f} points ({interval}). The network has yet to earn its cost."
    if points > 0:
        return f"{points:.1f} points better than {simple} ({interval}): the network earns its cost."
    return f"{-points:.1f} points worse than {simple} ({interval}): the network does not earn its cost."
