"""Training one model, as `keras.Model.fit` does it: the same arguments, one epoch after the other."""

import weakref
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from mlplab.engine import checks, inputs, keras_internals
from mlplab.engine.backend import keras
from mlplab.engine.driver import fit_members
from mlplab.engine.eager import unless_eager
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.keras_internals import is_stream
from mlplab.engine.member import CLIPPING, Member
from mlplab.engine.source import ArraySource
from mlplab.engine.streams import StreamSource, reads_by_steps
from mlplab.errors import TrainingError, UsageError, require_whole

_random_seeds: weakref.WeakKeyDictionary[keras.Model, int] = weakref.WeakKeyDictionary()
"""Drawn for models that were given no seed."""


@unless_eager
@deferred_interrupt()
def fit(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: int | str = "auto",
    callbacks: Sequence[keras.callbacks.Callback] | keras.callbacks.Callback | None = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool | str = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: int | Collection[int] = 1,
    seed: int | None = None,
    packed: bool = True,
) -> keras.callbacks.History:
    """Train a compiled Keras model: `keras.Model.fit`, with whole epochs compiled and the data on the device.

    Takes the arguments of `keras.Model.fit` in the same order, and `seed` and `packed`. A second call continues where
    the first ended, in the order of the rows too. Inputs are not rescaled.

    Args:
        x: array (n, …) or a nest of arrays; or a stream, which gives batches `(x, y)` or `(x, y, sample_weight)`: an
            iterator, a `keras.utils.PyDataset`, a `tf.data.Dataset`, a torch `DataLoader`; or a `Source`, which brings
            its own y, weights, batches and order.
        y: targets (n, …) likewise, as the model's loss takes them.
        batch_size: rows a step, 32 by default; more than n means n.
        verbose: 0 silent, 1 a progress bar, 2 a line an epoch.
        callbacks: Keras callbacks. Those that see every batch make the steps run one by one, about as fast as in Keras.
        validation_split: the last part of the rows, held out.
        validation_data: `(x, y)` or `(x, y, sample_weight)`, a stream or a `Source`; takes precedence over
            validation_split.
        steps_per_epoch, validation_steps: batches in an epoch, and in an evaluation; None: all. Needed for streams that
            do not end. An epoch continues where the one before ended.
        seed: of the shuffling. None: the one given to `keras.utils.set_random_seed`, else one from NumPy's global
            state, which stays with the model.
        packed: False takes Keras's step unchanged also where `packing.py` has a faster one; a dense network's
            weights then equal `keras.Model.fit`'s bit for bit (with `shuffle=False`).

    Returns:
        The `History`: `.epoch` and `.history[name]`, a value an epoch. Its `.logs`, a dict for each epoch, also says
        which epochs a metric was logged in, as with `validation_freq`.

    Raises:
        DataError, ModelError, UsageError: before anything is trained.
        TrainingError: the loss or a weight is no longer finite. The model is left as it was after the last good
            epoch. (With a `TerminateOnNaN` callback training stops there instead.)
        KeyboardInterrupt: Ctrl-C ends the training after the steps of the present 0.2 s, or the present callback; a
            second Ctrl-C at once. The model is as after the last complete epoch.

    Example:
        import mlplab
        from mlplab import keras

        (x, y), _ = mlplab.load_data("digits")
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = mlplab.fit(model, x / 16, y, epochs=3, validation_split=0.1, verbose=2)
    """
    checks.check_compiled(model, "fit")
    epochs = checks.epochs(epochs)
    initial_epoch = require_whole("initial_epoch", initial_epoch, least=0)
    if not isinstance(validation_freq, list | tuple | set):
        require_whole("validation_freq", validation_freq)
    for name, steps in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
        if steps is not None:
            require_whole(name, steps)
    held_out, rows_given = validation_data, batch_size
    if hasattr(x, "segments"):
        given = {"y": y, "class_weight": class_weight, "sample_weight": sample_weight, "batch_size": batch_size}
        given |= {"steps_per_epoch": steps_per_epoch, "validation_split": validation_split or None}
        inputs.refuse_beside_source(**given, seed=seed)
        source = x
    else:
        data = (x, y, sample_weight) if is_stream(x) else inputs.arrays_of((x, y, sample_weight))
        if held_out is None and validation_split:
            data, held_out = inputs.split(data, validation_split)
        order = {"batch_size": batch_size, "shuffle": shuffle, "class_weight": class_weight, "seed": seed}
        by_steps = is_stream(x) or reads_by_steps(steps_per_epoch)
        source = _stream(data, steps_per_epoch, **order) if by_steps else _array_source(model, data, **order)
    if validation_batch_size is not None:
        rows_given = require_whole("validation_batch_size", validation_batch_size)
    elif validation_steps is None:
        rows_given = getattr(source, "batch_size", None)
    member = Member(
        model,
        source,
        inputs.validation_source(held_out, rows_given, validation_steps),
        epochs=epochs,
        initial_epoch=initial_epoch,
        validation_freq=validation_freq,
        verbose=verbose,
        callbacks=callbacks,
    )
    fit_members([member], packed=packed)
    if member.failure:
        raise TrainingError(f"{member.failure} {CLIPPING}")
    history: Any = getattr(model, "history", None)  # a CallbackList of the user's own may have no History
    return history


def _stream(data: tuple, steps: int | None, *, seed: int | None, **order: Any) -> StreamSource:
    """Return the source of a stream, or of arrays of which an epoch reads a number of batches."""
    checks.check_not_given(
        "a stream, and arrays with steps_per_epoch, are read in Keras's order; keras.utils.set_random_seed fixes it.",
        seed=seed,
    )
    return StreamSource(*data, steps_per_epoch=steps, restarts=False, **order)


def _array_source(
    model: keras.Model, data: tuple, *, batch_size: int | None, shuffle: bool | str, class_weight: Any, seed: int | None
) -> ArraySource:
    """Return the source of arrays of which an epoch reads all rows."""
    batch_size = require_whole("batch_size", 32 if batch_size is None else batch_size)
    if class_weight is not None:
        if data[2] is not None:
            raise UsageError("Give class_weight or sample_weight, not both: multiply them into one sample_weight.")
        data = (*data[:2], inputs.weights_of_classes(data[1], class_weight))
    seed = _seed_of(model) if seed is None else require_whole("seed", seed, least=0)
    return inputs.from_arrays(data, batch_size, shuffle=shuffle, seed=seed)


def _seed_of(model: keras.Model) -> int:
    """Return the seed given to Keras, or one that stays with the model.

    It comes from NumPy's global state, which `keras.utils.set_random_seed` sets too: in another thread, and after
    `clear_session`, Keras itself has lost the seed.
    """
    seed = keras_internals.get_random_seed()
    if seed is not None:
        return seed
    if model not in _random_seeds:
        _random_seeds[model] = int(np.random.randint(2**31))  # noqa: NPY002 - it is what Keras seeds
    return _random_seeds[model]
