"""A population: each seed is what it would be alone, their mean has its interval, and it goes on where it was cut."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import mlplab
from mlplab import keras
from mlplab.cluster import Here
from mlplab.errors import DataError, Interrupted, RunError, TrainingError, UsageError
from mlplab.inspection.network.internals import internals_of
from mlplab.inspection.seeds import show_seeds
from mlplab.training import on_cluster

SMALL = {"hidden": [12], "dropout": 0.2, "epochs": 5, "early_stopping": 1, "schedule": "cosine", "verbose": 0}
FILES = ("checkpoint.json", "checkpoint.safetensors", "metrics.jsonl", "model.safetensors", "predictions-test.npz")


@pytest.fixture(scope="module")
def population(digits, tmp_path_factory) -> mlplab.Run:
    return mlplab.train(digits, **SMALL, seed=3, seeds=3, out=tmp_path_factory.mktemp("runs") / "population")


@pytest.fixture(scope="module")
def diverged(digits, tmp_path_factory) -> mlplab.Run:
    out = tmp_path_factory.mktemp("runs") / "diverged"
    return mlplab.train(digits, **SMALL, seeds=3, out=out, callbacks=lambda seed: [Poison()] if seed == 1 else [])


class EndAfter(keras.callbacks.Callback):
    """Ctrl-C in the middle of an epoch, by the signal's own exception."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


