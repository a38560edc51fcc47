"""The outcome of a training: weights, predictions, scores, seconds; and the ensemble of a population."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlplab import scores
from mlplab.engine import backend, chunk_bytes_for, keras
from mlplab.runs import Predictions, Run, machine
from mlplab.runs.probabilities import mean_probabilities, probabilities_of
from mlplab.runs.result import SCHEMA, DivergedResult, Logged, PopulationResult, RunResult, Scores, SeedScores
from mlplab.training.job import TrainingJob

_MOST_CLASSES = 100
"""Classes of a confusion matrix that is written with its empty cells."""


class Clock:
    """Measures the seconds that each phase of a training takes."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._compiled = backend.compile_seconds()
        self.seconds: dict[str, float] = {"import": backend.import_seconds, "load": 0.0}

    def loaded(self) -> None:
        """End the phase of loading."""
        self.seconds["load"] = time.perf_counter() - self._start

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Measure training without compilation. Where two measurements are nested, the inner one counts."""
        start, compiled = time.perf_counter(), backend.compile_seconds()
        yield
        self.seconds.setdefault("train", time.perf_counter() - start - (backend.compile_seconds() - compiled))

    def total(self, networks: int = 1) -> dict[str, float]:
        """Return the seconds of each phase and their total; of several networks trained at once, the share of one."""
        compiled = backend.compile_seconds() - self._compiled
        total = backend.import_seconds + time.perf_counter() - self._start
        seconds = {**self.seconds, "compile": compiled, "total": total}
        return {name: round(seconds[name] / networks, 3) for name in ("import", "load", "compile", "train", "total")}


def save_outputs(run: Run, job: TrainingJob) -> dict[str, Any]:
    """Write weights and predictions of a trained model. Returns its scores and size, as fields of its result."""
    train, test, held_out = job.data.train, job.data.test, job.split["validation"]
    model = job.classifier()
    of_validation, of_test = _probabilities(model, job)
    predictions = {
        "validation": Predictions(held_out, train.labels[held_out], of_validation),
        "test": Predictions(np.arange(len(test)), test.labels, of_test),
    }
    split_scores: dict[str, Scores | None] = dict.fromkeys(predictions)
    for split, kept in predictions.items():
        if len(kept.index):
            run.directory.write_predictions(split, kept)
            split_scores[split] = Scores(**scores.accuracy(kept.label, kept.probabilities))
    run.directory.write_weights(model.get_weights())
    return {**split_scores, **_by_class(predictions["test"], run.class_names), "parameters": model.count_params()}


def _probabilities(model: keras.Model, job: TrainingJob) -> tuple[np.ndarray, np.ndarray]:
    """Predict the probabilities of the classes, (n, classes), for the rows held out, and for the test rows."""
    train, test, held_out = job.data.train.inputs, job.data.test.inputs, job.split["validation"]
    if chunk_bytes_for(train) is None and chunk_bytes_for(test) is None:  # both in one call: one compilation
        both = probabilities_of(model, np.concatenate([train[held_out], test]), job.config)
        return both[: len(held_out)], both[len(held_out) :]
    none = np.zeros((0, len(job.data.class_names)), np.float32)
    of_validation = probabilities_of(model, train, job.config, held_out) if len(held_out) else none
    return of_validation, probabilities_of(model, test, job.config)


def write_result(run: Run, job: TrainingJob, outputs: dict[str, Any], seconds: dict[str, float]) -> None:
    """Write the result of a run, which finishes it. The training scores are the logs of the kept epoch.

    `outputs`: what `save_outputs` returned.
    """
    kept = job.kept_epoch
    logs = run.epochs[kept - 1] if kept else {}
    run.directory.write_result(
        RunResult(
            schema=SCHEMA,
            run=str(run.path),
            seed=job.config.settings.seed,
            train=Logged(logs.get("loss"), logs.get("accuracy")),
            **outputs,
            seconds=seconds,
            **_machine(),
            kept_epoch=kept,
        )
    )


def write_population_result(run: Run, diverged: Mapping[str, str], clock: Clock) -> None:
    """Write the ensemble's predictions of the test set, and the result of a population.

    Its members are finished or have diverged: `diverged` has the reasons, by the names of their directories.
    """
    results = [m.result for m in run.members if isinstance(m.result, RunResult)]
    tests = [member.predictions("test") for member in run.members if member.result is not None]
    ensemble = Predictions(tests[0].index, tests[0].label, mean_probabilities([test.probabilities for test in tests]))
    run.directory.write_predictions("test", ensemble)
    test = _over_seeds([result.test for result in results])
    assert test is not None
    run.directory.write_result(
        PopulationResult(
            schema=SCHEMA,
            run=str(run.path),
            parameters=results[0].parameters,
            seed=run.config.settings.seed,
            seeds=run.config.seeds,
            train=Logged(*(_mean([result.train[name] for result in results]) for name in ("loss", "accuracy"))),
            validation=_over_seeds([result.validation for result in results]),
            test=test,
            ensemble=Scores(**scores.accuracy(ensemble.label, ensemble.probabilities)),
            **_by_class(ensemble, run.class_names),
            members=[
                member.result
                if isinstance(member.result, RunResult)
                else DivergedResult(SCHEMA, str(member.path), member.config.settings.seed, diverged[member.path.name])
                for member in run.members
            ],
            seconds=clock.total(),
            **_machine(),
        )
    )


def _by_class(test: Predictions, names: Sequence[str]) -> dict[str, Any]:
    """Return `per_class`, the accuracy of each class (None where it has no rows), and `confusion`, counts."""
    predicted = test.probabilities.argmax(1)
    values = scores.per_class_accuracy(test.label, predicted, len(names))
    if len(names) > _MOST_CLASSES:
        cells = scores.confusion_cells(test.label, predicted, len(names))
        confusion = {name: part.tolist() for name, part in zip(("true", "predicted", "count"), cells, strict=True)}
    else:
        confusion = scores.confusion(test.label, predicted, len(names)).tolist()
    by_name = {name: None if np.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}
    return {"per_class": by_name, "confusion": confusion}


def _machine() -> dict[str, Any]:
    """Return the fields of a result that are about this process."""
    memory = backend.peak_device_memory() or machine.peak_memory_bytes()
    return {"peak_memory_bytes": memory, "versions": machine.versions()}


def _over_seeds(members: Sequence[Scores | None]) -> SeedScores | None:
    """Return the mean scores of the members on one split; None where there is no such split."""
    given = [member for member in members if member is not None]
    if not given:
        return None
    accuracy, sd, interval = scores.mean_accuracy([member.accuracy for member in given])
    loss = scores.mean_over_seeds([member.loss for member in given])[0]
    means = (_mean([member[name] for member in given]) for name in ("balanced_accuracy", "macro_f1"))
    return SeedScores(loss, accuracy, sd, interval, given[0].n, len(given), *means)


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that are not None; None if there are none."""
    given = [value for value in values if value is not None]
    return float(np.mean(given)) if given else None
