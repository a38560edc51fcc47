"""Runs on data sets that stay in their files, and are trained on in chunks."""

import dataclasses
import json
import shutil
import warnings

import numpy as np
import pytest
from small_runs import SMALL, Interrupt, bytes_of

import mlplab
from mlplab import mapped
from mlplab.cluster import workers
from mlplab.datasets import decoded
from mlplab.datasets.unlabelled import read_unlabelled
from mlplab.errors import DataError, Interrupted, UsageError
from mlplab.experiments.cross_validation import cross_validate
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.training import splits
from mlplab.training.device_data import DeviceData
from mlplab.training.network import build_network
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.database import TrialDatabase
from mlplab.tuning.runner import StudyRunner

CHUNK = 10_000
SETTINGS = {**SMALL, "labelled": None, "epochs": 3, "early_stopping": None, "validation": 0.1}


def without(settings, name):
    return {key: value for key, value in settings.items() if key != name}


@pytest.fixture(scope="module", autouse=True)
def tiny_chunks():
    """The training rows of `digits`, 92 KB, are large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPLAB_CHUNK_BYTES", str(CHUNK))
        yield


@pytest.fixture(scope="module")
def path(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.npz"
    parts = {"x_train": digits.train.inputs, "y_train": digits.train.labels}
    np.savez(path, **parts, x_test=digits.test.inputs, y_test=digits.test.labels)
    return path


@pytest.fixture(scope="module")
def run(path, tmp_path_factory):
    return mlplab.train(path, **SETTINGS, out=tmp_path_factory.mktemp("runs") / "large")


def test_a_run_keeps_its_chunks_and_its_scores_are_those_of_its_model(run, path, digits):
    assert mapped.map_of(mlplab.load(path).train.inputs) is not None
    assert json.loads((run.path / "config.json").read_text())["chunk_bytes"] == CHUNK
    expected = run.model.predict(digits.test.inputs.astype(np.float32) / 16, verbose=0)
    np.testing.assert_allclose(run.predictions("test").probabilities, expected, atol=1e-6)
    held_out = run.predictions("validation")
    np.testing.assert_array_equal(held_out.label, digits.train.labels[held_out.index])
    expected = run.model.predict(digits.train.inputs[held_out.index].astype(np.float32) / 16, verbose=0)
    np.testing.assert_allclose(held_out.probabilities, expected, atol=1e-6)
    assert run.result.test.accuracy > 0.4  # chance is 0.1


def test_a_run_interrupted_after_any_epoch_ends_the_same_whatever_the_chunks_are_now(run, path, tmp_path, monkeypatch):
    for epoch in (0, 1, 2):
        out = tmp_path / f"after-{epoch}"
        with pytest.raises(Interrupted):
            mlplab.train(path, **SETTINGS, out=out, callbacks=[Interrupt(epoch)])
        with monkeypatch.context() as patch:
            patch.setenv("MLPLAB_CHUNK_BYTES", str(2**30) if epoch else str(CHUNK // 2))
            resumed = mlplab.resume(out, verbose=0)
        assert bytes_of(resumed.path, ("model.safetensors", "metrics.jsonl")) == bytes_of(
            run.path, ("model.safetensors", "metrics.jsonl")
        )


def test_seeds_are_what_they_are_alone(run, path, tmp_path):
    population = mlplab.train(path, **SETTINGS, seeds=2, out=tmp_path / "two")
    assert bytes_of(population.members[0].path) == bytes_of(run.path)


def test_one_chunk_is_what_rows_in_memory_are(run, digits):
    settings, split = run.config.settings, run.split
    weights = []
    for chunk_bytes in (None, 10**6):
        model = build_network(settings, digits, len(split["train"]))
        device_data = DeviceData(digits, chunk_bytes)
        source = device_data.training_source(model, split["train"], settings, preprocessing=run.config.preprocessing)
        mlplab.fit(model, source, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for in_memory, in_one_chunk in zip(*weights, strict=True):
        np.testing.assert_array_equal(in_memory, in_one_chunk)


def test_scalings_are_those_of_rows_in_memory(digits, path):
    images = mlplab.load(path).train.inputs
    rows = np.arange(3, len(images))
    for array, in_memory in (
        (images, digits.train.inputs),
        (images.reshape(len(images), -1), digits.train.inputs.reshape(len(images), -1)),
    ):
        for standardize in (False, True):
            got = splits.fit_preprocessing(array, rows, standardize)
            expected = splits.fit_preprocessing(in_memory, rows, standardize)
            np.testing.assert_allclose(got.scale, expected.scale, rtol=1e-12)
            np.testing.assert_allclose(got.offset, expected.offset, rtol=1e-12)


def test_held_out_rows_that_fit_in_a_chunk_are_read_once_for_all_networks(run, path):
    data, rows, scaling = mlplab.load(path), run.split["validation"], run.config.preprocessing
    device_data = DeviceData(data, CHUNK)
    sources = [device_data.validation_source(run.model, rows, preprocessing=scaling) for _ in range(2)]
    kept = sources[0].arrays[0]
    assert kept is sources[1].arrays[0]
    assert mapped.map_of(kept) is None
    np.testing.assert_array_equal(kept, data.train.inputs[rows])
    np.testing.assert_array_equal(sources[0].arrays[1], data.train.labels[rows])
    source = DeviceData(data, kept.nbytes - 1).validation_source(run.model, rows, preprocessing=scaling)
    assert mapped.map_of(source.arrays[0]) is not None


@pytest.mark.slow
def test_the_order_is_that_of_the_chunks_that_were_chosen_first(run, path, digits, monkeypatch):
    """Whatever the memory of the machine, and where a cluster gets the rows as arrays in memory."""
    data = mlplab.load(path)
    task = HalvingTask((run.config.settings,), rungs=(3,), chunk_bytes=CHUNK)
    here = cross_validate(run, data, folds=2), run_trials(data, task)
    monkeypatch.setenv("MLPLAB_CHUNK_BYTES", str(2**30))
    np.testing.assert_array_equal(cross_validate(run, data, folds=2), here[0])
    assert run_trials(digits, task) == here[1]


def test_a_study_keeps_its_chunks(path, tmp_path):
    def interrupt(_):
        raise KeyboardInterrupt

    space = {"epochs": 1, "hidden": [[8]], "learning_rate": [0.01, 0.02]}
    with pytest.raises(Interrupted):
        mlplab.tune(path, space, trials=1, seeds=1, out=tmp_path / "study", quiet=True, progress=interrupt)
    config = StudyConfig.read(tmp_path / "study")
    with workers(None) as here:
        task = StudyRunner(config, mlplab.load(path), TrialDatabase(tmp_path / "study"), here, None)._task([], True)
    assert task.chunk_bytes == config.chunk_bytes == CHUNK


def test_a_report_and_training_predictions(run, path):
    page = mlplab.report(run.path).read_text("utf-8")
    assert "Quick checks before the training" not in page  # there were none
    assert run.directory.checks() is None
    table = mlplab.score(run, split="train")
    assert "1,299 rows" in table.title


def test_a_ladder_network_is_refused(path, tmp_path):
    with pytest.raises(UsageError, match=r"A ladder network keeps all rows in memory, and large has 0\.0 GB"):
        mlplab.train(path, ladder="full", labelled=100, epochs=1, out=tmp_path / "ladder", verbose=0)
    assert not (tmp_path / "ladder").exists()
    data = mlplab.load(path)
    beside = dataclasses.replace(data, unlabelled=read_unlabelled(data.test.inputs, data.train))
    with pytest.raises(UsageError, match="A ladder network keeps all rows in memory"):
        DeviceData(beside, CHUNK)  # before the rows are read


@pytest.mark.slow
def test_test_rows_that_do_not_belong_to_the_training_rows_are_warned_of_once(digits, tmp_path):
    path, train, test = tmp_path / "odd.npz", digits.train, digits.test
    black_and_white, most = (train.inputs > 8).astype(np.uint8), np.flatnonzero(train.labels != 9)
    parts = {"x_train": black_and_white[most], "y_train": train.labels[most]}
    np.savez(path, **parts, x_test=test.inputs * 15, y_test=test.labels)
    settings = {**SETTINGS, "epochs": 1}
    for name, train_all in {
        "run": lambda out: mlplab.train(path, **settings, out=out),
        "sweep": lambda out: mlplab.sweep(
            path, {"dropout": [0.2, 0.3]}, seeds=1, runs=out, **without(settings, "dropout")
        ),
    }.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train_all(tmp_path / name)
        scale, label = (each for each in caught if each.category is UserWarning)
        assert "go from 0 to 1, and its test inputs from 0 to 240" in str(scale.message)
        assert "No training row of odd has the test labels 9" in str(label.message)
        assert scale.filename == label.filename == __file__


def test_a_file_that_was_changed_is_not_trained_on(path, tmp_path):
    copy = shutil.copy(path, tmp_path / "copy.npz")
    with pytest.raises(Interrupted):
        mlplab.train(copy, **SETTINGS, out=tmp_path / "run", callbacks=[Interrupt(1)])
    with np.load(copy) as arrays:
        other = dict(arrays)
    other["x_train"] = other["x_train"][::-1]
    np.savez(copy, **other)
    with pytest.raises(DataError, match="was begun with copy of other content"):
        mlplab.resume(tmp_path / "run", verbose=0)


def test_the_cache_folder_may_be_gone(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("MLPLAB_CACHE", str(tmp_path / "cache"))
    packed = tmp_path / "packed.npz"
    parts = {"x_train": digits.train.inputs, "y_train": digits.train.labels}
    np.savez_compressed(packed, **parts, x_test=digits.test.inputs, y_test=digits.test.labels)

    class Clean(Interrupt):
        def on_epoch_end(self, epoch, logs=None):
            shutil.rmtree(decoded.folder(), ignore_errors=True)

    with pytest.raises(Interrupted):
        mlplab.train(packed, **SETTINGS, out=tmp_path / "run", callbacks=[Clean(2)])
    assert not decoded.folder().exists()
    mlplab.resume(tmp_path / "run", verbose=0)
    assert list(decoded.folder().glob("*.npy"))
