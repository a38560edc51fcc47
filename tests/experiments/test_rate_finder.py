"""The learning-rate finder: every rate from the same weights, models left unchanged, and the suggestion."""

import dataclasses
from typing import Any

import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource, Rows
from mlplab.errors import ModelError, TrainingError, UsageError
from mlplab.experiments.learning_rate import find_learning_rate, suggest
from mlplab.experiments.rate_plan import RATES, RATES_OF_SGD, TrainingStart, checked_rates, steps_for
from mlplab.experiments.rate_scan import RateScan, scan_settings
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import build_network

layers = keras.layers
SMALL = Settings(hidden=(16,), batch_size=30, epochs=4)
FEW = [1e-4, 1e-2, 1.0, 100.0]


@pytest.fixture(scope="module")
def scan(digits) -> RateScan:
    return scan_settings(SMALL, digits, rates=FEW, steps=20)


@pytest.mark.slow
def test_each_rate_is_what_training_at_it_from_the_same_weights_gives(digits, scan):
    """One of them alone: the same network, the same 20 batches of 30 rows, by Keras's own loss afterwards."""
    split = splits.split(digits.train, SMALL)
    chosen = np.sort(np.random.default_rng((0, 0x17A7E)).permutation(len(split["train"]))[: 20 * 30])
    model = build_network(dataclasses.replace(SMALL, learning_rate=1e-2), digits, len(split["train"]))
    scaling = splits.fit_preprocessing(digits.train.inputs, split["train"], standardize=False)
    rows = digits.train.select(split["train"][chosen])
    source = ArraySource(rows.inputs, rows.labels, batch_size=30, shuffle=True, seed=0, batch=Rows(scaling))
    history = mlplab.fit(model, source, verbose=0).history
    held_out = digits.train.select(split["validation"])
    loss = model.evaluate(scaling(held_out.inputs), held_out.labels, verbose=0, return_dict=True)["loss"]
    assert scan.steps == 20
    assert scan.loss[1] == pytest.approx(history["loss"][0], rel=1e-6)
    assert scan.val_loss[1] == pytest.approx(loss, rel=1e-5)


def test_rates_that_make_it_worse_have_diverged(scan):
    assert scan.diverged.tolist() == [False, False, False, True] or scan.diverged.tolist() == [False, False, True, True]
    assert scan.val_loss[1] < scan.val_loss[0] < scan.untrained


def test_the_same_scan_has_the_same_losses(digits, scan):
    reports = []
    again = scan_settings(SMALL, digits, rates=FEW, steps=20, progress=reports.append)
    np.testing.assert_array_equal(again.val_loss, scan.val_loss)
    assert (reports[-1].done, reports[-1].total) == (4 * 20, 4 * 20)


@pytest.mark.parametrize(
    ("rows", "steps", "batches"),
    [(900, 5, 5), (900, 2 * 30 + 1, 2 * 30), (50, None, 4 * 2)],
    ids=["part of an epoch", "whole epochs", "all of a short training"],
)
def test_the_steps_of_a_scan_are_those_that_a_training_starts_with(rows, steps, batches, digits):
    model = build_network(SMALL, digits, rows)
    start = TrainingStart.of(SMALL, model, rows, steps)
    assert start.steps == batches
    assert start.epochs * -(-len(start.rows) // 30) == batches
    assert len(np.unique(start.rows)) == len(start.rows)


def a_scan(loss, rates=None, untrained=2.0) -> RateScan:
    loss = np.array(loss)
    rates = 10.0 ** np.arange(-5.0, -5.0 + len(loss)) if rates is None else np.array(rates)
    return RateScan(rates, loss, loss, untrained, 100, 10_000)


def test_the_suggestion_is_the_middle_of_the_valley_or_half_of_it():
    """A loss that is a parabola of the logarithm: its valley lies evenly on both sides of the lowest point."""
    rates = 10.0 ** np.linspace(-5, -1, 41)
    parabola = a_scan(0.5 + 0.4 * (np.log10(rates) + 3) ** 2, rates)
    with_schedule = suggest(parabola, "cosine", 10_000)
    assert with_schedule.rate == pytest.approx(1e-3, rel=0.02)
    # 3 % of the way from 2 down to 0.5 is 0.045: so far above the lowest point the rates are 10 ** (-3 ± 0.335).
    assert with_schedule.low == pytest.approx(10**-3.335, rel=0.03)
    assert with_schedule.high == pytest.approx(10**-2.665, rel=0.03)
    constant = suggest(parabola, "none", 10_000)
    assert constant.rate == pytest.approx(0.5e-3, rel=0.02)
    assert "half of that" in constant.reason
    short = suggest(parabola, "none", 200)
    assert short.rate == with_schedule.rate
    assert "The training is short" in short.reason


def test_diverged_rates_are_not_in_the_valley():
    suggestion = suggest(a_scan([1.9, 0.5, 1.0, np.nan, 14.0]), "cosine")
    assert 1e-5 < suggestion.low <= 1e-4 <= suggestion.high < 1e-3
    with pytest.raises(TrainingError, match="above that of the untrained network"):
        suggest(a_scan([2.1, 3.0, np.nan]))


def test_a_valley_at_the_end_of_the_rates_is_mentioned():
    assert "try more of them" in suggest(a_scan([1.9, 1.5, 1.0])).reason


def test_the_number_of_steps_follows_the_work_of_a_step():
    assert steps_for(15_910, 32) == 2000
    assert steps_for(235_146, 128) == 200
    assert 200 < steps_for(50_000, 64) < 2000


def test_plain_gradient_descent_is_tried_at_larger_rates():
    assert checked_rates(None, "SGD") is RATES_OF_SGD
    assert checked_rates(None, "adam") is RATES


def own_model(optimizer):
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dropout(0.1), layers.Dense(10, "softmax")])
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


