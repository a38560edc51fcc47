"""Keras's callbacks: which of them see every batch, and how progress within a pass reaches the others."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Literal

from mlplab.engine import checks, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.step_loop import Carry
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
            f"{names} {'sees' if len(by_batch) == 1 else 'see'} every batch, so the steps run one by one, as "
            "in Keras: an epoch of a small network takes many times as long as without. Methods for epochs, such as "
            "on_epoch_end, cost nothing."
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

    A pass is one epoch of training, or one evaluation. A piece is the steps that one call into a compiled loop does.

    If a callback sees every batch, a `StepLoop` runs the pass, and all callbacks are called as in Keras: once in the
    number of steps that `compile` was given as `steps_per_execution`, and after the last step. Otherwise progress
    reaches Keras's progress bar, and callbacks with an `on_piece_end(step, logs)`.

    Args:
        model, callbacks, mode: of the pass.
        logs: makes the logs of the loop's carry.
        values: makes lists of arrays of the carry, by the names of the fields of `State`: what a callback sees in its
            model, and may change.
        read: makes a carry of an earlier one and such lists.
    """

    def __init__(
        self,
        model: keras.Model,
        callbacks: keras.callbacks.CallbackList,
        mode: Mode,
        *,
        logs: Callable[[Any], dict[str, Any]],
        values: Callable[[Any], dict[str, Any]],
        read: Callable[[Any, dict[str, Any]], Any],
    ):
        self._model, self._logs, self._values, self._read = model, logs, values, read
        self._stop_flag = _STOP_FLAGS[mode]
        self._by_batch = sees_batches(callbacks, mode)
        self._kept = state.read(model) if self._by_batch else None
        self._every = model.steps_per_execution if self._by_batch else 1
        self._steps, self._logs_of_step = 0, {}
        self._begin = getattr(callbacks, f"on_{mode}_batch_begin")
        end = getattr(callbacks, f"on_{mode}_batch_end")
        self._listeners = [end] if self._by_batch else _progress_listeners(callbacks, mode)

    @property
    def step_by_step(self) -> bool:
        """Whether a `StepLoop` runs the pass. One that is stopped before it begins does one step, as in Keras."""
        return self._by_batch or self._is_stopped

    def after_piece(self, steps: int, carry: Any) -> bool:
        """Report progress after a piece of `steps` steps in all; return whether the pass ends."""
        self._steps = steps
        if self._listeners:
            self._call(self._logs(carry))
        return self._is_stopped

    def before(self, steps: int, carry: Carry) -> Any:
        """Call the callbacks before a step; return the carry if they have read the model, which they may have changed.

        Between steps the model holds nothing, so what was read must be continued with.
        """
        if not self._by_batch or steps % self._every:
            return None
        self._begin(steps)
        return self._taken(carry)

    def after(self, steps: int, carry: Carry, logs: dict[str, Any]) -> bool:
        """Call the callbacks after a step; return whether the pass ends."""
        # Keras's list of callbacks waits for the numbers, unless its callbacks let it do so in another thread.
        self._steps, self._logs_of_step = steps, logs if self._by_batch else keras_internals.pythonify_logs(logs)
        if self._by_batch:
            keras_internals.offer_state(self._model, lambda: self._values(carry.unpacked))
        if steps % self._every:
            return False
        self._call(self._logs_of_step)
        return self._is_stopped

    def end(self, carry: Carry) -> Any:
        """Call the callbacks for the steps after the last call, if any; return the carry that they leave."""
        if missing := -self._steps % self._every:
            self._steps += missing  # Keras counts the last steps as if they were all
            self._call(self._logs_of_step)
        taken = self._taken(carry) if self._by_batch else None
        return carry.unpacked if taken is None else taken

    def _call(self, logs: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener(self._steps - 1, logs)

    def _taken(self, carry: Carry) -> Any:
        """Return the carry with the state of the model if a callback has read that since the last step, else None."""
        if not keras_internals.was_read(self._model):
            return None
        variables = state.variables(self._model)._asdict()
        fields = {name: variables[name] for name in self._values(carry.unpacked)}
        return self._read(carry.unpacked, keras_internals.take_state(self._model, fields))

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
