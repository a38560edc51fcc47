"""A ladder network as a run: its rows, settings and presets; what it keeps, after a stop and with several seeds."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.engine import keras_internals
from mlplab.errors import DataError, Interrupted, UsageError
from mlplab.experiments.population import ModelBuilder
from mlplab.inspection.comparison import settings_diff
from mlplab.inspection.curves import curves
from mlplab.recipes import Recipe
from mlplab.reports import settings_wording, wording
from mlplab.runs import Preprocessing, Run, Settings
from mlplab.runs.dataset_ref import command_for, identity, with_unlabelled
from mlplab.training import splits
from mlplab.training.device_data import DeviceData
from mlplab.training.job import TrainingJob
from mlplab.training.ladders import preset
from mlplab.training.network import build_network

NETWORK = {"hidden": [], "ladder": "full", "labelled": 40, "batch_size": 100, "epochs": 2, "schedule": "linear-end"}
"""With a decoder from the classes to the inputs: each level more is compiled for seconds, here and for two seeds."""
SETTINGS = Settings.with_defaults(**NETWORK)


@pytest.fixture(scope="module")
def images(digits):
    """Images without labels: those of the test set, turned."""
    return np.rot90(digits.test.images, axes=(1, 2))


@pytest.fixture(scope="module")
def images_file(images, tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "turned.npz"
    np.savez_compressed(path, x=images)
    return path


@pytest.fixture(scope="module")
def trained(digits, images_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ladder"
    return mlplab.train(digits, **NETWORK, learning_rate=0.01, unlabelled=images_file, out=out, verbose=0)


@pytest.mark.slow
def test_a_resumed_run_and_the_first_of_several_seeds_are_the_run(trained, digits, images, tmp_path, caplog):
    """Whether the images without labels come from a .npz file, from a .npy file and an array, or from an array."""
    arguments = {**NETWORK, "learning_rate": 0.01, "verbose": 0}
    file = tmp_path / "images.npy"
    np.save(file, images.astype(float))
    with caplog.at_level("INFO", logger="mlplab"), pytest.raises(Interrupted):
        mlplab.train(digits, **arguments, unlabelled=file, out=tmp_path / "run", callbacks=[Interrupt(1)])
    assert f"40 with labels and 1,654 without (355 of them from {file}) to train on" in caplog.text
    np.save(file, images[1:])
    with pytest.raises(DataError, match=r"begun with 355 images without labels; .*images\.npy has 354, and other"):
        mlplab.resume(tmp_path / "run", verbose=0)
    file.unlink()
    with pytest.raises(DataError, match=r"are gone: it was begun with .*images\.npy, .* Put the file back"):
        mlplab.resume(tmp_path / "run", verbose=0)
    mlplab.resume(tmp_path / "run", unlabelled=images, verbose=0)
    seeds = mlplab.train(digits, **arguments, unlabelled=images, seeds=2, out=tmp_path / "seeds")
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
    data = with_unlabelled(digits, trained.config.data, trained.path)
    (segment,) = TrainingJob.of_run(trained, data).source.segments(0)
    x = digits.train.inputs.reshape(len(digits.train), -1)[segment.indices["labelled"]] / 16
    sums = x @ model.layers[1].kernel.numpy()
    np.testing.assert_allclose(model.layers[2].moving_mean, sums.mean(1).mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.layers[2].moving_variance, sums.var(1, ddof=1).mean(0), rtol=1e-4)
    kept = trained.predictions("test")
    np.testing.assert_allclose(trained.predict(digits.test.inputs), kept.probabilities, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_rows_without_labels_are_counted_when_it_begins_and_when_runs_are_compared(trained, digits, caplog):
    path = trained.path.parent / "first"
    with caplog.at_level("INFO", logger="mlplab"), pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, out=path, callbacks=[Interrupt(0)])
    assert "40 with labels and 1,299 without to train on, 143 held out for validation" in caplog.text
    rows, without = settings_diff.describe(trained), settings_diff.describe(Run(path))
    assert (rows["training rows"], rows["training rows without labels"]) == (40, 1299)
    assert rows["images without labels"] == 355
    assert settings_diff.settings(trained).keys() - without.keys() == {"images without labels", "data without labels"}


@pytest.mark.slow
def test_the_report_names_it_and_no_other_networks_like_it_are_trained(trained):
    named = dict(settings_wording.settings(trained.config, 2))
    assert named["ladder network"] == "full, also trained on rows without their labels"
    assert named["images without labels"] == "355 beside the data set, turned.npz"
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
    assert splits.rows_of_epoch(split, digits) == len(split["unlabelled"])


def test_images_without_labels_are_rows_beside_the_training_set(digits, images):
    """An epoch's unlabelled rows are those of the training set that the split names, and the images."""
    data = dataclasses.replace(digits, unlabelled=read_unlabelled(images, digits.train))
    model = mlplab.mlp((8, 8), 10, [])
    model.compile(loss="sparse_categorical_crossentropy")
    split = {"train": np.arange(40), "unlabelled": np.array([3, 5])}
    settings = dataclasses.replace(SETTINGS, batch_size=50)
    more = {"preprocessing": Preprocessing(16.0), "unlabelled": split["unlabelled"]}
    source = DeviceData(data, None).training_source(model, split["train"], settings, **more)
    assert splits.rows_of_epoch(split, data) == 357
    (segment,) = source.segments(0)
    orders = segment.indices
    assert orders["labelled"].max() < 40
    assert orders["unlabelled"].shape == (357 // 50, 50)
    _, rows = source.batch.rows(source.arrays, {name: order.ravel() for name, order in orders.items()})
    expected = np.concatenate([digits.train.images[[3, 5]], images])
    assert Counter(map(bytes, np.asarray(rows))) <= Counter(map(bytes, expected))


def test_a_run_that_began_with_an_array_needs_it_again_and_no_command_repeats_it(digits, images, images_file, tmp_path):
    begun = identity(dataclasses.replace(digits, unlabelled=read_unlabelled(images, digits.train)))
    assert begun["unlabelled"]["rows"] == 355
    with pytest.raises(DataError, match=r"begun with an array .* give the same images in Python, as unlabelled=images"):
        with_unlabelled(digits, begun, tmp_path)
    for again in (images, images_file):
        np.testing.assert_array_equal(with_unlabelled(digits, begun, tmp_path, again).unlabelled.inputs, images)
    with pytest.raises(UsageError, match="without images without labels: leave unlabelled out"):
        with_unlabelled(digits, identity(digits), tmp_path, images)
    assert command_for(begun, {"ladder": "full"}) is None
    of_file = identity(with_unlabelled(digits, begun, tmp_path, images_file))
    words = ["mlplab", "train", "digits", "--ladder", "full", "--unlabelled", str(images_file)]
    assert command_for(of_file, {"ladder": "full"}) == words


def test_no_other_network_takes_images_without_labels(digits, images, tmp_path):
    with pytest.raises(UsageError, match=r"Only ladder networks .* Give ladder='full', or leave unlabelled out"):
        mlplab.train(digits, hidden=[4], unlabelled=images, out=tmp_path / "run")
    with pytest.raises(UsageError, match="Only ladder networks"):
        mlplab.sweep(digits, {"ladder": ["none", "full"]}, hidden=[4], unlabelled=images, runs=tmp_path / "sweep")
    assert list(tmp_path.iterdir()) == []


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


def test_images_beside_the_data_set_are_no_labels():
    assert preset(SETTINGS, 70_000, beside=10_000) == "100-labels"
    all_labelled = dataclasses.replace(SETTINGS, labelled=None)
    assert preset(all_labelled, 70_000, beside=10_000) == "all-labels"
    assert preset(all_labelled, 61_300, beside=60_000) == "1000-labels"


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
    with pytest.raises(UsageError, match=r"labelled=2000 takes 200 rows of each class.* Give labelled=\d+ or less\."):
        splits.split(digits.train, dataclasses.replace(SETTINGS, labelled=2000))
    rare = dataclasses.replace(digits.train, class_names=(*digits.class_names, "ten"))
    with pytest.raises(UsageError, match=r"'ten' has 0 to train on\. Add rows of that class, or leave labelled out\."):
        splits.split(rare, dataclasses.replace(SETTINGS, labelled=22))