class Poison(keras.callbacks.Callback):
    """Spoils the weights before the second epoch, whose loss is no number then."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.model.set_weights([np.full_like(weights, np.nan) for weights in self.model.get_weights()])


def bytes_of(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in (*FILES, "predictions-validation.npz", "split.npz")}


def test_each_member_is_the_run_that_its_seed_makes_alone(population, digits, tmp_path):
    for seed, member in zip((3, 4, 5), population.members, strict=True):
        alone = mlplab.train(digits, **SMALL, seed=seed, out=tmp_path / str(seed))
        assert bytes_of(member.path) == bytes_of(alone.path)
        assert member.config == alone.config
        for name in ("train", "validation", "test", "confusion", "parameters", "seed"):
            assert member.result[name] == alone.result[name]


def test_the_result_is_the_members_mean_and_the_ensembles_scores(population):
    result = population.result
    accuracies = [member.result["test"]["accuracy"] for member in population.members]
    assert result["test"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert result["test"]["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    expected = stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)
    assert result["test"]["interval"] == pytest.approx([expected.low, expected.high])
    assert (result["test"]["seeds"], result["test"]["n"], result["seeds"], result["seed"]) == (3, 355, 3, 3)

    kept = population.predictions("test")
    mean = np.mean([member.predictions("test").probabilities for member in population.members], 0)
    np.testing.assert_allclose(kept.probabilities, mean, atol=1e-6)
    assert result["ensemble"]["accuracy"] == (mean.argmax(1) == kept.label).mean()
    assert result["ensemble"]["n"] == 355
    assert np.trace(result["confusion"]) == (mean.argmax(1) == kept.label).sum()
    assert result["members"] == [member.result for member in population.members]
    shares = sum(member.result["seconds"]["train"] for member in population.members)
    assert shares == pytest.approx(result["seconds"]["train"], abs=0.01)
    assert min(result["seconds"].values()) >= 0


def test_a_population_is_a_run(population, digits):
    opened = mlplab.Run(population.path)
    mean, sd = population.result["test"]["accuracy"], population.result["test"]["sd"]
    ensemble = population.result["ensemble"]["accuracy"]
    assert opened.summary == f"digits, 12, test accuracy mean {mean:.4f} ± {sd:.4f} of 3 seeds, ensemble {ensemble:.4f}"
    probabilities = opened.predict(digits.test.images)
    np.testing.assert_allclose(probabilities, opened.predictions("test").probabilities, atol=1e-6)
    with pytest.raises(DataError, match="One image alone"):
        opened.predict(digits.test.images[0])
    with pytest.raises(RunError, match=r"population of 3 networks, and this is about one: take run.members\[0\]"):
        _ = opened.model
    with pytest.raises(RunError, match="each member trained on rows of its own"):
        opened.predictions("validation")
    assert [run.path for run in mlplab.list_runs(population.path.parent)] == [population.path]
    epochs = [len(member.epochs) for member in opened.members]
    assert len(opened.epochs) == max(epochs)
    assert opened.history["loss"][0] == np.median([member.history["loss"][0] for member in opened.members])
    assert mlplab.Run(opened.members[0].path).members == []


def test_cut_short_it_goes_on_to_the_same_end(population, digits, tmp_path):
    path = tmp_path / "cut"
    with pytest.raises(Interrupted, match=r"--resume .*cut"):
        mlplab.train(digits, **SMALL, seed=3, seeds=3, out=path, callbacks=lambda seed: [EndAfter()])
    assert mlplab.Run(path).summary == "digits, 12, 3 seeds, 2 epochs done, not finished"
    with pytest.raises(RunError, match="not finished"):
        mlplab.Run(path).predict(digits.test.images)
    resumed = mlplab.resume(path, verbose=0)
    for one, other in zip(resumed.members, population.members, strict=True):
        assert bytes_of(one.path) == bytes_of(other.path)
    assert (path / "predictions-test.npz").read_bytes() == (population.path / "predictions-test.npz").read_bytes()


def test_finished_members_stay_as_they_are(population, tmp_path):
    copy = shutil.copytree(population.path, tmp_path / "copy")
    for name in ("result.json", "predictions-test.npz", "members/01/result.json", "members/01/model.safetensors"):
        (copy / name).unlink()
    before = {path: path.stat().st_mtime_ns for path in (copy / "members" / "02").iterdir() if path.name != ".lock"}
    resumed = mlplab.resume(copy, verbose=0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert resumed.result["ensemble"] == population.result["ensemble"]
    assert bytes_of(copy / "members" / "01") == bytes_of(population.path / "members" / "01")


def test_a_member_that_diverges_is_told_and_left_out(diverged):
    first, second, third = diverged.members
    assert second.result is None
    assert len(second.epochs) == 1
    told = diverged.result["members"][1]
    assert (told["seed"], told["run"]) == (1, str(second.path))
    assert "stopped being a finite number in epoch 2" in told["diverged"]
    assert diverged.result["test"]["seeds"] == 2
    left = [run.predictions("test").probabilities for run in (first, third)]
    np.testing.assert_allclose(diverged.predictions("test").probabilities, np.mean(left, 0), atol=1e-6)
    assert np.isnan(show_seeds(diverged)["accuracy"]).tolist() == [False, True, False]


def test_all_diverging_is_an_error(digits, tmp_path):
    with pytest.raises(TrainingError, match=r"All 2 seeds diverged\. The first: The loss or a weight"):
        mlplab.train(digits, hidden=[4], epochs=1, learning_rate=1e30, seeds=2, out=tmp_path / "run", verbose=0)


def test_models_of_ones_own_begin_with_new_weights(digits, tmp_path):
    model = mlplab.mlp((8, 8), 10, [6], dropout=0.3, seed=7)  # all its seeds are given
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    before = [weights.copy() for weights in model.get_weights()]
    asked = {"model": model, "seeds": 2, "epochs": 1, "validation": 0, "verbose": 0}
    run = mlplab.train(digits, **asked, out=tmp_path / "a")
    again = mlplab.train(digits, **asked, out=tmp_path / "b")
    states = [
        np.load(member.path / "predictions-test.npz")["probabilities"] for member in (*run.members, *again.members)
    ]
    assert not np.array_equal(states[0], states[1])
    np.testing.assert_array_equal(states[:2], states[2:])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    kernels = [member.model.get_weights()[0] for member in run.members]
    assert abs(kernels[0] - kernels[1]).max() > 0.05  # an epoch of 46 steps does not move a weight as far


def test_what_a_node_sends_back_is_what_is_trained_here(population, digits, tmp_path):
    path = tmp_path / "cut"
    with pytest.raises(Interrupted):
        mlplab.train(digits, **SMALL, seed=3, seeds=3, out=path, callbacks=lambda seed: [EndAfter()])
    members = mlplab.Run(path).member_paths
    assert on_cluster.train_members(Here(), members, digits) == {}
    for member, expected in zip(members, population.members, strict=True):
        assert bytes_of(member) == bytes_of(expected.path)
        assert json.loads((member / "result.json").read_text())["run"] == str(member)
    assert mlplab.resume(path, verbose=0).result["ensemble"] == population.result["ensemble"]


def test_a_member_killed_within_its_last_checkpoint_comes_back_whole(population, diverged, digits, tmp_path):
    """Its newest state had not taken its place yet, see `Checkpoint.save`."""
    member = tmp_path / "02"
    shutil.copytree(population.members[2].path, member)
    (member / "result.json").unlink()
    (member / "checkpoint.safetensors").rename(member / "checkpoint.next.safetensors")
    shutil.copy(diverged.path / "members" / "01" / "checkpoint.safetensors", member)  # of another epoch
    assert on_cluster.train_members(Here(), [member], digits) == {}
    assert bytes_of(member) == bytes_of(population.members[2].path)
    assert not (member / "checkpoint.next.safetensors").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"seeds": 0}, "seeds must be a whole number of at least 1; got 0"),
        ({"seeds": 2.0}, "seeds must be a whole number of at least 1; got 2.0"),
        ({"seeds": 2, "callbacks": [EndAfter()]}, "Each of 2 networks needs callbacks of its own"),
        ({"ray": "local"}, "give seeds too, or leave ray out"),
        ({"callbacks": lambda seed: []}, "only where there are several"),
        ({"seeds": 2, "ray": "local", "callbacks": lambda seed: []}, "Callbacks stay in this process"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_wrong_use_is_refused_before_anything_is_written(asked, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        mlplab.train("digits", hidden=[4], **asked, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_inspection_is_of_the_ensemble_or_says_what_to_do(population, diverged):
    kept = population.predictions("test")
    correct = kept.probabilities.argmax(1) == kept.label
    assert mlplab.score(population)["value"][0] == correct.mean()
    assert mlplab.most_confused(population)["count"].sum() == (~correct).sum()
    assert len(mlplab.show_failures(population, maxtoshow=400)) == (~correct).sum()
    mlplab.show_calibration(population)
    with pytest.raises(RunError, match="each member trained on rows of its own"):
        mlplab.calibrate(population)
    with pytest.raises(RunError, match="each member trained on rows of its own"):
        mlplab.score(population, split="train")
    for look in (internals_of, mlplab.show_projection, mlplab.show_units, lambda run: mlplab.show_saliency(run, 0)):
        with pytest.raises(RunError, match=r"population of 3 networks.*take run.members\[0\]"):
            look(population)
    assert mlplab.plot_model(population)["name"].tolist() == mlplab.plot_model(population.members[0])["name"].tolist()
    told = mlplab.compare(population, population.members[0], diverged)
    assert told.scores["accuracy"][0] == correct.mean()


def test_curves_have_the_range_of_the_members(population):
    table = mlplab.show_curves(population)
    losses = [member.history["loss"][0] for member in population.members]
    assert (table["loss_low"][0], table["loss"][0], table["loss_high"][0]) == tuple(sorted(losses))
    lines = table.figure.axes[0].get_lines()
    assert len(lines) == 2 * (1 + 3)  # training and validation: the median and the members


def test_seeds_as_a_table_and_a_figure(population, digits_run):
    table = show_seeds(population)
    assert table["seed"].tolist() == [3, 4, 5]
    assert table["accuracy"].tolist() == [member.result["test"]["accuracy"] for member in population.members]
    drawn = table.figure.axes[0].get_lines()[0].get_xdata()
    assert sorted(drawn) == sorted(table["accuracy"])
    with pytest.raises(UsageError, match="a run of one seed"):
        show_seeds(digits_run)


def test_the_report_tells_of_the_seeds(population, diverged, tmp_path):
    page = mlplab.report(population, tmp_path / "page.html").read_text()
    assert "How much the seed matters" in page
    assert "3 networks were trained that differ in their seed alone" in page
    assert f"{100 * population.result['ensemble']['accuracy']:.1f}" in page
    assert "it is the one with seed 3" in page
    assert "there are no rows that none of these networks was trained on" in page
    page = mlplab.report(diverged, tmp_path / "page.html").read_text()
    assert "Seed 1 diverged and is left out" in page
