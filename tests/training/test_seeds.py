"""A population: each member is the run that its seed makes alone; means have intervals; interrupted, it is resumed."""

import json
import shutil

import numpy as np
import pytest
from scipy import stats
from small_runs import FILES, SMALL, Interrupt, Poison, bytes_of

import mlplab
from mlplab.cluster.workers import _carry_out_directories
from mlplab.errors import DataError, RunError, TrainingError, UsageError
from mlplab.inspection.network.internals import internals_of
from mlplab.inspection.seeds import show_seeds
from mlplab.runs import travel
from mlplab.runs.checkpoint import Checkpoint
from mlplab.training.seeds import train_members

pytestmark = pytest.mark.slow  # a population compiles its programs for each device


def test_each_member_is_the_run_that_its_seed_makes_alone(population, finished, digits, tmp_path):
    alone = [finished, mlplab.train(digits, **{**SMALL, "seed": 5}, out=tmp_path / "5")]
    for member, run in zip(population.members, alone, strict=False):
        names = (*FILES, "checkpoint.json", "checkpoint.safetensors")
        assert bytes_of(member.path, names) == bytes_of(run.path, names)
        assert member.config == run.config
        for name in ("train", "validation", "test", "confusion", "parameters", "seed"):
            assert member.result[name] == run.result[name]


def test_the_result_is_the_members_mean_and_the_ensembles_scores(population):
    result = population.result
    accuracies = [member.result.test.accuracy for member in population.members]
    assert result.test.accuracy == pytest.approx(np.mean(accuracies))
    assert result.test.sd == pytest.approx(np.std(accuracies, ddof=1))
    expected = stats.ttest_1samp(accuracies, 0).confidence_interval(0.95)
    assert result.test.interval == pytest.approx([expected.low, min(1, expected.high)])
    assert (result.test.seeds, result.test.n, result.seeds, result.seed) == (3, 355, 3, 4)

    kept = population.predictions("test")
    mean = np.mean([member.predictions("test").probabilities for member in population.members], 0)
    np.testing.assert_allclose(kept.probabilities, mean, atol=1e-6)
    assert result.ensemble.accuracy == (mean.argmax(1) == kept.label).mean()
    assert result.ensemble.n == 355
    assert np.trace(result.confusion) == (mean.argmax(1) == kept.label).sum()
    assert result["members"] == [member.result for member in population.members]
    shares = sum(member.result.seconds["train"] for member in population.members)
    assert shares == pytest.approx(result.seconds["train"], abs=0.01)
    assert min(result.seconds.values()) >= 0


def test_a_population_is_a_run(population, digits):
    opened = mlplab.Run(population.path)
    test, ensemble = population.result.test, population.result.ensemble.accuracy
    mean = f"mean {test.accuracy:.4f} ± {test.sd:.4f} of 3 seeds"
    assert opened.summary == f"digits, 8, test accuracy {mean}, ensemble {ensemble:.4f}"
    probabilities = opened.predict(digits.test.images)
    np.testing.assert_allclose(probabilities, opened.predictions("test").probabilities, atol=1e-6)
    with pytest.raises(DataError, match="One image alone"):
        opened.predict(digits.test.images[0])
    with pytest.raises(RunError, match=r"population of 3 networks, and this is about one: take run.members\[0\]"):
        _ = opened.model
    with pytest.raises(RunError, match="each member trained on rows of its own"):
        opened.predictions("validation")
    assert [run.path for run in mlplab.list_runs(population.path.parent)] == [population.path]
    assert len(opened.epochs) == max(len(member.epochs) for member in opened.members)
    assert opened.history["loss"][0] == np.median([member.history["loss"][0] for member in opened.members])
    assert mlplab.Run(opened.members[0].path).members == []


def test_interrupted_it_is_resumed_to_the_same_end(population, interrupted_population, digits):
    path = interrupted_population
    assert mlplab.Run(path).summary == "digits, 8, 3 seeds, 2 epochs done, not finished"
    with pytest.raises(RunError, match="not finished"):
        mlplab.Run(path).predict(digits.test.images)
    resumed = mlplab.resume(path, verbose=0)
    for member, expected in zip(resumed.members, population.members, strict=True):
        assert bytes_of(member.path) == bytes_of(expected.path)
    assert bytes_of(path) == bytes_of(population.path)


def test_finished_members_stay_as_they_are(population, tmp_path):
    copy = shutil.copytree(population.path, tmp_path / "copy")
    for name in ("result.json", "predictions-test.npz", "members/01/result.json", "members/01/model.safetensors"):
        (copy / name).unlink()
    before = {path: path.stat().st_mtime_ns for path in (copy / "members" / "02").iterdir() if path.name != ".lock"}
    resumed = mlplab.resume(copy, verbose=0)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert resumed.result.ensemble == population.result.ensemble
    assert bytes_of(copy / "members" / "01") == bytes_of(population.members[1].path)
    (copy / "result.json").unlink()  # killed when all members were finished
    assert mlplab.resume(copy, verbose=0).result.ensemble == population.result.ensemble


