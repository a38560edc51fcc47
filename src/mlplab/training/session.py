"""Train a run from its checkpoint on: early stopping that survives a restart, and a checkpoint after each epoch."""

from collections.abc import Sequence
from typing import Any

from mlplab.engine import Member, keras
from mlplab.runs import Run
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.logs import of_epoch
from mlplab.training import averages
from mlplab.training.job import TrainingJob, weights_digest
from mlplab.training.weight_averaging import WeightAveraging, weight_averaging


def _monitored(model: keras.Model) -> dict[str, Any]:
    """Return arguments for EarlyStopping: validation accuracy if the built model has it, else validation loss."""
    has_accuracy = "accuracy" in model.get_metrics_result()
    return {"monitor": "val_accuracy", "mode": "max"} if has_accuracy else {"monitor": "val_loss", "mode": "min"}


class EarlyStopping(keras.callbacks.EarlyStopping):
    """Keras's early stopping; the best weights are averages where the optimizer keeps some."""

    def __init__(self, model: keras.Model, patience: int, swap: keras.callbacks.SwapEMAWeights | None):
        super().__init__(**_monitored(model), patience=patience, restore_best_weights=True)
        self._swap = swap

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averages.in_place(self._swap):
            super().on_epoch_end(epoch, logs)


class ResumableEarlyStopping(EarlyStopping):
    """Early stopping whose counters and best weights a checkpoint keeps."""

    def __init__(
        self,
        model: keras.Model,
        checkpoint: Checkpoint,
        patience: int,
        swap: keras.callbacks.SwapEMAWeights | None,
    ):
        super().__init__(model, patience, swap)
        self._checkpoint = checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        super().on_train_begin(logs)
        vars(self).update(self._checkpoint.stopping)
        if "best" in self._checkpoint.state:
            self.best_weights = list(self._checkpoint.state["best"])

    @property
    def counters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("wait", "best", "best_epoch", "stopped_epoch")}


class EpochWeights(keras.callbacks.Callback):
    """Remembers a digest of the weights that each epoch ended with, or of their averages.

    Must come before callbacks that may put other weights in place.

    Attributes:
        digests: one for each epoch; "" where it is not known: epochs of a version before, or of a model kept as a run.
    """

    def __init__(self, model: keras.Model, checkpoint: Checkpoint, swap: keras.callbacks.SwapEMAWeights | None):
        super().__init__()
        self._trained, self._swap = model, swap
        self.digests = list(checkpoint.digests) or [""] * checkpoint.epoch
        self._at_end = ""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averages.in_place(self._swap):
            self.digests.append(weights_digest(self._trained))

    def on_train_end(self, logs: Any = None) -> None:
        self._at_end = weights_digest(self._trained)

    def kept_epoch(self) -> int | None:
        """Return the newest epoch that ended with the weights that the model has now; None if no epoch did.

        Weights that no callback put in place belong to the last epoch, also averages (`use_ema`) that the optimizer
        put in place when training ended.
        """
        now, last = weights_digest(self._trained), len(self.digests)
        newest = next((number for number in range(last, 0, -1) if self.digests[number - 1] == now), None)
        return last if newest is None and now == self._at_end else newest


class CheckpointWriter(keras.callbacks.Callback):
    """Writes a checkpoint and a line of metrics.jsonl after each epoch. Must be last: it saves the others' state."""

    def __init__(
        self,
        run: Run,
        job: TrainingJob,
        checkpoint: Checkpoint,
        weights: EpochWeights,
        stopping: ResumableEarlyStopping | None,
        averaging: WeightAveraging | None,
    ):
        super().__init__()
        self._history = list(checkpoint.history)
        self._run, self._job, self._weights = run, job, weights
        self._stopping, self._averaging = stopping, averaging

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._history.append(of_epoch(epoch + 1, logs))
        stopping, averaging = self._stopping, self._averaging
        checkpoint = self._job.checkpoint(
            self._history,
            stopped=self._job.model.stop_training,
            digests=self._weights.digests,
            stopping=None if stopping is None else stopping.counters,
            best=None if stopping is None else stopping.best_weights,
            mean=None if averaging is None else averaging.mean,
        )
        checkpoint.save(self._run.path)
        self._run.directory.append_metrics(self._history[-1])

    def on_train_end(self, logs: Any = None) -> None:
        kept = self._weights.kept_epoch()
        if kept is None and self._stopping is not None:  # whose weights a callback may have changed at the epoch's end
            kept = self._stopping.best_epoch + 1
        self._job.kept_epoch = kept


def member_of_run(
    run: Run, job: TrainingJob, callbacks: Sequence[keras.callbacks.Callback], verbose: int | str
) -> Member:
    """Return the training of a run from the checkpoint in its directory on, whose state the model of its job gets."""
    checkpoint = Checkpoint.load(run.path)
    job.restore(checkpoint, run)
    run.directory.write_metrics(checkpoint.history)
    settings, stopping = job.config.settings, None
    swap = averages.averages(settings)
    weights = EpochWeights(job.model, checkpoint, swap)
    if settings.early_stopping:
        stopping = ResumableEarlyStopping(job.model, checkpoint, settings.early_stopping, swap)
    averaging = weight_averaging(settings, job.model, job.source, checkpoint.state.get("mean"))
    writer = CheckpointWriter(run, job, checkpoint, weights, stopping, averaging)
    return Member(
        job.model,
        job.source,
        job.validation,
        epochs=settings.epochs,
        initial_epoch=settings.epochs if checkpoint.stopped else checkpoint.epoch,
        verbose=verbose,
        callbacks=[each for each in (swap, weights, *callbacks, stopping, averaging, writer) if each is not None],
    )
