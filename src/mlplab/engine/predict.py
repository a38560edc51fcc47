"""Evaluate and predict, compiled as training is."""

from typing import Any

import jax
import numpy as np

from mlplab.engine import checks, compile_cache, inputs, state
from mlplab.engine.backend import keras
from mlplab.engine.callbacks import callbacks_of
from mlplab.engine.loop import Progress
from mlplab.engine.source import Source, batch_shapes


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
    """Loss and metrics over data: `keras.Model.evaluate`, compiled. What is given is not rescaled.

    Args:
        x: array (n, …) or a nest of arrays; or a `Source`, which brings its own y, weights and batches.
        y, sample_weight: arrays of n rows likewise.
        batch_size: rows a step, 32 by default.
        verbose: 0 silent, 1 a progress bar, 2 a line.
        steps, callbacks: there to keep the order of Keras's arguments; only None is taken.
        return_dict: a dict of name and float; otherwise a list of floats in Keras's order (a float, if it is one).

    Raises:
        DataError, ModelError: data that the model cannot take.
    """
    checks.check_compiled(model, "evaluate")
    checks.check_not_given("not used in a compiled loop over all rows.", steps=steps, callbacks=callbacks)
    if hasattr(x, "segments"):
        checks.check_not_given(
            "the Source given as x brings its own.", y=y, sample_weight=sample_weight, batch_size=batch_size
        )
        source = x
    else:
        batch_size = checks.check_count("batch_size", 32 if batch_size is None else batch_size)
        source = inputs.source_of((x, y, sample_weight), batch_size)
    shapes = checks.build(model, source)
    watch = callbacks_of(model, verbose, source.steps)
    watch.on_test_begin()
    logs = evaluate_epoch(
        model,
        source,
        shapes,
        lambda done, carry: watch.on_test_batch_end(done - 1, compile_cache.results(model, *carry[1:])),
    )
    watch.on_test_end(logs)
    return logs if return_dict else state.in_metric_order(model, logs)


def evaluate_epoch(model: keras.Model, source: Source, shapes: Any, progress: Progress | None = None) -> dict[str, Any]:
    """Loss and metrics of a compiled model over a source, by name. `shapes`: what `checks.build` gave."""
    model.reset_metrics()
    before = state.read(model)
    parts = (before.trainable, before.non_trainable, before.metrics)
    non_trainable, metrics, logs = compile_cache.evaluate_loop(model, source.batch)(
        (*parts[1:], compile_cache.first_logs(model, "test_step", parts, shapes)),
        parts[0],
        source.segments(0),
        progress=progress,
    )
    state.write(model, before._replace(non_trainable=non_trainable, metrics=metrics))
    return compile_cache.results(model, metrics, logs)


def predict(
    model: keras.Model,
    x: Any,
    batch_size: int | None = None,
    verbose: int | str = "auto",
    steps: None = None,
    callbacks: None = None,
) -> Any:
    """The model's outputs for every row: `keras.Model.predict`, compiled. What is given is not rescaled.

    The model is only read: states that it carries from batch to batch are not kept.

    Args:
        x: array (n, …) or a nest of arrays; or a `Source`, whose rows are predicted in the order it gives them in.
        batch_size: rows a step, 32 by default.
        verbose: 0 silent, 1 a progress bar, 2 a line.
        steps, callbacks: there to keep the order of Keras's arguments; only None is taken.

    Returns:
        NumPy array (n, …), or the model's nest of them.

    Raises:
        DataError, ModelError: data that the model cannot take.
    """
    checks.check_model(model, "predict")
    checks.check_not_given("not used in a compiled loop over all rows.", steps=steps, callbacks=callbacks)
    if hasattr(x, "segments"):
        checks.check_not_given("the Source given as x brings its own.", batch_size=batch_size)
        source = x
    else:
        batch_size = checks.check_count("batch_size", 32 if batch_size is None else batch_size)
        x = inputs.as_arrays(x, "x")
        inputs.check_rows(x=x)
        source = inputs.from_arrays((x, None, None), batch_size)
    shapes = batch_shapes(source)
    with checks.told_by_keras(shapes[0]):
        if not model.built:
            state.outputs(model, shapes[0])
        before = state.read(model)
        batch = keras.utils.pack_x_y_sample_weight(*shapes)
        outputs, _ = jax.eval_shape(model.predict_step, (before.trainable, before.non_trainable), batch)
    rows = sum(index.size for segment in source.segments(0) for index in jax.tree.leaves(segment.indices)[:1])
    empty = jax.tree.map(lambda s: np.zeros((rows, *s.shape[1:]), s.dtype), outputs)
    watch = callbacks_of(model, verbose, source.steps)
    watch.on_predict_begin()
    _, outputs, _ = compile_cache.predict_loop(model, source.batch)(
        (before.non_trainable, empty, np.int32(0)),
        before.trainable,
        source.segments(0),
        progress=lambda done, _: watch.on_predict_batch_end(done - 1),
    )
    watch.on_predict_end()
    return jax.tree.map(np.asarray, outputs)
