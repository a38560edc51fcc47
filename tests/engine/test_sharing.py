"""Models of one architecture share their compiled loops; models that differ in anything that counts never do.

The oracle of a wrong sharing is Keras: a model trained after its near twin must come out as Keras trains it.
"""

from functools import partial

import jax
import models
import numpy as np
import pytest
from against import assert_equal_models, fit_both

import mlplab
from mlplab import keras
from mlplab.engine import compile_cache, keras_internals
from mlplab.engine.signature import signature
from mlplab.engine.source import Rows

layers, ops = keras.layers, keras.ops


def loop_of(model):
    return compile_cache.compiled_loop("train", model, Rows(), signature(model, ()))


def built(*hidden, optimizer="adam", **compile_arguments):
    model = models.sequential(*hidden, optimizer=optimizer, **compile_arguments)
    keras_internals.build(model, (np.zeros((1, 28, 28), "float32"), np.zeros(1, "int32"), None))
    return model


SAME = {
    "names and seeds": lambda i: built(
        layers.Dense(8, "relu", name=f"hidden_{i}", kernel_initializer=keras.initializers.HeNormal(seed=i)),
        layers.Dropout(0.5, seed=i),
    ),
    "the initial weights' law": lambda i: built(layers.Dense(8, kernel_initializer=["zeros", "ones"][i])),
    "the learning rate": lambda i: built(layers.Dense(8), optimizer=keras.optimizers.SGD(10.0**-i)),
    "the optimizer's name": lambda i: built(layers.Dense(8), optimizer=keras.optimizers.SGD(name=f"sgd_{i}")),
    "the type of a rate": lambda i: built(layers.Dropout([0.5, np.float32(0.5)][i])),
    "functional or called again": lambda i: _functional(),
}


def _functional(twice=False):
    image = keras.Input((28, 28))
    dense = layers.Dense(8, "relu")
    hidden = dense(layers.Flatten()(image))
    if twice:
        hidden = ops.relu(hidden)
    model = keras.Model(image, layers.Dense(10, "softmax")(hidden))
    model.compile("adam", **models.CLASSIFIER)
    model.build(None)
    model.optimizer.build(model.trainable_variables)
    return model


def _decayed(*excluded):
    optimizer = keras.optimizers.AdamW(weight_decay=0.5)
    if excluded:
        optimizer.exclude_from_weight_decay(var_names=[*excluded])
    return optimizer


def _frozen(which):
    hidden = [layers.Dense(8, name=f"d{i}") for i in range(3)]
    hidden[1 + which].trainable = False
    return built(*hidden)


def _frozen_kernel(which):
    hidden = [layers.Dense(8), layers.Dense(8), layers.Dense(8)]
    model = built(*hidden, optimizer=keras.optimizers.SGD())
    hidden[1 + which].kernel.trainable = False
    model.compile(keras.optimizers.SGD(), **models.CLASSIFIER)
    model.optimizer.build(model.trainable_variables)
    return model


def _regularized_later(i):
    model = built(layers.Dense(8))
    if i:
        model.layers[1].kernel.regularizer = keras.regularizers.L2(0.1)
    return model


def _normalized(i):
    normalization = layers.Normalization(axis=None)
    normalization.adapt(np.linspace(0, 1 + i, 10))
    return built(normalization, layers.Dense(8))


class _Constraint(keras.constraints.Constraint):
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, step):
        return self.rate


def _metric(i):
    def share(y, y_pred):
        return ops.ones_like(y_pred[:, 0]) * i

    return share


def _patched(i):
    model = built(dense := layers.Dense(8))
    dense.call = type(dense).call.__get__(dense) if i == 0 else (lambda x, training=None: ops.matmul(x, dense.kernel))
    return model


def _with_epsilon(i):
    keras.config.set_epsilon([1e-7, 1e-2][i])
    try:
        model = built(layers.Dense(8))
        return model, loop_of(model)
    finally:
        keras.config.set_epsilon(1e-7)


def _muon(i):
    optimizer = keras.optimizers.Muon(exclude_layers=["left"])
    return built(
        *(layers.Dense(8, name=["left", "right"][(i + j) % 2]) for j in range(2)),
        optimizer=optimizer,
    )


