"""A model with its data in place, ready to train: what a new run and one that goes on have in common."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab import files
from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows, backend, keras, keras_internals, source, state
from mlplab.errors import ModelError, RunError
from mlplab.runs import Config, Run, Settings, architecture, machine
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training import splits
from mlplab.training.network import is_one_hot

if TYPE_CHECKING:
    from mlplab.training.session import ResumableEarlyStopping


class TrainingJob:
    """A model with its data in place, ready to train: what a new run and one that goes on have in common.

    Args:
        config, data, split, model: of the run.
        arrays: another work's `source.arrays` over the same data, which are on the device already.
    """

    def __init__(
        self, config: Config, data: Data, split: dict[str, np.ndarray], model: keras.Model, arrays: Any = None
    ):
        self.config, self.data, self.split, self.model = config, data, split, model
        settings = config.settings
        self._arrays = (data.train.inputs, self._targets(), None) if arrays is None else arrays
        self.source = self._source(split["train"], batch_size=settings.batch_size, shuffle=True, seed=settings.seed)
        self._arrays = self.source.arrays
        self.validation = self._source(split["validation"], batch_size=1000) if len(split["validation"]) else None
        try:
            keras_internals.build(model, source.batch_shapes(self.source))
        except ValueError as error:
            raise ModelError(f"The model does not fit {data.train}. Keras says: {error}") from error

    @classmethod
    def of_run(cls, run: Run, data: Data, arrays: Any = None) -> "TrainingJob":
        """That of a run directory, with new weights."""
        split = files.read_arrays(run.path / "split.npz")
        return cls(run.config, data, split, architecture.read(run.path / "model.json"), arrays)

    def _targets(self) -> np.ndarray:
        labels = self.data.train.labels
        return np.eye(len(self.data.class_names), dtype=np.float32)[labels] if is_one_hot(self.model.loss) else labels

    def _source(self, rows: np.ndarray, **arguments: Any) -> ArraySource:
        subset = rows if len(rows) < len(self.data.train) else None
        batch = Rows(preprocess=self.config.preprocessing)
        return ArraySource(*self._arrays, batch=batch, subset=subset, **arguments)

    def checkpoint(
        self, epoch: int, history: list, stopping: "ResumableEarlyStopping | None", stopped: bool
    ) -> Checkpoint:
        """The model as it is now, as a checkpoint."""
        parts = state.read(self.model)._asdict()
        del parts["metrics"]  # they begin anew with each epoch
        if stopping is not None and stopping.best_weights is not None:
            parts["best"] = stopping.best_weights
        return Checkpoint(
            epoch=epoch,
            history=history,
            state={part: [np.asarray(array) for array in arrays] for part, arrays in parts.items()},
            stopping={} if stopping is None else stopping.remembered(),
            stopped=stopped,
            random={"seed": self.config.settings.seed, "position": keras_internals.steps_taken(self.model)},
        )

    def go_back_to(self, checkpoint: Checkpoint, path: Path) -> None:
        """Give the model the state of a checkpoint. Raises `RunError` if it is another model's."""
        now = state.read(self.model)
        then = now._replace(**{part: list(checkpoint.state.get(part, ())) for part in now._fields if part != "metrics"})
        shapes = [[tuple(a.shape) for part in s for a in part] for s in (now, then)]
        if shapes[0] != shapes[1]:
            raise RunError(f"The checkpoint in {path} does not fit the model in model.json: one of them is damaged.")
        state.write(self.model, then)


@dataclasses.dataclass(frozen=True)
class RunSpec:
    """What all networks of a run have in common.

    Attributes:
        settings: with the seed of the first.
        data: with corrected labels, if there are any.
        origin: see `runs.origin.identity`.
        command: the command line to record.
        corrected_labels: how many.
        seeds: of a population, how many.
        threads: that it is computed with.
    """

    settings: Settings
    data: Data
    origin: dict[str, Any]
    command: list[str] | None = None
    corrected_labels: int = 0
    seeds: int = 1
    threads: int = dataclasses.field(default_factory=machine.threads)

    def config(self, seed: int, split: dict[str, np.ndarray]) -> Config:
        """Of the network with a seed, its inputs scaled by its own training rows."""
        inputs = self.data.train.inputs
        return Config(
            settings=dataclasses.replace(self.settings, seed=seed),
            data=self.origin,
            input_shape=inputs.shape[1:],
            class_names=self.data.class_names,
            preprocessing=splits.fit_preprocessing(inputs, split["train"], self.settings.standardize),
            versions=machine.versions(),
            device=backend.device(),
            threads=self.threads,
            command=self.command,
            corrected_labels=self.corrected_labels,
        )
