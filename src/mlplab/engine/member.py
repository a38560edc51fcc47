"""One model in training, as the host sees it: its epochs, callbacks and History. Follows `keras.Model.fit`."""

import functools
import math
from collections.abc import Collection, Hashable
from typing import Any

import numpy as np

from mlplab.engine import checks, compile_cache, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import training_callbacks
from mlplab.engine.loop import Loop
from mlplab.engine.source import Source
from mlplab.errors import TrainingError


class Member:
    """A compiled model with its data, epoch after epoch. Alone (`fit.py`), or one of many (`population.py`).

    Args:
        model: compiled; built here if it is not.
        source, validation: what it is trained on, and evaluated on after the epochs that are due.
        epochs, initial_epoch, validation_freq, verbose, callbacks: as in `fit`.

    Attributes:
        epoch: epochs done.
        shapes, validation_shapes: of one batch, `(x, y, sample_weight)`.
        logs: of the newest epoch, as far as it is.
        told: of the newest epoch that is at its end.
        template: the model that its step may be compiled from: itself, or one whose step is known to compute the same
            function of its state though their configurations do not tell.
        failure: why training went no further, for a member of a population that diverged; else None.
        loops: what is compiled for it, by name; to look it up again takes milliseconds.
    """

    def __init__(
        self,
        model: keras.Model,
        source: Source,
        validation: Source | None = None,
        *,
        epochs: int,
        initial_epoch: int = 0,
        validation_freq: int | Collection[int] = 1,
        verbose: int | str = 0,
        callbacks: Any = None,
    ):
        self.model, self.source, self.validation = model, source, validation
        self.epoch, self.epochs = initial_epoch, epochs
        self.shapes = checks.build(model, source)
        checks.check_optimizer(model)
        self.validation_shapes = None if validation is None else checks.build(model, validation, "validation_data's ")
        self.callbacks = training_callbacks(model, callbacks, verbose, epochs, source.steps)
        self.logs: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.failure: str | None = None
        self.template = model
        self.loops: dict[str, Loop] = {}
        self._validation_freq = validation_freq
        self._position = initial_epoch - 1

    @property
    def active(self) -> bool:
        """Whether there is another epoch to do."""
        return self.epoch < self.epochs and not self.model.stop_training and self.failure is None

    @functools.cached_property
    def kind(self) -> Hashable:
        """Equal for members that one program can train at once, their data allowing."""
        return compile_cache.member_signature(self.template)

    @property
    def seed(self) -> tuple[int, int]:
        """Of the keys of this epoch's steps."""
        return self.source.seed % 2**32, self.position

    @property
    def position(self) -> int:
        """Of this epoch's order, see `Source.segments`."""
        return self._position

    def begin(self) -> None:
        self.model.stop_training = False
        self.callbacks.on_train_begin()

    def begin_epoch(self) -> None:
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(self.epoch)
        # An optimizer that a custom step leaves alone counts nothing; the order changes all the same.
        self._position = max(state.steps_taken(self.model), self._position + 1)

    def take(self, after: state.State, logs: dict[str, Any]) -> None:
        """An epoch is done: the model gets its state, if all is finite. Raises `TrainingError` if not."""
        self.logs = logs
        if _is_finite(logs, after):
            state.write(self.model, after)
        elif terminators := [c for c in self.callbacks.callbacks if isinstance(c, keras.callbacks.TerminateOnNaN)]:
            for callback in terminators:
                callback.on_batch_end(self.source.steps - 1, {"loss": math.nan})
        else:
            raise TrainingError(
                f"The loss or a weight stopped being a finite number in epoch {self.epoch + 1} "
                f"(loss: {logs.get('loss')}). The model is left as it was after epoch {self.epoch}. Try a smaller "
                "learning rate, clipnorm=1.0 in the optimizer, or inputs scaled to [0, 1]."
            )

    @property
    def is_validated(self) -> bool:
        """Whether this epoch is followed by a look at the validation data."""
        if self.validation is None or self.model.stop_training:
            return False
        if isinstance(self._validation_freq, Collection):
            return self.epoch + 1 in self._validation_freq
        return (self.epoch + 1) % self._validation_freq == 0

    def take_validation(self, logs: dict[str, Any]) -> None:
        self.callbacks.on_test_end(logs)
        self.logs |= {f"val_{name}": value for name, value in logs.items()}

    def end_epoch(self) -> None:
        self.callbacks.on_epoch_end(self.epoch, self.logs)
        self.told = self.logs
        self.epoch += 1

    def end(self) -> keras.callbacks.History:
        if isinstance(self.model.optimizer, keras.optimizers.Optimizer):
            self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.callbacks.on_train_end(self.logs)
        return self.model.history


def _is_finite(logs: dict[str, Any], after: state.State) -> bool:
    if not np.all(np.isfinite(logs.get("loss", 0.0))):
        return False
    weights = (w for w in after.trainable if np.issubdtype(w.dtype, np.floating))
    return all(np.isfinite(np.sum(np.asarray(w), dtype=np.float64)) for w in weights)
