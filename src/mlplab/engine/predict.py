"""Evaluate and predict, compiled like training."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mlplab.engine import checks, inputs, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import callback_list, sees_batches
from mlplab.engine.driver import run
from mlplab.engine.eager import unless_eager
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.passes import evaluation, prediction
from mlplab.engine.signature import signature
from mlplab.engine.source import Batch, Segment, Source, batch_shapes
from mlplab.engine.streams import StreamSource


@unless_eager
@deferred_interrupt()
def evaluate(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
) -> Any:
    """Compute loss and metrics over data: `keras.Model.evaluate`, compiled. Inputs are not rescaled.

    Args:
        x, y, sample_weight, batch_size, verbose, callbacks: as in `mlplab.fit`.
        steps: batches to evaluate; None: all. Needed for streams that do not end.
        return_dict: a dict of name and float; otherwise a list of floats in Keras's order (a float, if it is one).

    Raises:
        DataError, ModelError: data that the model cannot take.

    Example:
        import mlplab
        from mlplab import keras

        _, (x, y) = mlplab.load_data("digits")
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        scores = mlplab.evaluate(model, x / 16, y, verbose=0, return_dict=True)
    """
    checks.check_compiled(model, "evaluate")
    source = inputs.source_given(x, y, sample_weight, batch_size=batch_size, steps=steps)
    shapes = checks.build(model, source)
    checks.check_traceable(model, "test_step", source)
    listed = callback_list(model, callbacks, verbose, source.steps, ("test",))
    if isinstance(source, StreamSource):
        source.read_for(model, sees_batches(listed, "test"))
    model.stop_evaluating = False
    listed.on_test_begin()
    (logs,) = run([evaluation(model, source, shapes, signature(model, ()), listed)])
    listed.on_test_end(logs)
    return logs if return_dict else keras_internals.in_metric_order(model, logs)


@unless_eager
@deferred_interrupt()
def predict(
    model: keras.Model,
    x: Any,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    steps: int | None = None,
    callbacks: Any = None,
) -> Any:
    """Compute the model's outputs for every row: `keras.Model.predict`, compiled. Inputs are not rescaled.

    As in Keras, what the model itself changes is kept: seeds of dropout that it applies when it predicts too.

    Args:
        x: array (n, …) or a nest of arrays; or a stream or a `Source`, whose rows are predicted in their order.
        batch_size, verbose, callbacks: as in `mlplab.fit`.
        steps: batches to predict; None: all. Needed for streams that do not end.

    Returns:
        NumPy array (n, …), or the model's nest of them: the outputs of all batches, joined along their first axis.

    Raises:
        DataError, ModelError: data that the model cannot take.

    Example:
        import mlplab
        from mlplab import keras

        _, (x, _) = mlplab.load_data("digits")
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        probabilities = mlplab.predict(model, x / 16, verbose=0)
    """
    checks.check_model(model, "predict")
    source = inputs.source_given(x, batch_size=batch_size, steps=steps)
    if not isinstance(source, StreamSource):
        _build(model, source)
    listed = callback_list(model, callbacks, verbose, source.steps, ("predict",))
    by_batch = sees_batches(listed, "predict")
    if isinstance(source, StreamSource):
        source.read_for(model, by_batch)
    model.stop_predicting = False
    listed.on_predict_begin()
    predicted, reported, done = [], 0, 0  # outputs of parts, how many of them callbacks have got, and steps
    every = model.steps_per_execution if model.compiled else 1
    with contextlib.closing(_parts(source, by_batch)) as parts:
        for part in parts:
            if part is not source:
                _build(model, part)
            if by_batch and done % every == 0:
                listed.on_predict_batch_begin(done)
            outputs, after = outputs_of(model, part, None if by_batch else _shifted(listed.on_predict_batch_end, done))
            state.write_non_trainable(model, after)
            predicted.append(outputs)
            done += part.steps
            if by_batch and done % every == 0:
                listed.on_predict_batch_end(done - 1, {"outputs": _joined(predicted[reported:])})
                reported = len(predicted)
            if model.stop_predicting:
                break
    if by_batch and reported < len(predicted):
        listed.on_predict_batch_end(done + -done % every - 1, {"outputs": _joined(predicted[reported:])})
    listed.on_predict_end()
    return _joined(predicted)


def _joined(predicted: list[Any]) -> Any:
    """Join the outputs of several calls along their first axis."""
    return predicted[0] if len(predicted) == 1 else jax.tree.map(lambda *rows: np.concatenate(rows), *predicted)


@dataclass(frozen=True)
class _Part:
    """The source of one segment of another source."""

    batch: Batch
    seed: int
    segment: Segment

    @property
    def steps(self) -> int:
        return self.segment.steps - int(self.segment.start)

    def segments(self, position: int) -> Iterator[Segment]:
        yield self.segment


def _parts(source: Source, by_batch: bool) -> Generator[Source, None, None]:
    """Yield what is predicted in a call: all of a source, a stack of a stream, or a batch where callbacks see each."""
    if not by_batch and not isinstance(source, StreamSource):
        yield source
        return
    for segment in source.segments(0):
        if by_batch:  # once for all batches, or each would take the whole segment to the device
            segment = segment._replace(arrays=jax.device_put(segment.arrays))
        for part in segment.split() if by_batch else [segment]:
            yield _Part(source.batch, source.seed, part)


def _shifted(listener: Callable[[int], object], by: int) -> Callable[[int], object]:
    return lambda step: listener(by + step)


def _build(model: keras.Model, source: Source) -> None:
    """Create the weights that the model lacks. Raises `ModelError` if it cannot take the batches of the source."""
    if not keras_internals.is_built(model):
        x = batch_shapes(source)[0]
        with checks.raising_model_error(x):
            keras_internals.output_shapes(model, x)
    checks.check_traceable(model, "predict_step", source)


def outputs_of(
    model: keras.Model, source: Source, listener: Callable[[int], object] | None = None
) -> tuple[Any, list[Any]]:
    """Return the outputs of a built model, and its non-trainable state after them. The model is only read.

    `listener`: called between pieces with the step.
    """
    (result,) = run([prediction(model, source, signature(model, training=False), listener)])
    return result
