"""Train a run from its checkpoint on: early stopping that survives a restart, and a checkpoint after each epoch."""

from typing import Any

from mlplab.engine import keras
from mlplab.runs import Run
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training.job import TrainingJob


def monitored(model: keras.Model) -> dict[str, Any]:
    """Return arguments for EarlyStopping: validation accuracy if the built model has it, else validation loss."""
    has_accuracy = "accuracy" in model.get_metrics_result()
    return {"monitor": "val_accuracy", "mode": "max"} if has_accuracy else {"monitor": "val_loss", "mode": "min"}


class ResumableEarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's early stopping, whose counters and best weights a checkpoint keeps."""

    def __init__(self, model: keras.Model, checkpoint: Checkpoint, patience: int):
        super().__init__(**monitored(model), patience=patience, restore_best_weights=True)
        self._checkpoint = checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        vars(self).update(self._checkpoint.stopping)
        if "best" in self._checkpoint.state:
            self.best_weights = list(self._checkpoint.state["best"])


class CheckpointWriter(keras.callbacks.Callback):
    """Writes a checkpoint and a line of metrics.jsonl after each epoch. Must be last: it saves the others' state."""

    def __init__(self, run: Run, job: TrainingJob, checkpoint: Checkpoint, stopping: ResumableEarlyStopping | None):
        super().__init__()
        self._history = list(checkpoint.history)
        self._run, self._job, self._stopping = run, job, stopping

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._history.append({"epoch": epoch + 1, **(logs or {})})
        kept: dict[str, Any] = {}
        if self._stopping is not None:
            counters = {name: getattr(self._stopping, name) for name in ("wait", "best", "best_epoch", "stopped_epoch")}
            kept = {"stopping": counters, "best_weights": self._stopping.best_weights}
        self._job.checkpoint(self._history, stopped=self._job.model.stop_training, **kept).save(self._run.path)
        self._run.directory.append_metrics(self._history[-1])


class RunSession:
    """The training of a run from the checkpoint in its directory on. The model of its job gets the checkpoint's state.

    Attributes:
        callbacks: in their order, for `fit` or a `Member`.
        initial_epoch: number of completed epochs; the run's number of epochs if its training has ended.
    """

    def __init__(self, run: Run, job: TrainingJob):
        self.run, self.job = run, job
        checkpoint = Checkpoint.load(run.path)
        job.restore(checkpoint, run)
        run.directory.write_metrics(checkpoint.history)
        settings, stopping = job.config.settings, None
        if settings.early_stopping:
            stopping = ResumableEarlyStopping(job.model, checkpoint, settings.early_stopping)
        writer = CheckpointWriter(run, job, checkpoint, stopping)
        self.callbacks = [writer] if stopping is None else [stopping, writer]
        self.initial_epoch = settings.epochs if checkpoint.stopped else checkpoint.epoch
