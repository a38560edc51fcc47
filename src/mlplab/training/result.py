"""What a finished run has beside its weights: predictions, scores, seconds."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlplab import files, scores
from mlplab.engine import backend
from mlplab.runs import machine
from mlplab.runs.run import probabilities_of
from mlplab.training.job import TrainingJob

SCHEMA = 1
"""Version of result.json and of what `--json` prints."""


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self._start = self._phase = time.perf_counter()
        self._compiled = backend.compile_seconds()
        self.seconds: dict[str, float] = {"import": backend.import_seconds, "load": 0.0}

    def loaded(self) -> None:
        self.seconds["load"] = time.perf_counter() - self._start

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        start, compiled = time.perf_counter(), backend.compile_seconds()
        yield
        self.seconds["train"] = time.perf_counter() - start - (backend.compile_seconds() - compiled)

    def total(self, networks: int = 1) -> dict[str, float]:
        """All phases and their total; of several networks trained at once, the share of one."""
        compiled = backend.compile_seconds() - self._compiled
        total = backend.import_seconds + time.perf_counter() - self._start
        seconds = {**self.seconds, "compile": compiled, "total": total}
        return {name: round(seconds[name] / networks, 3) for name in ("import", "load", "compile", "train", "total")}


def save_outcome(path: Path, work: TrainingJob) -> dict[str, Any]:
    """The finished weights and predictions of a run; gives the scores of each split, see `save_predictions`."""
    scored = save_predictions(path, work)
    weights = {str(i): array for i, array in enumerate(work.model.get_weights())}
    files.write_tensors(path / "model.safetensors", weights)
    return scored


def save_predictions(path: Path, work: TrainingJob) -> dict[str, Any]:
    """Predict validation and test rows, keep the probabilities, and give each split's scores."""
    train, test, held_out = work.data.train, work.data.test, work.split["validation"]
    # Both splits in one call: one compilation.
    inputs = np.concatenate([train.inputs[held_out], test.inputs])
    probabilities = probabilities_of(work.model, inputs, work.config)
    parts = {
        "validation": (held_out, train.labels[held_out], probabilities[: len(held_out)]),
        "test": (np.arange(len(test)), test.labels, probabilities[len(held_out) :]),
    }
    scored: dict[str, Any] = dict.fromkeys(parts)
    for split, (index, label, predicted) in parts.items():
        if len(index):
            files.write_arrays(path / f"predictions-{split}.npz", index=index, label=label, probabilities=predicted)
            scored[split] = scores.accuracy(label, predicted)
    return {**scored, **by_class(test.labels, parts["test"][2], test.class_names)}


def by_class(labels: np.ndarray, probabilities: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """`per_class`, the accuracy of each class (None where it has no rows), and `confusion`, counts."""
    matrix = scores.confusion(labels, probabilities.argmax(1), len(names))
    values = [None if np.isnan(value) else float(value) for value in scores.per_class_accuracy(matrix)]
    return {"per_class": dict(zip(names, values, strict=True)), "confusion": matrix.tolist()}


def result(
    path: Path, work: TrainingJob, kept: dict[str, Any], scored: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """result.json. The training scores are those logged in the epoch whose weights were kept."""
    return {
        "schema": SCHEMA,
        "run": str(path),
        "parameters": work.model.count_params(),
        "seed": work.config.settings.seed,
        "train": {"loss": kept.get("loss"), "accuracy": kept.get("accuracy")},
        **scored,
        "seconds": seconds,
        "peak_memory_bytes": backend.peak_device_memory() or machine.peak_memory_bytes(),
        "versions": machine.versions(),
    }
