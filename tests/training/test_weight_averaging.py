"""Stochastic weight averaging: the mean is Keras's weights averaged by hand, and its statistics are those of NumPy."""

import dataclasses

import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource
from mlplab.errors import Interrupted, UsageError
from mlplab.inspection.curves import ending
from mlplab.reports import settings_wording
from mlplab.runs import Settings
from mlplab.training.network import build_network
from mlplab.training.weight_averaging import estimate_statistics

NETWORK = {"hidden": [4], "batch_norm": True, "epochs": 4, "batch_size": 64, "labelled": 640, "learning_rate": 0.01}
SWA = {**NETWORK, "swa": 0.5, "verbose": 0}
"""The weights after epochs 3 and 4 are averaged."""


@pytest.fixture(scope="module")
def averaged(digits, tmp_path_factory):
    return mlplab.train(digits, **SWA, out=tmp_path_factory.mktemp("runs") / "averaged")


@pytest.mark.slow
def test_the_run_keeps_the_mean_of_keras_weights_with_statistics_of_a_pass(averaged, digits):
    settings, rows = averaged.config.settings, averaged.split["train"]
    model = build_network(settings, digits, len(rows))
    x, y = digits.train.images / np.float32(16), digits.train.labels

    def batches(position):
        order = rows.copy()
        np.random.default_rng((0, position)).shuffle(order)
        return [order[start : start + 64] for start in range(0, 640, 64)]

    after_epochs = []
    for epoch in range(4):
        for index in batches(10 * epoch):
            model.train_on_batch(x[index], y[index])
        after_epochs.append([np.array(variable) for variable in model.trainable_variables])
    kernel, gamma, beta, *output = [(a + b) / 2 for a, b in zip(*after_epochs[2:], strict=True)]
    sums = [x[index].reshape(64, -1) @ kernel for index in batches(0)]
    mean, variance = np.mean([each.mean(0) for each in sums], 0), np.mean([each.var(0) for each in sums], 0)
    kept = averaged.model.get_weights()
    for weight, expected in zip(kept, [kernel, gamma, beta, mean, variance, *output], strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=2e-6)
    normalised = (x.reshape(len(x), -1) @ kernel - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    logits = np.maximum(normalised, 0) @ output[0] + output[1]
    held_out = averaged.split["validation"]
    assert averaged.result.validation.accuracy == pytest.approx((logits.argmax(1) == y)[held_out].mean())
    assert (averaged.result.kept_epoch, averaged.kept_epoch) == (None, 4)


@pytest.mark.slow
def test_the_first_of_several_seeds_is_the_run_also_when_they_are_resumed(averaged, digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **SWA, seeds=2, out=tmp_path / "run", callbacks=lambda seed: [Interrupt(3)])
    seeds = mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    files = set(FILES) - {"metrics.jsonl"}  # which has seconds
    assert bytes_of(seeds.members[0].path, files) == bytes_of(averaged.path, files)
    assert bytes_of(seeds.members[1].path, files) != bytes_of(averaged.path, files)


@pytest.mark.slow
def test_statistics_are_means_over_batches_weighted_by_their_rows(digits):
    rows = digits.train.images[:40] / np.float32(16)
    layers = [keras.layers.BatchNormalization() for _ in range(2)]
    model = keras.Sequential([keras.Input((8, 8)), *layers])
    layers[0].trainable = False
    estimate_statistics(model, ArraySource(rows, batch_size=16))
    batches = [rows[start : start + 16] / np.sqrt(1 + 1e-3) for start in (0, 16, 32)]
    for values, function in ((layers[1].moving_mean, np.mean), (layers[1].moving_variance, np.var)):
        expected = np.average([function(batch, axis=(0, 1)) for batch in batches], axis=0, weights=[16, 16, 8])
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert not np.array(layers[0].moving_mean).any()
    assert layers[1].momentum == 0.99


@pytest.mark.slow
def test_the_report_says_whose_mean_it_is(averaged):
    assert dict(settings_wording.settings(averaged.config, 4))["weights averaged"].startswith("those after the last 50")
    assert ending(averaged).startswith("The mean of the weights after epochs 3 to 4 was kept.")


def test_an_optimizer_with_averages_of_its_own_is_refused(digits, tmp_path):
    model = mlplab.mlp((8, 8), 10, [4])
    model.compile(keras.optimizers.SGD(0.1, use_ema=True), "sparse_categorical_crossentropy", metrics=["accuracy"])
    with pytest.raises(UsageError, match=r"running averages of the model's optimizer \(use_ema\)"):
        mlplab.train(digits, model=model, swa=0.5, verbose=0, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_which_epochs_are_averaged():
    settings = Settings(hidden=(4,), epochs=40)
    assert settings.first_averaged_epoch is None
    first = {swa: dataclasses.replace(settings, swa=swa).first_averaged_epoch for swa in (0.001, 0.25, 0.5, 0.999)}
    assert first == {0.001: 40, 0.25: 31, 0.5: 21, 0.999: 1}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ema": 0.9}, "swa and ema both put averages in the place of the weights: leave one of them out"),
        ({"early_stopping": 3}, "and early_stopping the weights of the best epoch: leave one of them out"),
        ({"ladder": "full"}, "takes none of these settings: swa"),
        ({"swa": 1}, "swa must be a fraction from 0 to below 1; got 1"),
    ],
)
def test_what_does_not_go_with_it_is_named(given, message):
    with pytest.raises(UsageError, match=message):
        Settings.with_defaults(**{"hidden": [4], "swa": 0.25, **given})


def test_the_sensible_network_stops_early_only_without_it():
    assert Settings.with_defaults().early_stopping == 10
    assert Settings.with_defaults(swa=0.25).early_stopping == 0
