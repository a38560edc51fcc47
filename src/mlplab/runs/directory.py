"""The files of a run directory, which docs/runs.md lists, and their only reader and writer."""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from mlplab import files
from mlplab.datasets.checks import Finding
from mlplab.datasets.corrections import Corrections
from mlplab.errors import RunError
from mlplab.runs import architecture, checksums, result
from mlplab.runs.checkpoint import STATE, TEXT, Checkpoint
from mlplab.runs.config import Config

if TYPE_CHECKING:
    import keras

INTERNALS, CALIBRATION = "internals.npz", "calibration.json"
"""Files that are computed from a finished run, see `RunDirectory.keep`."""

_CONFIG, _MODEL, _SPLIT, _CORRECTIONS = "config.json", "model.json", "split.npz", "corrected-labels.csv"
_CHECKS = "checks.json"
_METRICS, _WEIGHTS, _RESULT = "metrics.jsonl", "model.safetensors", "result.json"
_CROSS_VALIDATED, _CROSS_VALIDATION = "crossvalidated", "cross-validation.json"

_MOST_ROWS = 100
"""Rows of a finding that checks.json lists."""

_log = logging.getLogger("mlplab")

T = TypeVar("T")


@dataclass(frozen=True)
class Predictions:
    """A run's predictions for one split.

    Attributes:
        index: int (n,), positions in the data set.
        label: int (n,).
        probabilities: float32 (n, classes).
    """

    index: np.ndarray
    label: np.ndarray
    probabilities: np.ndarray


