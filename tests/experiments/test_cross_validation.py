"""Every row is predicted by a network that has not seen it, in folds that differ in nothing but their rows."""

import dataclasses
import random

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mlplab
from mlplab import files, keras
from mlplab.datasets import Data, Dataset
from mlplab.engine import ArraySource, Rows, compile_cache
from mlplab.errors import Interrupted, RunError, TrainingError, UsageError
from mlplab.experiments import cross_validation
from mlplab.experiments.cross_validation import cross_validate, epochs_kept, split_folds
from mlplab.experiments.population import ModelBuilder, hold_out

layers = keras.layers
SMALL = {"hidden": [24], "batch_size": 20, "learning_rate": 0.01, "verbose": 0}


def part_of(data: Data, rows: int) -> Data:
    return Data(data.name, data.train.select(np.arange(rows)), data.test)


@pytest.fixture(scope="module")
def small(digits) -> Data:
    """400 rows: whole batches of 20 also when a quarter or a half of them is left out, so less to compile."""
    return part_of(digits, 400)


@pytest.fixture(scope="module")
def run(small, tmp_path_factory) -> mlplab.Run:
    return mlplab.train(small, **SMALL, epochs=4, seed=3, out=tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def four_folds(run, small):
    """The probabilities of a cross-validation with four folds, and its reports of progress."""
    reports = []
    return cross_validate(run, small, folds=4, progress=reports.append), reports


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=60).map(np.array), st.integers(2, 9), st.integers(0, 99), st.data()
)
def test_folds_part_the_rows_evenly_in_each_class(labels, folds, seed, data):
    folds = min(folds, len(labels))
    parts = split_folds(labels, folds, seed)
    assert len(parts) == folds
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for label in np.unique(labels):
        counts = [(labels[part] == label).sum() for part in parts]
        assert max(counts) - min(counts) <= 1
    for part, again in zip(parts, split_folds(labels, folds, seed), strict=True):
        np.testing.assert_array_equal(part, again)


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(0, 99), st.data())
def test_folds_have_whole_groups_that_are_stratified_as_far_as_possible(folds, seed, data):
    groups = data.draw(st.lists(st.integers(0, 9), min_size=8, max_size=60).filter(lambda g: len(set(g)) >= folds))
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(groups), max_size=len(groups))))
    if np.bincount(labels).max() < folds:
        return
    parts = split_folds(labels, folds, seed, tuple(map(str, groups)))
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    assert len(parts) == folds
    assert all(len(part) for part in parts)
    of_parts = [{groups[row] for row in part} for part in parts]
    assert sum(map(len, of_parts)) == len(set(groups))
    for part, again in zip(parts, split_folds(labels, folds, seed, tuple(map(str, groups))), strict=True):
        np.testing.assert_array_equal(part, again)


