"""Evaluate and predict, compiled like training."""

from collections.abc import Callable
from typing import Any

from mlplab.engine import checks, inputs, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import callbacks_of
from mlplab.engine.driver import evaluation, prediction, run
from mlplab.engine.eager import unless_eager
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.signature import signature
from mlplab.engine.source import Source, batch_shapes


@unless_eager
@deferred_interrupt()
def evaluate(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    sample_weight: Any = None,
    steps: None = None,
    callbacks: None = None,
    return_dict: bool = False,
) -> Any:
    """Compute loss and metrics over data: `keras.Model.evaluate`, compiled. Inputs are not rescaled.

    Args:
        x, y, sample_weight, batch_size, verbose: as in `mlplab.fit`.
        steps, callbacks: keep the order of Keras's arguments; only None is taken.
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
    checks.check_not_given("not used in a compiled loop over all rows.", steps=steps, callbacks=callbacks)
    source = inputs.source_given(x, y, sample_weight, batch_size=batch_size)
    shapes = checks.build(model, source)
    checks.check_traceable(model, "test_step", source)
    listed = callbacks_of(model, verbose, source.steps)
    listed.on_test_begin()
    (logs,) = run([evaluation(model, source, shapes, signature(model, ()), listed.on_test_batch_end)])
    listed.on_test_end(logs)
    return logs if return_dict else keras_internals.in_metric_order(model, logs)


@unless_eager
@deferred_interrupt()
def predict(
    model: keras.Model,
    x: Any,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    steps: None = None,
    callbacks: None = None,
) -> Any:
    """Compute the model's outputs for every row: `keras.Model.predict`, compiled. Inputs are not rescaled.

    As in Keras, what the model itself changes is kept: seeds of dropout that it applies when it predicts too.

    Args:
        x: array (n, …) or a nest of arrays; or a `Source`, whose rows are predicted in its order.
        batch_size, verbose: as in `mlplab.fit`.
        steps, callbacks: keep the order of Keras's arguments; only None is taken.

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
    checks.check_not_given("not used in a compiled loop over all rows.", steps=steps, callbacks=callbacks)
    source = inputs.source_given(x, batch_size=batch_size)
    _build(model, source)
    listed = callbacks_of(model, verbose, source.steps)
    listed.on_predict_begin()
    outputs, after = outputs_of(model, source, listed.on_predict_batch_end)
    state.write_non_trainable(model, after)
    listed.on_predict_end()
    return outputs


def _build(model: keras.Model, source: Source) -> None:
    """Create the weights that the model lacks. Raises `ModelError` if it cannot take the batches of the source."""
    if not keras_internals.is_built(model):
        x = batch_shapes(source)[0]
        with checks.raising_model_error(x):
            keras_internals.output_shapes(model, x)
    checks.check_traceable(model, "predict_step", source)


def outputs_of(
    model: keras.Model, source: Source, listener: Callable[[int], None] | None = None
) -> tuple[Any, list[Any]]:
    """Return the outputs of a built model, and its non-trainable state after them. The model is only read.

    `listener`: called between pieces with the step.
    """
    (result,) = run([prediction(model, source, signature(model, training=False), listener)])
    return result