OTHER = {
    "activation": lambda i: built(layers.Dense(8, ["relu", "tanh"][i])),
    "lambda activation": lambda i: built(layers.Dense(8, [lambda x: x, lambda x: 2 * x][i])),
    "partial activation": lambda i: built(layers.Dense(8, partial(keras.activations.leaky_relu, negative_slope=i))),
    "dropout rate": lambda i: built(layers.Dropout([0.1, 0.2][i])),
    "Lambda layer": lambda i: built(layers.Lambda([lambda x: x, lambda x: 2 * x][i])),
    "normalization's data": _normalized,
    "own constraint": lambda i: built(layers.Dense(8, kernel_constraint=_Constraint([1.0, 0.01][i]))),
    "regularizer given later": _regularized_later,
    "frozen layer": _frozen,
    "frozen kernel": _frozen_kernel,
    "patched layer": _patched,
    "operation": lambda i: _functional(twice=bool(i)),
    "dtype": lambda i: built(layers.Dense(8, dtype=["float32", "mixed_bfloat16"][i])),
    "autocast": lambda i: built(layers.Dense(8, dtype="mixed_bfloat16", autocast=bool(i))),
    "loss": lambda i: built(loss=["sparse_categorical_crossentropy", "mse"][i]),
    "loss's setting": lambda i: built(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=bool(i))),
    "own loss function": lambda i: built(loss=_metric(i)),
    "loss weight": lambda i: built(loss_weights=[1.0, 2.0][i]),
    "metric function of the same name": lambda i: built(metrics=[_metric(i)]),
    "metric wrapped": lambda i: built(metrics=[keras.metrics.MeanMetricWrapper(_metric(i), name="share")]),
    "metric weighted": lambda i: built(**{["metrics", "weighted_metrics"][i]: ["accuracy"]}),
    "optimizer": lambda i: built(optimizer=["adam", "nadam"][i]),
    "optimizer's setting": lambda i: built(optimizer=keras.optimizers.Adam(beta_1=[0.9, 0.8][i])),
    "weight decay": lambda i: built(optimizer=keras.optimizers.AdamW(weight_decay=[0.1, 0.2][i])),
    "exclusion from weight decay": lambda i: built(optimizer=_decayed(*[[], ["bias"]][i])),
    "other exclusion": lambda i: built(layers.Dense(8), optimizer=_decayed(["bias", "kernel"][i])),
    "schedule": lambda i: built(optimizer=keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10 + i))),
    "own schedule": lambda i: built(optimizer=keras.optimizers.SGD(_Schedule([0.1, 0.2][i]))),
    "learning rate as a function": lambda i: built(optimizer=keras.optimizers.SGD([lambda: 0.1, lambda: 0.2][i])),
    "optimizer that goes by names": _muon,
}


@pytest.mark.parametrize("what", SAME)
def test_loops_are_shared_whatever(what):
    assert loop_of(SAME[what](0)) is loop_of(SAME[what](1))


@pytest.mark.parametrize("what", OTHER)
def test_loops_are_not_shared_when_they_differ_in(what):
    assert loop_of(OTHER[what](0)) is not loop_of(OTHER[what](1))


def test_loops_are_not_shared_over_keras_settings():
    (first, a), (_, b) = map(_with_epsilon, range(2))
    assert a is not b
    assert loop_of(first) is a


@pytest.mark.slow
def test_the_second_model_of_an_architecture_compiles_nothing(few, other):
    compilations = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, duration_secs, **_: compilations.append(event))
    mlplab.fit(models.notebook(), *few, verbose=0, validation_data=other)
    compilations.clear()
    mlplab.fit(models.notebook(), *few, verbose=0, validation_data=other)
    assert "/jax/core/compile/backend_compile_duration" not in compilations


@pytest.mark.slow
@pytest.mark.parametrize("what", ["normalization's data", "frozen kernel"])
def test_a_near_twin_trained_before_changes_nothing(what, few):
    mlplab.fit(OTHER[what](0), *few, verbose=0, shuffle=False)
    (theirs, _), (ours, _) = fit_both(lambda: OTHER[what](1), *few, packed=False)
    assert_equal_models(theirs, ours)


