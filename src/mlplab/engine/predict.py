"""Evaluate and predict, compiled like training."""

from typing import Any

import jax

from mlplab.engine import checks, inputs, keras_internals, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import callbacks_of
from mlplab.engine.driver import evaluation, prediction, run
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.engine.signature import signature
from mlplab.engine.source import batch_shapes


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
    listed = callbacks_of(model, verbose, source.steps)
    listed.on_test_begin()
    (logs,) = run([evaluation(model, source, shapes, signature(model, ()), listed.on_test_batch_end)])
    listed.on_test_end(logs)
    return logs if return_dict else keras_internals.in_metric_order(model, logs)


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

    The model is only read: states that it carries from batch to batch are not kept.

    Args:
        x: array (n, …) or a nest of arrays; or a `Source`, whose rows are predicted in its order.
        batch_size, verbose: as in `mlplab.fit`.
        steps, callbacks: keep the order of Keras's arguments; only None is taken.

    Returns:
        NumPy array (n, …), or the model's nest of them.

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
    shapes = batch_shapes(source)
    listed = callbacks_of(model, verbose, source.steps)
    key, outputs = signature(model, training=False), output_shapes(model, shapes)
    listed.on_predict_begin()
    (predicted,) = run([prediction(model, source, key, outputs, listed.on_predict_batch_end)])
    listed.on_predict_end()
    return predicted


def output_shapes(model: keras.Model, shapes: Any) -> Any:
    """Return shapes and dtypes of the outputs for a batch. Raises `ModelError` for shapes that do not fit the model."""
    with checks.raising_model_error(shapes[0]):
        if not model.built:
            keras_internals.output_shapes(model, shapes[0])
        before = state.read(model)
        batch = keras.utils.pack_x_y_sample_weight(*shapes)
        return jax.eval_shape(model.predict_step, (before.trainable, before.non_trainable), batch)[0]
