"""A ladder network as a run: its rows, settings and presets; what it keeps, after a stop and with several seeds."""

import dataclasses

import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.engine import keras_internals
from mlplab.errors import Interrupted, UsageError
from mlplab.experiments.population import ModelBuilder
from mlplab.inspection.comparison import settings_diff
from mlplab.inspection.curves import curves
from mlplab.recipes import Recipe
from mlplab.reports import wording
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.job import TrainingJob
from mlplab.training.ladders import preset
from mlplab.training.network import build_network

NETWORK = {"hidden": [], "ladder": "full", "labelled": 40, "batch_size": 100, "epochs": 2, "schedule": "linear-end"}
"""With a decoder from the classes to the inputs: each level more is compiled for seconds, here and for two seeds."""
SETTINGS = Settings.with_defaults(**NETWORK)


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ladder"
    return mlplab.train(digits, **NETWORK, learning_rate=0.01, out=out, verbose=0)


@pytest.mark.slow
def test_a_resumed_run_and_the_first_of_several_seeds_are_the_run(trained, digits, tmp_path):
    arguments = {**NETWORK, "learning_rate": 0.01, "verbose": 0}
    with pytest.raises(Interrupted):
        mlplab.train(digits, **arguments, out=tmp_path / "run", callbacks=[Interrupt(1)])
    mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    seeds = mlplab.train(digits, **arguments, seeds=2, out=tmp_path / "seeds")
    files = set(FILES) - {"metrics.jsonl"}  # which has seconds
    assert bytes_of(tmp_path / "run", files) == bytes_of(trained.path, files)
    assert bytes_of(seeds.members[0].path, files) == bytes_of(trained.path, files)


@pytest.mark.slow
def test_the_run_keeps_the_encoder_with_averages_over_the_labelled_batches(trained, digits):
    """In NumPy: the first layer's sums over the labelled batches of the pass, averaged with equal weights."""
    model = trained.model
    assert type(model) is keras.Sequential
    assert trained.result.parameters == model.count_params()
    assert trained.result.kept_epoch == 2
    (segment,) = TrainingJob.of_run(trained, digits).source.segments(0)
    x = digits.train.inputs.reshape(len(digits.train), -1)[segment.indices["labelled"]] / 16
    sums = x @ model.layers[1].kernel.numpy()
    np.testing.assert_allclose(model.layers[2].moving_mean, sums.mean(1).mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.layers[2].moving_variance, sums.var(1, ddof=1).mean(0), rtol=1e-4)
    kept = trained.predictions("test")
    np.testing.assert_allclose(trained.predict(digits.test.inputs), kept.probabilities, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_rows_without_labels_are_counted_when_it_begins_and_when_runs_are_compared(trained, digits, caplog):
    with caplog.at_level("INFO", logger="mlplab"), pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, out=trained.path.parent / "first", callbacks=[Interrupt(0)])
    assert "40 with labels and 1,299 without to train on, 143 held out for validation" in caplog.text
    rows = settings_diff.describe(trained)
    assert (rows["training rows"], rows["training rows without labels"]) == (40, 1299)


@pytest.mark.slow
def test_the_report_names_it_and_no_other_networks_like_it_are_trained(trained):
    named = dict(wording.settings(trained.config, 2))
    assert named["ladder network"] == "full, also trained on rows without their labels"
    text = wording.losses_of_ladder(trained.config, curves(trained))
    assert "plus the denoising costs; the validation loss is the cross-entropy alone" in text
    with pytest.raises(UsageError, match="is a ladder network"):
        ModelBuilder.of(trained)


def test_it_learns_from_all_rows_but_those_for_validation(digits):
    split = splits.split(digits.train, SETTINGS)
    plain = splits.split(digits.train, dataclasses.replace(SETTINGS, ladder="none"))
    np.testing.assert_array_equal(split["train"], plain["train"])
    assert np.bincount(digits.train.labels[split["train"]]).tolist() == [4] * 10
    together = np.concatenate([split["unlabelled"], split["validation"]])
    assert sorted(together) == list(range(len(digits.train)))
    assert set(split["train"]) <= set(split["unlabelled"])
    assert splits.rows_of_epoch(split) == len(split["unlabelled"])


def test_the_rate_falls_to_0_after_two_thirds_of_the_epochs(digits):
    settings = dataclasses.replace(SETTINGS, epochs=6)
    rate = keras_internals.learning_rate(build_network(settings, digits, 1350).optimizer)  # 13 steps an epoch
    rates = [float(rate(13 * epoch)) for epoch in range(7)]
    np.testing.assert_allclose(rates, [1e-3 * min(1, (6 - epoch) / (6 * 0.33)) for epoch in range(7)], rtol=1e-5)


@pytest.mark.parametrize(
    ("ladder", "labelled", "expected"),
    [
        ("full", None, "all-labels"),
        ("full", 60_000, "all-labels"),
        ("full", 10_000, "all-labels"),
        ("full", 5000, "1000-labels"),
        ("full", 1000, "1000-labels"),
        ("full", 100, "100-labels"),
        ("full", 50, "100-labels"),
        ("gamma", 100, "gamma"),
        ("baseline", None, "baseline"),
    ],
)
def test_costs_are_those_for_the_nearest_number_of_labels(ladder, labelled, expected):
    assert preset(dataclasses.replace(SETTINGS, ladder=ladder, labelled=labelled), 60_000) == expected


def test_the_recipe_is_the_authors():
    settings = Settings.with_defaults(**Recipe.of("ladder").settings)
    assert settings.hidden == (1000, 500, 250, 250, 250) == Settings.with_defaults(ladder="gamma").hidden
    assert (settings.optimizer, settings.learning_rate, settings.epochs) == ("adam", 0.002, 150)
    assert (settings.batch_size, settings.validation, settings.standardize) == (100, 0, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dropout": 0.2, "augment": "shift"}, r"takes none of these settings: dropout, augment\. Leave them out"),
        ({"ema": 0.9}, "none of these settings: ema"),
        ({"class_weight": "balanced"}, "none of these settings: class_weight"),
        ({"standardize": True}, "none of these settings: standardize"),
        ({"warmup": 0.1}, "warmup goes with the schedules none and cosine"),
    ],
)
def test_what_does_not_go_with_it_is_named(given, message):
    with pytest.raises(UsageError, match=message):
        Settings.with_defaults(**NETWORK, **given)


def test_a_class_without_labels_is_refused(digits):
    with pytest.raises(UsageError, match="each of 10 classes; got labelled=9"):
        splits.split(digits.train, dataclasses.replace(SETTINGS, labelled=9))
    with pytest.raises(UsageError, match="labelled=2000 takes 200 rows of each class"):
        splits.split(digits.train, dataclasses.replace(SETTINGS, labelled=2000))