def test_a_member_that_diverges_is_left_out(diverged):
    first, second, third = diverged.members
    assert second.result is None
    assert len(second.epochs) == 1
    result = diverged.result.members[1]
    assert (result.seed, result.run) == (5, str(second.path))
    assert "stopped being a finite number in epoch 2" in result["diverged"]
    assert diverged.result.test.seeds == 2
    finite = [run.predictions("test").probabilities for run in (first, third)]
    np.testing.assert_allclose(diverged.predictions("test").probabilities, np.mean(finite, 0), atol=1e-6)
    assert np.isnan(show_seeds(diverged)["accuracy"]).tolist() == [False, True, False]


def test_if_all_diverge_it_is_an_error(digits, tmp_path):
    with pytest.raises(TrainingError, match=r"All 2 seeds diverged\. The first: The loss or a weight"):
        mlplab.train(digits, **SMALL, seeds=2, out=tmp_path / "run", callbacks=lambda seed: [Poison()])


def test_a_users_model_is_copied_with_new_weights_for_each_seed(digits, tmp_path):
    model = mlplab.mlp((8, 8), 10, [8], dropout=0.2, seed=7)  # the seeds of all layers are given
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = [weights.copy() for weights in model.get_weights()]
    for name in ("run", "again"):
        options = {"seeds": 2, "verbose": 0, "callbacks": lambda seed: [Interrupt(0)]}
        with pytest.raises(KeyboardInterrupt):
            mlplab.train(digits, model=model, **options, out=tmp_path / name)
    kernels = [Checkpoint.load(path).state["trainable"][0] for path in sorted(tmp_path.glob("*/members/*"))]
    assert len(kernels) == 4
    assert abs(kernels[0] - kernels[1]).max() > 0.05
    np.testing.assert_array_equal(kernels[:2], kernels[2:])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_member_is_the_same_after_its_travel_to_a_cluster_and_back(population, diverged, digits, tmp_path):
    """The first was interrupted before training; the second was killed within its last checkpoint."""
    with pytest.raises(KeyboardInterrupt):
        mlplab.train(digits, **SMALL, seeds=3, out=tmp_path / "cut", callbacks=lambda seed: [Interrupt(0)])
    paths = mlplab.Run(tmp_path / "cut").member_paths
    shutil.rmtree(paths[2])
    killed = shutil.copytree(population.members[2].path, paths[2])
    (killed / "result.json").unlink()
    (killed / "checkpoint.safetensors").rename(killed / "checkpoint.next.safetensors")
    shutil.copy(diverged.members[1].path / "checkpoint.safetensors", killed)  # of another epoch
    contents = {path.name: travel.pack_unfinished(path) for path in paths}
    returned, reasons = _carry_out_directories(digits, (train_members, contents), None)
    assert reasons == {}
    for path, expected in zip(paths, population.members, strict=True):
        travel.replace(path, returned[path.name])
        assert bytes_of(path) == bytes_of(expected.path)
        assert json.loads((path / "result.json").read_text())["run"] == str(path)
    assert not (killed / "checkpoint.next.safetensors").exists()


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
    for function in (internals_of, mlplab.show_projection, mlplab.show_units, lambda run: mlplab.show_saliency(run, 0)):
        with pytest.raises(RunError, match=r"population of 3 networks.*take run.members\[0\]"):
            function(population)
    assert mlplab.plot_model(population)["name"].tolist() == mlplab.plot_model(population.members[0])["name"].tolist()
    comparison = mlplab.compare(population, population.members[0], diverged)
    assert comparison.scores["accuracy"][0] == correct.mean()


def test_curves_and_seeds_are_shown_for_all_members(population, finished):
    table = mlplab.show_curves(population)
    losses = [member.history["loss"][0] for member in population.members]
    assert (table["loss_low"][0], table["loss"][0], table["loss_high"][0]) == tuple(sorted(losses))
    lines = table.figure.axes[0].get_lines()
    assert len(lines) == 2 * (1 + 3)  # training and validation: the median and the members
    table = show_seeds(population)
    assert table["seed"].tolist() == [4, 5, 6]
    assert table["accuracy"].tolist() == [member.result.test.accuracy for member in population.members]
    assert sorted(table.figure.axes[0].get_lines()[0].get_xdata()) == sorted(table["accuracy"])
    with pytest.raises(UsageError, match="a run of one seed"):
        show_seeds(finished)


def test_the_report_describes_the_seeds(population, diverged, tmp_path):
    page = mlplab.report(population, tmp_path / "page.html").read_text()
    assert "How much the seed matters" in page
    assert "3 networks were trained that differ only in their seed" in page
    assert f"{100 * population.result.ensemble.accuracy:.1f}" in page
    assert "This is the network with seed 4." in page
    assert "there are no rows that none of these networks was trained on" in page
    page = mlplab.report(diverged, tmp_path / "page.html").read_text()
    assert "Seed 5 diverged and is left out" in page
