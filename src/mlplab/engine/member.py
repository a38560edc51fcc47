"""One model in training, as the host sees it: its epochs, callbacks and History. Follows `keras.Model.fit`."""

import math
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np

from mlplab.engine import checks, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import callback_list, sees_batches, terminates_on_nan
from mlplab.engine.loop import Loop
from mlplab.engine.signature import signature
from mlplab.engine.source import Source
from mlplab.engine.streams import StreamSource
from mlplab.engine.traced_hyperparameters import traced_hyperparameters
from mlplab.errors import TrainingError

CLIPPING = "Clipped gradients help too: clipnorm=1.0 in the optimizer."
"""What else helps against divergence where the caller made the optimizer."""


class Member:
    """A compiled model with its data, trained epoch after epoch, alone or with others; see `driver.fit_members`.

    Args:
        model: compiled; built here if it is not.
        source, validation: what it is trained on, and evaluated on after the epochs that `validation_freq` names.
        epochs, initial_epoch, validation_freq, verbose, callbacks: as in `fit`.
        trace_all: make arguments of the step of all numbers that can be, so that members of other trainings share
            the compiled program. Otherwise those in which the members of its first training differ.

    Attributes:
        epoch: epochs done.
        continues: whether it is trained further after `epochs`; averages of the weights (`use_ema`) then do not take
            their place yet.
        shapes, validation_shapes: of one batch, `(x, y, sample_weight)`; None where `checks.build` needed no batch.
        position: decides the order of this epoch, see `Source.segments`.
        logs: metrics of the epoch in progress.
        last_logs: metrics of the newest complete epoch.
        failure: why training stopped early, for a member that diverged; else None.
        traced: names of the `traced_hyperparameters` that are arguments of its step; None before the first training.
        loops: the compiled loops that it has used; looking one up takes milliseconds.
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
        trace_all: bool = False,
    ):
        self.model, self.source, self.validation = model, source, validation
        self.epoch, self.epochs, self.position = initial_epoch, epochs, initial_epoch - 1
        self.shapes = checks.build(model, source, finite=not terminates_on_nan(callbacks))
        checks.check_optimizer(model)
        checks.check_traceable(model, "train_step", source)
        self.validation_shapes = None if validation is None else checks.build(model, validation, "validation_data's ")
        self.callbacks = callback_list(
            model, callbacks, verbose, source.steps, ("train", "test"), epochs=epochs, add_history=True
        )
        if isinstance(source, StreamSource):
            source.read_for(model, sees_batches(self.callbacks, "train"))
        if isinstance(validation, StreamSource):
            validation.read_for(model, sees_batches(self.callbacks, "test"))
        self.logs: dict[str, Any] = {}
        self.last_logs: dict[str, Any] = {}
        self.failure: str | None = None
        self.continues = False
        self.traced = frozenset(each.name for each in traced_hyperparameters(model)) if trace_all else None
        self.loops: dict[Hashable, Loop] = {}
        self._stopped = False
        self._may_change = bool(callbacks)
        self._signature: Hashable = None
        self._validation_freq = validation_freq

    @property
    def active(self) -> bool:
        """Whether there is another epoch to do."""
        return self.epoch < self.epochs and not self._stopped and self.failure is None

    @property
    def signature(self) -> Hashable:
        """Equal for members that one program can train. Needs `traced`."""
        if self._signature is None:
            self._signature = signature(self.model, self.traced)
        return self._signature

    @property
    def seed(self) -> tuple[int, int]:
        """Makes the keys of this epoch's steps."""
        return self.source.seed % 2**32, self.position

    def begin(self) -> None:
        self.model.stop_training = self._stopped = False
        self.callbacks.on_train_begin()
        self.epoch = keras_internals.restored_epoch(self.model) or self.epoch

    def begin_epoch(self) -> None:
        self.model.reset_metrics()
        self.callbacks.on_epoch_begin(self.epoch)
        if self._may_change:  # by a callback, which may freeze a layer or compile the model again
            self._signature = None
        # The order changes also where a custom step does not use the optimizer, which then counts nothing.
        self.position = max(keras_internals.steps_taken(self.model), self.position + 1)

    def take(self, after: state.State, logs: dict[str, Any]) -> None:
        """Give the model the state after an epoch if all of it is finite. Raises `TrainingError` if not."""
        self.logs = logs
        if _is_finite(logs, after):
            state.write(self.model, after)
        elif terminators := [c for c in self.callbacks.callbacks if isinstance(c, keras.callbacks.TerminateOnNaN)]:
            for callback in terminators:
                if not self.model.stop_training:  # by itself, at the batch, where every batch is seen
                    callback.on_batch_end(max(0, self.source.steps - 1), {"loss": math.nan})
        else:
            not_finite = getattr(self.source, "not_finite", None)
            raise TrainingError(
                f"The loss or a weight stopped being a finite number in epoch {self.epoch + 1} "
                f"(loss: {logs.get('loss')}). The model is left as it was after epoch {self.epoch}. Try a smaller "
                "learning rate, or inputs scaled to [0, 1]." + (f" {not_finite.message}" if not_finite else "")
            )

    @property
    def is_validated(self) -> bool:
        """Whether this epoch is followed by an evaluation on the validation data."""
        if self.validation is None:
            return False
        if isinstance(self._validation_freq, Collection):
            return self.epoch + 1 in self._validation_freq
        return (self.epoch + 1) % self._validation_freq == 0

    def begin_validation(self) -> None:
        self.model.stop_evaluating = False
        self.callbacks.on_test_begin()

    def take_validation(self, logs: dict[str, Any]) -> None:
        self.callbacks.on_test_end(logs)
        self.logs |= {f"val_{name}": value for name, value in logs.items()}

    def end_epoch(self) -> None:
        self.callbacks.on_epoch_end(self.epoch, self.logs)
        # Keras's History has lists by name, which do not say of which epochs they are.
        vars(self.model.history).setdefault("logs", []).append(dict(self.logs))
        self.last_logs = self.logs
        self.epoch += 1
        # Only here: an epoch that a callback stops before or within it is brought to its end, validation included.
        self._stopped = self.model.stop_training

    def end(self) -> None:
        if isinstance(self.model.optimizer, keras.optimizers.Optimizer) and self.epochs and not self.continues:
            self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.callbacks.on_train_end(self.logs)


def choose_traced(members: Sequence[Member]) -> None:
    """Choose which numbers are arguments of each member's step: those in which members of one architecture differ.

    A member keeps the choice, so that its program stays the same when it is trained further with fewer others.
    """
    undecided = [member for member in members if member.traced is None]
    if len(undecided) == 1:
        undecided[0].traced = frozenset()
        return
    architectures: dict[Hashable, list[Member]] = {}
    for member in undecided:
        architectures.setdefault(signature(member.model), []).append(member)
    for alike in architectures.values():
        numbers: dict[str, set[float]] = {}
        for member in alike:
            for each in traced_hyperparameters(member.model):
                numbers.setdefault(each.name, set()).add(each.number)
        for member in alike:
            member.traced = frozenset(name for name, values in numbers.items() if len(values) > 1)


def _is_finite(logs: dict[str, Any], after: state.State) -> bool:
    if not np.all(np.isfinite(logs.get("loss", 0.0))):
        return False
    weights = (w for w in after.trainable if np.issubdtype(w.dtype, np.floating))
    return all(np.isfinite(np.sum(np.asarray(w), dtype=np.float64)) for w in weights)