THREE = {"rates": [1e-3, 1e-2, 1e-1], "verbose": 0}


@pytest.mark.slow
def test_a_users_model_is_left_unchanged(digits):
    x, y = digits.train.inputs / np.float32(16), digits.train.labels
    rate: Any = keras.optimizers.schedules.CosineDecay(0.01, 100)
    model = own_model(keras.optimizers.Adam(rate))
    mlplab.fit(model, x[:200], y[:200], epochs=1, verbose=0)
    before = [np.array(v) for v in (*model.variables, *model.optimizer.variables)]
    optimizer = model.optimizer
    table = find_learning_rate(x, y, model=model, steps=20, **THREE)
    assert model.optimizer is optimizer
    for was, now in zip(before, (*model.variables, *model.optimizer.variables), strict=True):
        np.testing.assert_array_equal(was, now)
    assert table["val_loss"][0] != table["val_loss"][1]
    assert "schedule starts there" in table.reason
    again = find_learning_rate(digits, model=model, steps=20, **THREE)  # a data set is scaled
    np.testing.assert_allclose(again["loss"], table["loss"], rtol=1e-5)


@pytest.mark.slow
def test_a_model_of_two_inputs_is_tried_too(digits):
    ends = [keras.Input((64,)), keras.Input((64,))]
    model = keras.Model(ends, layers.Dense(10, "softmax")(layers.Add()(ends)))
    model.compile("adam", "sparse_categorical_crossentropy")
    x = digits.train.inputs.reshape(-1, 64) / np.float32(16)
    table = find_learning_rate([x, x / 2], digits.train.labels, model=model, steps=20, batch_size=100, **THREE)
    assert table.steps == 26  # two epochs of 13
    assert np.nanmin(table["val_loss"]) < 1


def test_an_optimizer_within_another_is_refused(digits):
    model = own_model(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam()))
    with pytest.raises(ModelError, match="learning rate of LossScaleOptimizer cannot be varied"):
        find_learning_rate(digits, model=model, verbose=0)


def test_the_table_has_the_suggestion_and_a_figure(digits, tmp_path):
    table = find_learning_rate(digits, hidden=[16], batch_size=30, rates=FEW, steps=20, verbose=0)
    assert list(table.columns) == ["learning_rate", "loss", "val_loss", "diverged"]
    assert f"Suggested learning rate: {table.suggestion:.2g}" in repr(table)
    assert table.low <= table.suggestion * 2
    assert table.save(tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    axes = table.figure.axes[0]
    assert axes.get_xscale() == "log"
    assert {"training", "validation", "diverged"} <= {line.get_label() for line in axes.lines}


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"learning_rate": 0.1}, UsageError, "Leave out learning_rate: find_learning_rate looks for it"),
        ({"hiden": [3]}, UsageError, "Did you mean 'hidden'"),
        ({"rates": [0.1, -1, 2]}, UsageError, "rates must be at least 3 different numbers above 0"),
        ({"rates": [0.1, 0.1, 0.1]}, UsageError, "rates must be at least 3 different numbers"),
        ({"rates": ["low", "high", 1]}, UsageError, "rates must be at least 3 different numbers"),
        ({"steps": 0}, UsageError, "steps must be a whole number of at least 1; got 0"),
        ({"y": [1, 2]}, UsageError, "give model=…"),
        ({"model": 3}, ModelError, "takes a keras.Model; got int"),
    ],
)
def test_bad_arguments_are_refused(arguments, kind, message, digits):
    with pytest.raises(kind, match=message):
        find_learning_rate(digits, **{"verbose": 0} | arguments)
