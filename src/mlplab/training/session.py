"""The callbacks of a run: early stopping that remembers across processes, and a checkpoint after each epoch."""

from pathlib import Path
from typing import Any

from mlplab import files
from mlplab.engine import keras
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training.job import TrainingJob


def monitored(model: keras.Model) -> dict[str, Any]:
    """What early stopping goes by, as arguments of Keras's: the validation accuracy of a built model, or its loss."""
    has_accuracy = "accuracy" in model.get_metrics_result()
    return {"monitor": "val_accuracy", "mode": "max"} if has_accuracy else {"monitor": "val_loss", "mode": "min"}


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's early stopping, which also remembers across processes."""

    def __init__(self, model: keras.Model, checkpoint: Checkpoint, patience: int):
        super().__init__(**monitored(model), patience=patience, restore_best_weights=True)
        self._checkpoint = checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        vars(self).update(self._checkpoint.stopping)
        if "best" in self._checkpoint.state:
            self.best_weights = list(self._checkpoint.state["best"])

    def remembered(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("wait", "best", "best_epoch", "stopped_epoch")}


class CheckpointWriter(keras.callbacks.Callback):
    """Writes a checkpoint and a line of metrics.jsonl after each epoch. Last of the callbacks, so it sees their say."""

    def __init__(self, path: Path, work: TrainingJob, checkpoint: Checkpoint, stopping: ResumableEarlyStopping | None):
        super().__init__()
        self.history = list(checkpoint.history)
        self._path, self._work, self._stopping = path, work, stopping

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.history.append({"epoch": epoch + 1, **(logs or {})})
        stopped = self._work.model.stop_training
        self._work.checkpoint(epoch + 1, self.history, self._stopping, stopped).save(self._path)
        files.append_line(self._path / "metrics.jsonl", self.history[-1])


class RunSession:
    """A run directory on its way: its work put back to the checkpoint, and what keeps it from there on.

    Attributes:
        callbacks: in their order, for `fit` or a `Member`.
        begun: epochs done; all of them, where training has ended.
    """

    def __init__(self, path: Path, work: TrainingJob):
        self.path, self.work = path, work
        checkpoint = Checkpoint.load(path)
        work.go_back_to(checkpoint, path)
        files.write_lines(path / "metrics.jsonl", checkpoint.history)
        settings = work.config.settings
        self._stopping = (
            ResumableEarlyStopping(work.model, checkpoint, settings.early_stopping) if settings.early_stopping else None
        )
        self._keeper = CheckpointWriter(path, work, checkpoint, self._stopping)
        self.callbacks = [*([] if self._stopping is None else [self._stopping]), self._keeper]
        self.begun = settings.epochs if checkpoint.stopped else checkpoint.epoch

    @property
    def epochs(self) -> int:
        """Epochs done and kept."""
        return len(self._keeper.history)

    @property
    def kept(self) -> dict[str, Any]:
        """What was logged in the epoch whose weights are kept; empty for a model that came trained."""
        history = self._keeper.history
        return history[self._stopping.best_epoch if self._stopping is not None else -1] if history else {}
