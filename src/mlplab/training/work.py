"""A model with its data in place, ready to train: what a new run and one that goes on have in common."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlplab.datasets import Data
from mlplab.engine import ArraySource, Rows, keras, source, state
from mlplab.errors import ModelError, RunError
from mlplab.runs import Config
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training.network import is_one_hot

if TYPE_CHECKING:
    from mlplab.training.keeping import Stopping


class Work:
    """A model with its data in place, ready to train: what a new run and one that goes on have in common."""

    def __init__(self, config: Config, data: Data, split: dict[str, np.ndarray], model: keras.Model):
        self.config, self.data, self.split, self.model = config, data, split, model
        settings = config.settings
        self.source = self._source(split["train"], batch_size=settings.batch_size, shuffle=True, seed=settings.seed)
        self.validation = self._source(split["validation"], batch_size=1000) if len(split["validation"]) else None
        try:
            state.build(model, source.batch_shapes(self.source))
        except ValueError as error:
            raise ModelError(f"The model does not fit {data.train}. Keras says: {error}") from error

    def _source(self, rows: np.ndarray, **arguments: Any) -> ArraySource:
        train = self.data.train.select(rows) if len(rows) < len(self.data.train) else self.data.train
        labels: np.ndarray = train.labels
        if is_one_hot(self.model.loss):
            labels = np.eye(len(train.class_names), dtype=np.float32)[labels]
        return ArraySource(train.inputs, labels, batch=Rows(preprocess=self.config.preprocessing), **arguments)

    def checkpoint(self, epoch: int, history: list, stopping: "Stopping | None", stopped: bool) -> Checkpoint:
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
            random={"seed": self.config.settings.seed, "position": state.steps_taken(self.model)},
        )

    def go_back_to(self, checkpoint: Checkpoint, path: Path) -> None:
        """Give the model the state of a checkpoint. Raises `RunError` if it is another model's."""
        now = state.read(self.model)
        then = now._replace(**{part: list(checkpoint.state.get(part, ())) for part in now._fields if part != "metrics"})
        shapes = [[tuple(a.shape) for part in s for a in part] for s in (now, then)]
        if shapes[0] != shapes[1]:
            raise RunError(f"The checkpoint in {path} does not fit the model in model.json: one of them is damaged.")
        state.write(self.model, then)