class RunDirectory:
    """The files of one run. Reading raises `RunError` for a file that is missing or damaged."""

    def __init__(self, path: Path):
        self.path = path

    def write_start(self, config: Config, model: "keras.Model", corrections: Corrections | None = None) -> None:
        """Write what a run or a population starts with, into a directory that may not exist yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        files.write_json(self.path / _CONFIG, config.to_json())
        files.write_json(self.path / _MODEL, architecture.describe(model))
        if corrections:
            corrections.write(self.corrections, config.class_names)
        checksums.add(self.path, (_CONFIG, _MODEL, _CORRECTIONS))

    def write_checks(self, findings: Sequence[Finding]) -> None:
        """Write what was found in the data before the training, with at most 100 rows of each finding."""
        files.write_json(self.path / _CHECKS, {"findings": [finding.to_json(_MOST_ROWS) for finding in findings]})
        checksums.add(self.path, (_CHECKS,))

    def checks(self) -> list[dict[str, Any]] | None:
        """What `write_checks` wrote, see `Finding.to_json`; None for a run whose data was not checked."""
        path = self._checked(_CHECKS)
        if not path.exists():
            return None
        value = files.read_json(path)
        if not isinstance(value, dict) or not isinstance(value.get("findings"), list):
            raise RunError(f"{path} is damaged: it has no list of findings. Delete it: the run does not need it.")
        return value["findings"]

    def write_network_start(self, split: Mapping[str, np.ndarray], checkpoint: Checkpoint) -> None:
        """Write what the training of one network starts with."""
        files.write_arrays(self.path / _SPLIT, **split)
        checksums.add(self.path, (_SPLIT,))
        checkpoint.save(self.path)

    def _checked(self, name: str) -> Path:
        """Return the path of a file to read. Raises `RunError` if it changed since it was listed in SHA256SUMS."""
        checksums.check(self.path / name)
        return self.path / name

    def config(self) -> Config:
        path = self._checked(_CONFIG)
        return Config.from_json(files.read_json(path), str(path))

    def architecture(self) -> dict[str, Any]:
        """See `architecture.describe`."""
        return architecture.load(self._checked(_MODEL))

    def new_model(self) -> "keras.Model":
        """The model as compiled for the run, with new weights."""
        return architecture.read(self._checked(_MODEL))

    def split(self) -> dict[str, np.ndarray]:
        return files.read_arrays(self._checked(_SPLIT))

    @property
    def corrections(self) -> Path:
        """The CSV file of training labels that differ from the data set's, if there are any."""
        return self._checked(_CORRECTIONS)

    def corrections_sha256(self) -> str | None:
        path = self.corrections
        return files.sha256(path.read_bytes()) if path.exists() else None

    def member_paths(self, count: int) -> list[Path]:
        """The directories of a population's members, in the order of their seeds."""
        width = max(2, len(str(count - 1)))
        return [self.path / "members" / f"{number:0{width}}" for number in range(count)]

    def metrics(self) -> list[dict[str, Any]]:
        """An object for each epoch; none before the first epoch is complete."""
        path = self._checked(_METRICS) if self.is_finished else self.path / _METRICS
        return files.read_lines(path) if path.exists() else []

    def write_metrics(self, epochs: list[dict[str, Any]]) -> None:
        files.write_lines(self.path / _METRICS, epochs)

    def append_metrics(self, epoch: dict[str, Any]) -> None:
        files.append_line(self.path / _METRICS, epoch)

    @property
    def weights(self) -> Path:
        """The file with the finished weights."""
        return self._checked(_WEIGHTS)

    def write_weights(self, weights: Sequence[np.ndarray]) -> None:
        files.write_tensors(self.path / _WEIGHTS, {str(i): array for i, array in enumerate(weights)})

    def trained_model(self) -> "keras.Model":
        """The model with the finished weights."""
        model, tensors = self.new_model(), files.read_tensors(self.weights)[0]
        try:
            model.set_weights([tensors[str(i)] for i in range(len(tensors))])
        except (KeyError, ValueError) as error:
            raise RunError(f"{self.path / _WEIGHTS} does not fit the model in {_MODEL}: {error}") from error
        architecture.follow_weights(model)
        return model

    def _predictions(self, split: str) -> Path:
        return self.path / f"predictions-{split}.npz"

    def has_predictions(self, split: str) -> bool:
        return self._predictions(split).exists()

    def write_predictions(self, split: str, predictions: Predictions) -> None:
        files.write_arrays(self._predictions(split), **vars(predictions))

    def predictions(self, split: str) -> Predictions:
        return Predictions(**files.read_arrays(self._checked(self._predictions(split).name)))

    @property
    def is_finished(self) -> bool:
        return (self.path / _RESULT).exists()

    @property
    def finished_at(self) -> datetime:
        return datetime.fromtimestamp((self.path / _RESULT).stat().st_mtime).astimezone()

    def write_result(self, value: result.RunResult | result.PopulationResult) -> None:
        """Write the result, which finishes the run. SHA256SUMS lists all files that the run depends on before."""
        self.write_result_json(value.to_json())

    def write_result_json(self, value: dict[str, Any]) -> None:
        """Write the plain values of a result, see `write_result`."""
        predictions = [self._predictions(split).name for split in ("test", "validation")]
        start = {_CONFIG, _MODEL, _SPLIT, _CORRECTIONS, _CHECKS} - checksums.listed(self.path)
        written = [*start, _METRICS, _WEIGHTS, *predictions, TEXT, STATE]
        checksums.add(self.path, written, {_RESULT: files.json_bytes(value)})
        files.write_json(self.path / _RESULT, value)

    def result(self) -> result.RunResult | result.PopulationResult | None:
        """The result; None until the run is finished."""
        path = self._checked(_RESULT)
        return result.from_json(files.read_json(path), str(path)) if path.exists() else None

    def write_divergence(self, reason: str | None) -> None:
        """Write why the training diverged; None: it begins again."""
        path = self.path / files.DIVERGED
        if reason is None:
            path.unlink(missing_ok=True)
        else:
            files.write_json(path, {"reason": reason})

    def divergence(self) -> str | None:
        """Why the training diverged; None if it did not."""
        path = self.path / files.DIVERGED
        if self.is_finished or not path.exists():
            return None
        value = files.read_json(path)
        return str(value.get("reason") if isinstance(value, dict) else value)

    def keep(self, name: str, values: Mapping[str, Any]) -> None:
        """Write `INTERNALS` or `CALIBRATION`, which only save time: a failure is logged."""
        path = self.path / name
        with self._keeping(name):
            if path.suffix == ".json":
                files.write_json(path, values)
            else:
                files.write_arrays(path, **values)

    @contextlib.contextmanager
    def _keeping(self, *names: str) -> Iterator[None]:
        """List files in SHA256SUMS once they are written. They only save time: a failure is logged."""
        with files.optional(self.path / names[0]):
            for name in names:
                checksums.remove(self.path, name)
            yield
            checksums.add(self.path, names)

    def kept(self, name: str, parse: Callable[[dict[str, Any]], T]) -> T | None:
        """Parse what `keep` wrote. Return None if there is no file, or, with a log, if it is damaged or outdated."""
        path = self.path / name
        try:
            read = files.read_json if path.suffix == ".json" else files.read_arrays
            return parse(read(self._checked(name))) if path.exists() else None
        except (RunError, KeyError, TypeError, ValueError):
            _log.info(f"{path} is damaged or of another version, and is computed again.")
            return None

    def keep_file(self, name: str, content: bytes) -> None:
        """Write a file that is computed from the finished run, which only saves time: a failure is logged."""
        with self._keeping(name):
            files.write_bytes(self.path / name, content)

    def kept_file(self, name: str) -> Path | None:
        """Return the path of what `keep_file` wrote; None if there is no file, or, with a log, if it is damaged."""
        path = self.path / name
        try:
            return self._checked(name) if path.is_file() else None
        except RunError:
            _log.info(f"{path} is damaged, and is made again.")
            return None

    def keep_predictions(self, split: str, predictions: Predictions) -> None:
        """Write predictions that only save time: a failure is logged."""
        with self._keeping(self._predictions(split).name):
            self.write_predictions(split, predictions)

    def keep_cross_validation(self, folds: int, predictions: Predictions) -> None:
        """Write out-of-sample predictions of all training rows, which only save time: a failure is logged."""
        correct = predictions.probabilities.argmax(1) == predictions.label
        with self._keeping(self._predictions(_CROSS_VALIDATED).name, _CROSS_VALIDATION):
            # Without this file the predictions count for nothing, should the process end between the two.
            (self.path / _CROSS_VALIDATION).unlink(missing_ok=True)
            self.write_predictions(_CROSS_VALIDATED, predictions)
            files.write_json(self.path / _CROSS_VALIDATION, {"folds": folds, "accuracy": float(correct.mean())})

    def cross_validation(self, folds: int | None = None) -> Predictions | None:
        """What `keep_cross_validation` wrote, if it was with this number of folds; None: with any."""
        if not self.has_predictions(_CROSS_VALIDATED):
            return None
        about = self.kept(_CROSS_VALIDATION, dict) or {}
        return self.predictions(_CROSS_VALIDATED) if folds in (None, about.get("folds")) else None

    @property
    def report(self) -> Path:
        """Where the report goes by default."""
        return self.path / "report.html"

    def label_errors(self, split: str) -> Path:
        """Where the table of probably wrong labels goes by default."""
        return self.path / ("label-errors.csv" if split == "train" else f"label-errors-{split}.csv")


def is_run(path: str | Path) -> bool:
    """Whether a directory is a run."""
    return (Path(path) / _CONFIG).exists()


def created_at(path: Path) -> float:
    """When a run was created, in seconds since the epoch."""
    return (path / _CONFIG).stat().st_mtime
