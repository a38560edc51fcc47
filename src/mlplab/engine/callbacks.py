"""Keras callbacks in epoch mode: which are taken, and how progress within an epoch reaches them."""

from collections.abc import Callable
from typing import Any

from mlplab.engine import checks
from mlplab.engine.backend import keras
from mlplab.errors import UsageError

_BATCH_HOOKS = tuple(f"on_{kind}batch_{when}" for kind in ("", "train_", "test_") for when in ("begin", "end"))


def training_callbacks(
    model: keras.Model, callbacks: Any, verbose: int | str, epochs: int, steps: int
) -> keras.callbacks.CallbackList:
    """Return the callbacks of a training, with a History. Raises `UsageError` for one that has to see every batch."""
    for callback in [] if callbacks is None else callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
        if not isinstance(callback, keras.callbacks.Callback):
            raise UsageError(f"callbacks must be keras.callbacks.Callback objects; got {type(callback).__name__}.")
        by_epoch = isinstance(callback, keras.callbacks.TerminateOnNaN | keras.callbacks.ProgbarLogger) or (
            isinstance(callback, keras.callbacks.ModelCheckpoint) and callback.save_freq == "epoch"
        )
        hooks = [name for name in _BATCH_HOOKS if checks.overrides(callback, name, of=keras.callbacks.Callback)]
        if hooks and not by_epoch:
            raise UsageError(
                f"{type(callback).__name__} needs to be called for every batch ({', '.join(hooks)}), and mlplab runs "
                "whole epochs in one call. Use a callback with on_epoch_end (CSVLogger, ModelCheckpoint with "
                "save_freq='epoch', LambdaCallback(on_epoch_end=…)), or keras.Model.fit. To continue after a crash, "
                "train with mlplab.train, whose runs resume exactly."
            )
    return callbacks_of(model, verbose, steps, callbacks, add_history=True, epochs=epochs)


def callbacks_of(
    model: keras.Model, verbose: int | str, steps: int, callbacks: Any = None, *, epochs: int = 1, **arguments: Any
) -> keras.callbacks.CallbackList:
    """Return Keras's list of callbacks, with its progress bar among them unless `verbose` is 0."""
    return keras.callbacks.CallbackList(
        callbacks, add_progbar=verbose != 0, model=model, verbose=verbose, epochs=epochs, steps=steps, **arguments
    )


def piece_listener(callbacks: keras.callbacks.CallbackList) -> Callable[[int, dict[str, Any]], None] | None:
    """Return a function of step and logs that notifies whatever shows progress within an epoch; None if nothing does.

    That is Keras's progress bar, and callbacks with an `on_piece_end(step, logs)`.
    """
    listeners = [
        getattr(callback, "on_piece_end", callback.on_train_batch_end)
        for callback in callbacks.callbacks
        if hasattr(callback, "on_piece_end")
        or (isinstance(callback, keras.callbacks.ProgbarLogger) and callback.verbose == 1)
    ]

    def notify(step: int, logs: dict[str, Any]) -> None:
        for listener in listeners:
            listener(step, logs)

    return notify if listeners else None
