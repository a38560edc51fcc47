"""The ingredients of strong recipes: each does what its formula says, alone and in seeds, studies, and after a stop."""

import dataclasses

import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.engine import keras_internals
from mlplab.errors import Interrupted
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.runs import Settings
from mlplab.training.network import build_network

NETWORK = {"hidden": [4], "epochs": 3, "batch_size": 64, "labelled": 640, "verbose": 0}
ALL = {"label_smoothing": 0.1, "input_dropout": 0.1, "noise": 0.2, "warmup": 0.3}
"""Every ingredient at once."""


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    return mlplab.train(digits, **NETWORK, **ALL, out=tmp_path_factory.mktemp("runs") / "all")


def test_a_resumed_run_and_the_first_of_several_seeds_are_the_run(trained, digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, **ALL, out=tmp_path / "run", callbacks=[Interrupt(2)])
    mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    seeds = mlplab.train(digits, **NETWORK, **ALL, seeds=2, out=tmp_path / "seeds")
    files = set(FILES) - {"metrics.jsonl"}  # which has seconds
    assert bytes_of(tmp_path / "run", files) == bytes_of(trained.path, files)
    assert bytes_of(seeds.members[0].path, files) == bytes_of(trained.path, files)


def test_trials_with_and_without_them_share_a_study(digits):
    arguments = {name: value for name, value in NETWORK.items() if name != "verbose"}
    plain, rich = Settings(**arguments), Settings(**arguments, **ALL)
    faster = dataclasses.replace(rich, learning_rate=0.02)
    beside, together, shared = run_trials(digits, HalvingTask((plain, rich, faster), rungs=(1, 3), reduction=1))
    (alone,) = run_trials(digits, HalvingTask((rich,), rungs=(3,)))
    for name, values in alone.history.items():
        np.testing.assert_allclose(together.history[name], values, rtol=1e-5)
    assert together.group == shared.group != beside.group
    assert together.history["loss"][-1] != shared.history["loss"][-1]


def test_label_smoothing_is_in_the_loss_and_not_in_the_scores(digits, tmp_path):
    """Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7."""
    run = mlplab.train(digits, **NETWORK, label_smoothing=0.2, out=tmp_path / "run")
    kept = run.predictions("validation")
    log, one_hot = np.log(kept.probabilities), np.eye(10)[kept.label]
    assert run.epochs[-1]["val_loss"] == pytest.approx(-((0.8 * one_hot + 0.02) * log).sum(1).mean(), rel=1e-5)
    assert run.epochs[-1]["val_accuracy"] == pytest.approx((log.argmax(1) == kept.label).mean())
    assert run.result.validation.loss == pytest.approx(-(one_hot * log).sum(1).mean(), rel=1e-5)
    assert isinstance(run.model.loss, keras.losses.CategoricalCrossentropy)


@pytest.mark.parametrize("schedule", ["none", "cosine"])
def test_a_warm_up_rises_in_a_line_to_where_the_schedule_begins(schedule, digits):
    settings = Settings(hidden=(4,), epochs=5, batch_size=64, learning_rate=0.03, schedule=schedule, warmup=0.2)
    model = build_network(settings, digits, 640)  # 10 steps an epoch
    steps = np.arange(51)
    scheduled = np.ones(51) if schedule == "none" else (1 + np.cos(np.pi * (steps - 10) / 40)) / 2
    expected = 0.03 * np.where(steps < 10, steps / 10, scheduled)
    rate = keras_internals.learning_rate(model.optimizer)
    np.testing.assert_allclose([float(rate(step)) for step in steps], expected, atol=1e-8)


def test_members_whose_warm_up_ends_at_different_rates_are_what_they_are_alone(digits):
    def build(learning_rate):
        settings = Settings(hidden=(4,), batch_size=64, epochs=2, learning_rate=learning_rate, warmup=0.5)
        return build_network(settings, digits, 640)

    x, y = digits.train.images[:640] / 16, digits.train.labels[:640]
    arguments = {"batch_size": 64, "epochs": 2, "verbose": 0}
    trained = mlplab.fit_population(build, [{"learning_rate": rate} for rate in (0.01, 0.1)], x, y, **arguments)
    assert trained.programs == 1
    for member in trained:
        alone = build(member.variation["learning_rate"])
        mlplab.fit(alone, x, y, seed=0, **arguments)
        for p, q in zip(alone.get_weights(), member.model.get_weights(), strict=True):
            np.testing.assert_array_equal(p, q)