def test_equal_groups_make_stratified_folds():
    labels = np.repeat([0, 1], 30)
    parts = split_folds(labels, 5, 0, tuple(f"patient {row // 3}" for row in range(60)))
    assert [np.bincount(labels[part]).tolist() for part in parts] == [[6, 6]] * 5
    with pytest.raises(UsageError, match="folds must be a whole number from 2 to 20, as there are 20 groups; got 21"):
        split_folds(labels, 21, 0, tuple(f"patient {row // 3}" for row in range(60)))
    with pytest.raises(UsageError, match="from 2 to 30, as the largest class has 30 rows; got 31"):
        split_folds(labels, 31, 0, tuple(map(str, range(60))))


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6))
def test_folds_of_groups_train_on_equally_many_rows(sizes):
    parts = np.split(np.random.default_rng(0).permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    rows = sum(sizes) - min(sizes)
    for number, part in enumerate(parts):
        outside = cross_validation._rows_outside(parts, number, rows)
        counts = np.bincount(outside, minlength=sum(sizes))
        assert len(outside) == rows
        assert not counts[part].any()
        others = np.delete(counts, part)
        assert others.max() - others.min() <= 1


@pytest.mark.slow
def test_groups_are_never_on_both_sides(tmp_path):
    """Rows of a group are equal but for noise, and their labels are random: only a network that saw the group knows."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 6)
    x = rng.normal(size=(40, 16))[patients] + 0.01 * rng.normal(size=(240, 16))
    y = rng.permutation(np.repeat([0, 1], 20))[patients]
    np.savez(tmp_path / "patients.npz", x=x, y=y, patient=patients)
    data = mlplab.load(tmp_path / "patients.npz", group="patient")
    run = mlplab.train(data, hidden=[64], epochs=40, learning_rate=0.01, batch_size=8, out=tmp_path / "run", verbose=0)
    ignored = dataclasses.replace(data, train=dataclasses.replace(data.train, groups=None))
    accuracies = [
        (cross_validate(run, each, folds=4).argmax(1) == data.train.labels).mean() for each in (data, ignored)
    ]
    assert accuracies[0] < 0.8
    assert accuracies[1] > 0.95  # with rows of a group on both sides
    parts = split_folds(data.train.labels, 4, run.config.settings.seed, data.train.groups)
    for part in parts:
        inside = {data.train.groups[row] for row in part}
        assert inside.isdisjoint(data.train.groups[row] for row in np.setdiff1d(np.arange(len(data.train)), part))
    held_out = hold_out(data, run.config.settings)
    inside, outside = ({data.train.groups[row] for row in held_out[part]} for part in ("train", "validation"))
    assert inside.isdisjoint(outside)  # of learning curves and searches for a learning rate


def test_another_seed_makes_other_folds(digits):
    labels = digits.train.labels
    assert any((a != b).any() for a, b in zip(split_folds(labels, 2, 0), split_folds(labels, 2, 1), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("folds", [0, 1, 401])
def test_a_bad_number_of_folds_is_refused(folds, run, small):
    with pytest.raises(UsageError, match=f"from 2 to 400, the number of rows; got {folds}"):
        cross_validate(run, small, folds=folds)


@pytest.mark.slow
def test_it_predicts_all_rows_about_as_well_as_the_run_predicts_new_ones(four_folds, run, small):
    probabilities = four_folds[0]
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (400, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    accuracy = (probabilities.argmax(1) == small.train.labels).mean()
    assert accuracy == pytest.approx(run.result["test"]["accuracy"], abs=0.08)


@pytest.mark.slow
def test_no_row_is_predicted_by_a_network_that_has_seen_it(four_folds, run, small):
    """Changing a row changes the predictions of the other folds, and in its own fold only that of the row."""
    before = four_folds[0]
    inputs = small.train.inputs.copy()
    parts = split_folds(small.train.labels, 4, run.config.settings.seed)
    changed = parts[1][7]
    inputs[changed] = 16 - inputs[changed]
    train = Dataset(inputs, small.train.labels, small.class_names, small.train.provenance)
    after = cross_validate(run, Data("changed", train, small.test), folds=4)
    for number, part in enumerate(parts):
        same = (before[part] == after[part]).all(1)
        assert same.sum() == (len(part) - 1 if number == 1 else 0)


def compilations(function) -> int:
    """Count the programs that XLA compiles."""
    seen = []

    def listen(event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        function()
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return len(seen)


@pytest.mark.slow
def test_one_program_trains_all_folds(run, digits):
    """On each device, however many there are, also where the folds are of different sizes."""
    data = part_of(digits, 403)
    cross_validate(run, data, folds=2)  # compiles what is compiled once a process, for whatever model

    def count(folds: int) -> int:
        compile_cache._loops.clear()
        return compilations(lambda: cross_validate(run, data, folds=folds))

    few = max(4, len(jax.local_devices()))
    assert 0 < count(2 * few + 2) <= count(few)


@pytest.mark.slow
def test_a_fold_is_what_it_would_be_alone(four_folds, run, small):
    """Its network is built, trained by `fit` and asked to predict alone."""
    parts = split_folds(small.train.labels, 4, run.config.settings.seed)
    rows = np.sort(np.concatenate(parts[:2] + parts[3:]))
    model, seed = ModelBuilder.of(run).build(2, small, 300)
    scaling = run.config.preprocessing
    source = ArraySource(
        small.train.inputs[rows], small.train.labels[rows], batch_size=20, shuffle=True, seed=seed, batch=Rows(scaling)
    )
    mlplab.fit(model, source, epochs=4, verbose=0)
    alone = mlplab.predict(model, scaling(small.train.inputs[parts[2]]), batch_size=100, verbose=0)
    np.testing.assert_array_equal(four_folds[0][parts[2]], alone)


@pytest.mark.slow
def test_folds_are_the_same_when_not_all_are_trained_at_once(four_folds, run, small, monkeypatch):
    monkeypatch.setattr(cross_validation, "_AT_ONCE", 3)
    reports = []
    np.testing.assert_array_equal(cross_validate(run, small, folds=4, progress=reports.append), four_folds[0])
    for reported in (reports, four_folds[1]):
        done = [report.done for report in reported]
        assert done == sorted(done)
        assert 0 < done[0] < done[-1] == 4
        assert {report.total for report in reported} == {4}


@pytest.mark.slow
def test_a_fold_that_diverges_is_named(run, small, tmp_path):
    config = files.read_json(run.path / "config.json")
    config["settings"]["learning_rate"] = 1e38
    (tmp_path / "run").mkdir()
    for file in run.path.glob("*.json*"):
        (tmp_path / "run" / file.name).write_bytes(file.read_bytes())
    files.write_json(tmp_path / "run" / "config.json", config)
    with pytest.raises(TrainingError, match=r"Fold 1 of 4 cannot be trained\. The loss or a weight stopped being"):
        cross_validate(mlplab.Run(tmp_path / "run"), small, folds=4)


def test_folds_are_trained_for_the_epochs_that_led_to_the_runs_weights(small, tmp_path):
    settings = {**SMALL, "learning_rate": 0.05, "early_stopping": 1, "epochs": 60}
    stopped = mlplab.train(small, **settings, out=tmp_path / "stopped")
    assert len(stopped.epochs) < 60
    assert epochs_kept(stopped) == int(np.argmax(stopped.history["val_accuracy"])) + 1


@pytest.mark.slow
def test_a_users_model_is_rebuilt_from_the_runs_seed(small, tmp_path):
    """Also one that takes one-hot targets and has logits as outputs."""
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dropout(0.1), layers.Dense(10)])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss, metrics=["accuracy"])
    run = mlplab.train(small, model=model, epochs=4, batch_size=20, verbose=0, out=tmp_path / "own")
    before = random.getstate()
    probabilities = cross_validate(run, small, folds=2)
    assert random.getstate() == before
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (probabilities.argmax(1) == small.train.labels).mean() > 0.6
    random.random()
    np.testing.assert_array_equal(cross_validate(run, small, folds=2), probabilities)


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_a_run_that_is_not_finished_is_refused(small, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(small, hidden=[8], epochs=2, verbose=0, out=tmp_path / "cut", callbacks=[_Interrupt()])
    with pytest.raises(RunError, match=r"not finished\. Continue it with: mlplab\.resume"):
        cross_validate(mlplab.Run(tmp_path / "cut"), small)
