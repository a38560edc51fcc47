"""Train a run from its checkpoint on: early stopping that survives a restart, and a checkpoint after each epoch."""

from collections.abc import Sequence
from typing import Any

from mlplab.engine import Member, keras
from mlplab.runs import Run
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.logs import of_epoch
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

    @property
    def counters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("wait", "best", "best_epoch", "stopped_epoch")}


class CheckpointWriter(keras.callbacks.Callback):
    """Writes a checkpoint and a line of metrics.jsonl after each epoch. Must be last: it saves the others' state."""

    def __init__(self, run: Run, job: TrainingJob, checkpoint: Checkpoint, stopping: ResumableEarlyStopping | None):
        super().__init__()
        self._history = list(checkpoint.history)
        self._run, self._job, self._stopping = run, job, stopping

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._history.append(of_epoch(epoch + 1, logs))
        stopped, stopping = self._job.model.stop_training, self._stopping
        kept = {} if stopping is None else {"stopping": stopping.counters, "best_weights": stopping.best_weights}
        self._job.checkpoint(self._history, stopped=stopped, **kept).save(self._run.path)
        self._run.directory.append_metrics(self._history[-1])


def member_of_run(
    run: Run, job: TrainingJob, callbacks: Sequence[keras.callbacks.Callback], verbose: int | str
) -> Member:
    """Return the training of a run from the checkpoint in its directory on, whose state the model of its job gets."""
    checkpoint = Checkpoint.load(run.path)
    job.restore(checkpoint, run)
    run.directory.write_metrics(checkpoint.history)
    settings, stopping = job.config.settings, None
    if settings.early_stopping:
        stopping = ResumableEarlyStopping(job.model, checkpoint, settings.early_stopping)
    writer = CheckpointWriter(run, job, checkpoint, stopping)
    return Member(
        job.model,
        job.source,
        job.validation,
        epochs=settings.epochs,
        initial_epoch=settings.epochs if checkpoint.stopped else checkpoint.epoch,
        verbose=verbose,
        callbacks=[*callbacks, writer] if stopping is None else [*callbacks, stopping, writer],
    )
