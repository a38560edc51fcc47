"""Keras's callbacks: which of them see every batch, and how progress within a pass reaches the others."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Literal

from mlplab.engine import checks, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.errors import UsageError

_log = logging.getLogger("mlplab")

Mode = Literal["train", "test", "predict"]

_STOP_FLAGS: dict[Mode, str] = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


def callback_list(
    model: keras.Model, callbacks: Any, verbose: int | str, steps: int, modes: Iterable[Mode], **arguments: Any
) -> keras.callbacks.CallbackList:
    """Return Keras's list of callbacks, with its progress bar among them unless `verbose` is 0.

    A `CallbackList` is returned as it is. Logs which callbacks see every batch of the passes of these modes.

    Raises:
        UsageError: for what is no callback.
    """
    listed = callbacks
    if not isinstance(callbacks, keras.callbacks.CallbackList):
        given = [] if callbacks is None else callbacks if isinstance(callbacks, list | tuple) else [callbacks]
        for callback in given:
            if not isinstance(callback, keras.callbacks.Callback):
                raise UsageError(f"callbacks must be keras.callbacks.Callback objects; got {type(callback).__name__}.")
        parameters = {"verbose": verbose, "epochs": 1, "steps": steps or None, **arguments}
        listed = keras.callbacks.CallbackList(list(given), add_progbar=verbose != 0, model=model, **parameters)
    by_batch = [each for each in listed.callbacks if any(_sees_batches(each, mode) for mode in modes)]
    if by_batch:
        names = " and ".join(dict.fromkeys(type(callback).__name__ for callback in by_batch))
        _log.info(
            f"{names} {'sees' if len(by_batch) == 1 else 'see'} every batch, so the steps run one by one: an "
            "epoch of a small network takes many times as long. Methods for epochs, such as on_epoch_end, cost nothing."
        )
    return listed


def terminates_on_nan(callbacks: Any) -> bool:
    """Return whether a `TerminateOnNaN` is among the callbacks, which then deals with a loss that is not finite."""
    given = getattr(callbacks, "callbacks", callbacks)
    return any(isinstance(each, keras.callbacks.TerminateOnNaN) for each in keras.tree.flatten(given))


def sees_batches(callbacks: keras.callbacks.CallbackList, mode: Mode) -> bool:
    """Return whether one of the callbacks has to be called for every batch of a pass."""
    return any(_sees_batches(callback, mode) for callback in callbacks.callbacks)


def _sees_batches(callback: keras.callbacks.Callback, mode: Mode) -> bool:
    names = [f"on_{mode}_batch_begin", f"on_{mode}_batch_end"]
    names += ["on_batch_begin", "on_batch_end"] if mode == "train" else []
    return checks.overrides(callback, *names, of=_class_that_works_by_epochs(callback))


def _class_that_works_by_epochs(callback: keras.callbacks.Callback) -> type:
    """Return the class of Keras whose methods for batches do nothing here, with the settings that the callback has."""
    kinds = keras.callbacks
    by_epoch = {
        kinds.ProgbarLogger: True,  # gets the progress, see `BatchCalls`
        kinds.TerminateOnNaN: True,  # called at the end of the epoch, see `Member.take`
        kinds.ModelCheckpoint: getattr(callback, "save_freq", None) == "epoch",
        kinds.BackupAndRestore: getattr(callback, "save_freq", None) == "epoch",
    }
    if isinstance(callback, kinds.TensorBoard):
        by_epoch[kinds.TensorBoard] = callback.update_freq == "epoch" and not keras_internals.traces_batches(callback)
    found = (kind for kind, works in by_epoch.items() if works and isinstance(callback, kind))
    return next(found, kinds.Callback)


class BatchCalls:
    """Calls Keras callbacks while a model trains or is evaluated, and ends that when a callback sets a stop flag.

    A pass is one epoch of training, or one evaluation. A piece is the steps that one call into the compiled loop does.

    If a callback sees every batch, pieces are single steps, and all callbacks are called as in Keras: once in the
    number of steps that `compile` was given as `steps_per_execution`, and after the last step. Otherwise progress
    reaches Keras's progress bar, and callbacks with an `on_piece_end(step, logs)`.

    Args:
        model, callbacks, mode: of the pass.
        logs: makes the logs of the loop's carry.
        values: makes lists of arrays of the carry, by the names of the fields of `State`: what a callback sees in its
            model, and may change.
        read: makes a carry of an earlier one and the model as it is now.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        mode: Mode,
        *,
        logs: Callable[[Any], dict[str, Any]],
        values: Callable[[Any], dict[str, Any]],
        read: Callable[[Any], Any],
    ):
        self._model, self._logs, self._values, self._read = model, logs, values, read
        self._stop_flag = _STOP_FLAGS[mode]
        self._by_batch = sees_batches(callbacks, mode)
        self._kept = state.read(model) if self._by_batch else None
        self._every = model.steps_per_execution if self._by_batch else 1
        self._steps = 0
        self._begin = getattr(callbacks, f"on_{mode}_batch_begin")
        end = getattr(callbacks, f"on_{mode}_batch_end")
        self._listeners = [end] if self._by_batch else _progress_listeners(callbacks, mode)

    @property
    def step_by_step(self) -> bool:
        """Whether pieces are single steps. A pass that is stopped before it begins does one step, as in Keras."""
        return self._by_batch or self._is_stopped

    def before(self, steps: int, carry: Any) -> Any:
        """Call the callbacks before a step; return the carry with what they changed in the model."""
        if not self._by_batch or steps % self._every:
            return carry
        self._begin(steps)
        return self.changed(carry)

    def after(self, steps: int, carry: Any) -> bool:
        """Call the callbacks after a piece; return whether the pass ends."""
        self._steps = steps
        if steps % self._every:
            return False
        self._call(carry)
        return self._is_stopped

    def end(self, carry: Any) -> Any:
        """Call the callbacks for the steps after the last call, if any; return the carry as `changed` does."""
        if missing := -self._steps % self._every:
            self._steps += missing  # Keras counts the last steps as if they were all
            self._call(carry)
        return self.changed(carry)

    def _call(self, carry: Any) -> None:
        if self._by_batch:
            keras_internals.offer_state(self._model, self._values(carry))
        if self._listeners:
            logs = self._logs(carry)
            for listener in self._listeners:
                listener(self._steps - 1, logs)

    def changed(self, carry: Any) -> Any:
        """Return the carry, or one of the model as it is now if a callback has read it since the last step."""
        return self._read(carry) if self._by_batch and keras_internals.was_read(self._model) else carry

    def undo(self) -> None:
        """Give the model its state before the pass, which callbacks that read it have replaced."""
        if self._kept is not None:
            keras_internals.withdraw_state(self._model)
            state.write(self._model, self._kept)

    @property
    def _is_stopped(self) -> bool:
        return bool(getattr(self._model, self._stop_flag, False))


def _progress_listeners(callbacks: keras.callbacks.CallbackList, mode: Mode) -> list[Callable[[int, Any], object]]:
    listeners = []
    for callback in callbacks.callbacks:
        if mode == "train" and hasattr(callback, "on_piece_end"):
            listeners.append(callback.on_piece_end)
        # The bar of a stream of unknown length counts its steps also where it only prints a line at the end.
        elif isinstance(callback, keras.callbacks.ProgbarLogger) and (callback.verbose == 1 or callback.target is None):
            listeners.append(getattr(callback, f"on_{mode}_batch_end"))
    return listeners
