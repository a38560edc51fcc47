"""A member of a population is what it would be alone: the oracle is `mlplab.fit` of the same model."""

import functools

import jax
import numpy as np
import pytest
from against import assert_equal_models, largest_difference, numbers
from models import varied

import mlplab
from mlplab import keras
from mlplab.engine import devices, driver
from mlplab.engine.backend import isolated_random_state
from mlplab.engine.traced_hyperparameters import traced_hyperparameters
from mlplab.models import constant_then_linear, mlp

pytestmark = pytest.mark.usefixtures("fully_optimized")  # it compares bits
layers = keras.layers
EPOCHS, BATCH = 2, 32
TRAINING = {"epochs": EPOCHS, "batch_size": BATCH, "validation_split": 0.2, "verbose": 0}
WEIGHT_DECAY_IS_EXACT = jax.__version_info__ >= (0, 11)
"""Before, XLA multiplied a constant decay with the learning rate first, and a traced one with the weight."""


def build(
    learning_rate=1e-3, dropout=0.2, weight_decay=0.004, noise=0.1, l2=1e-4, smoothing=0.0, units=6, schedule=True
):
    """A network with every number that can vary within one program, and batch normalisation."""
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, 200) if schedule else learning_rate
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.GaussianNoise(noise),
            layers.Dense(units, use_bias=False, kernel_regularizer=keras.regularizers.L2(l2)),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=weight_decay),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
        metrics=["accuracy"],
    )
    return model


MIXED = [
    {"seed": 0, "learning_rate": 0.003, "dropout": 0.1, "weight_decay": 0.02, "noise": 0.3, "l2": 1e-3},
    {"seed": 1, "learning_rate": 0.001, "dropout": 0.45, "weight_decay": 0.0003, "noise": 0.05, "l2": 1e-5},
]
DIVERGING = {**MIXED[0], "seed": 3, "learning_rate": 1e30}


@pytest.fixture(scope="module")
def one_hot(few):
    """5 full batches: 4 to train on, 1 for validation."""
    x, y = few
    return x[: 5 * BATCH], np.eye(10, dtype=np.float32)[y[: 5 * BATCH]]


@pytest.fixture(scope="module")
def alone(one_hot):
    """Models of `build` trained alone, each once: `alone(variation) -> (model, history)`."""

    @functools.cache
    def trained(seed, **variation):
        with isolated_random_state():
            keras.utils.set_random_seed(seed)
            model = build(**variation)
        return model, mlplab.fit(model, *one_hot, seed=seed, **TRAINING).history

    return lambda variation: trained(**variation)


def population(variations, one_hot):
    return mlplab.fit_population(build, variations, *one_hot, **TRAINING)


@pytest.mark.slow
def test_members_with_several_seeds_and_rates_are_bit_for_bit_what_they_are_alone(few, other):
    variations = [{"seed": seed, "learning_rate": rate} for seed in (0, 1) for rate in (0.001, 0.01)]
    arguments = {"epochs": EPOCHS, "validation_data": other, "verbose": 0}
    trained = mlplab.fit_population(varied, variations, *few, **arguments)
    assert trained.programs == 1
    for member in trained:
        keras.utils.set_random_seed(seed := member.variation["seed"])
        model = varied(member.variation["learning_rate"])
        history = mlplab.fit(model, *few, seed=seed, **arguments).history
        assert_equal_models(model, member.model)
        assert history == member.history


@pytest.mark.slow
def test_dropout_of_whole_pixels_and_rates_in_steps_are_bit_for_bit_what_they_are_alone(few):
    def encoded(learning_rate, input_dropout, seed=0):
        model = mlp((28, 28), 10, [4], pixel_encoding=3, input_dropout=input_dropout, seed=0)
        rate = constant_then_linear(learning_rate, epochs=3, steps_per_epoch=1)
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
        return model

    rows = [array[:BATCH] for array in few]
    variations = [{"learning_rate": 0.3, "input_dropout": 0.1}, {"learning_rate": 0.07, "input_dropout": 0.45}]
    trained = mlplab.fit_population(encoded, variations, *rows, epochs=3, verbose=0)
    assert trained.programs == 1
    alone = encoded(**variations[1])
    history = mlplab.fit(alone, *rows, epochs=3, seed=0, verbose=0).history
    assert_equal_models(alone, trained[1].model)
    assert history == trained[1].history


@pytest.mark.slow
def test_each_member_of_a_mixed_population_is_bit_for_bit_what_it_is_alone(one_hot, alone):
    trained = population([*MIXED, DIVERGING], one_hot)
    assert trained.programs == 1
    assert "smaller learning rate" in trained[2].diverged
    assert all(np.isfinite(array).all() for array in numbers(trained[2].model))
    assert repr(trained) == "Population(3 members, 1 of them diverged)"
    for member in trained[:2]:
        model, history = alone(member.variation)
        if WEIGHT_DECAY_IS_EXACT:
            assert_equal_models(model, member.model)
            assert history == member.history
        else:
            assert largest_difference(model, member.model) < 1e-5


@pytest.mark.slow
def test_label_smoothing_varies_up_to_rounding(one_hot, alone):
    trained = population([{**MIXED[0], "smoothing": smoothing} for smoothing in (0.05, 0.3)], one_hot)
    assert trained.programs == 1
    model, history = alone(trained[0].variation)
    assert largest_difference(model, trained[0].model) < 1e-4
    np.testing.assert_allclose(history["loss"], trained[0].history["loss"], rtol=1e-5)


@pytest.mark.slow
def test_stacked_as_on_a_gpu_a_member_is_what_it_is_alone_up_to_rounding(one_hot, alone, monkeypatch):
    monkeypatch.setattr(driver, "on_cpu", lambda: False)
    monkeypatch.setattr(devices.jax, "local_devices", lambda here=jax.local_devices: here()[:1])
    sizes, groups = [], driver.groups

    def recorded(*arguments):
        made = list(groups(*arguments))
        sizes.extend(map(len, made))
        return made

    monkeypatch.setattr(driver, "groups", recorded)
    trained = population(MIXED, one_hot)
    predicted = trained.predict(one_hot[0], batch_size=80)
    assert set(sizes) == {2}
    monkeypatch.undo()
    for member, outputs in zip(trained, predicted, strict=True):
        model, history = alone(member.variation)
        assert largest_difference(model, member.model) < 1e-5
        np.testing.assert_allclose(history["val_loss"], member.history["val_loss"], rtol=1e-4)
        np.testing.assert_allclose(outputs, model.predict(one_hot[0], verbose=0), atol=1e-5)


@pytest.mark.slow
def test_attributes_hold_their_numbers_again_after_tracing(one_hot):
    made = []

    def keeping(**variation):
        made.append(build(**variation))
        return made[-1]

    rates = [{"dropout": 0.3, "noise": 0.2}, {"dropout": 0.4, "noise": 0.1}]
    mlplab.fit_population(keeping, rates, *one_hot, batch_size=1000, verbose=0)
    assert {0.3, 0.2} <= {each.number for each in traced_hyperparameters(made[0])}
    assert not [layer for layer in made[0].layers if "call" in vars(layer)]