@pytest.mark.slow
def test_a_changed_model_does_not_change_how_its_twin_is_trained(few):
    """The loop is traced from the first model; a new batch size traces it again, when that model has changed."""
    first = models.sequential(layers.Dense(8, "relu"))
    mlplab.fit(first, *few, verbose=0, shuffle=False)
    first.layers[1].activation = keras.activations.tanh
    x, y = few[0][:128], few[1][:128]
    (theirs, _), (ours, _) = fit_both(
        lambda: models.sequential(layers.Dense(8, "relu")), x, y, packed=False, batch_size=64
    )
    assert_equal_models(theirs, ours)
    assert loop_of(first) is not loop_of(ours)


@pytest.mark.slow
def test_a_model_that_is_compiled_again_trains_with_its_new_settings(rows):
    class OwnModel(keras.Sequential):
        pass

    def build():
        model = OwnModel([keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")])
        model.compile(keras.optimizers.SGD(0.1), **models.CLASSIFIER)
        return model

    trained = []
    for fit in (keras.Model.fit, mlplab.fit):
        model = models.seeded(build)()
        for momentum in (0.0, 0.9):
            model.compile(keras.optimizers.SGD(0.1, momentum=momentum, nesterov=True), **models.CLASSIFIER)
            fit(model, *rows, batch_size=320, shuffle=False, verbose=0)
        trained.append(model)
    for p, q in zip(trained[0].get_weights(), trained[1].get_weights(), strict=True):
        np.testing.assert_allclose(p, q, atol=1e-6)


class _Temperature(layers.Layer):
    divisor = 1.0

    def call(self, x):
        return ops.softmax(x / self.divisor)


def _two_outputs():
    x = keras.Input((4,))
    return keras.Model(x, [layers.Dense(3, "softmax", name="a")(x), layers.Dense(2, name="b")(x)])


def _linear(layer):
    layer.activation = keras.activations.linear


CHANGES = {
    "normalization adapted again": (
        lambda: keras.Sequential([keras.Input((4,)), layers.Normalization(), layers.Dense(3)]),
        lambda model: model.layers[0].adapt(np.full((9, 4), 5.0) + np.arange(9)[:, None]),
    ),
    "own layer": (
        lambda: keras.Sequential([keras.Input((4,)), layers.Dense(3), _Temperature()]),
        lambda model: setattr(model.layers[-1], "divisor", 5.0),
    ),
    "Lambda beside": (
        lambda: keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x / 5), layers.Dense(3, "softmax")]),
        lambda model: _linear(model.layers[-1]),
    ),
    "two outputs": (_two_outputs, lambda model: _linear(model.get_layer("a"))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_before_compile_counts_in_predictions_and_evaluations(what):
    build, change = CHANGES[what]
    model, x = build(), np.linspace(-3, 8, 40, dtype="float32").reshape(10, 4)
    y = [np.zeros((10, part.shape[1])) for part in model.outputs]

    def both(predict, evaluate):
        return [*keras.tree.flatten(predict(model, x, verbose=0)), *np.ravel(evaluate(model, x, y, verbose=0))]

    model.compile("adam", ["mse"] * len(y))
    before = both(mlplab.predict, mlplab.evaluate)
    change(model)
    model.compile("adam", ["mse"] * len(y))
    after, expected = both(mlplab.predict, mlplab.evaluate), both(keras.Model.predict, keras.Model.evaluate)
    for p, q in zip(after, expected, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)
    assert np.abs(before[0] - after[0]).max() > 0.01


def test_a_model_without_a_configuration_has_programs_of_its_own():
    """The configuration of a layer that GPTQ has quantized holds the blocks of the model, and so itself."""
    model, x = keras.Sequential([keras.Input((4,)), layers.Dense(3)]), np.linspace(-3, 8, 40).reshape(10, 4)
    blocks = {"pre_block_layers": [], "sequential_blocks": model.layers}
    model.layers[0].quantization_config = keras.quantizers.GPTQConfig(None, None, quantization_layer_structure=blocks)
    with pytest.raises(RecursionError):
        model.get_config()
    np.testing.assert_allclose(mlplab.predict(model, x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)


def test_the_oldest_loops_are_dropped():
    for i in range(compile_cache.KEPT + 3):
        loop_of(built(layers.Dropout(0.1 + i / 100)))
    assert len(compile_cache._loops) == compile_cache.KEPT
