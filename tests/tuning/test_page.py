"""The page of a study: real studies in SQLite, whose networks are a closed form, so that what is best is recorded."""

import dataclasses
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from mlplab.errors import RunError, UsageError
from mlplab.experiments.successive_halving import TrialResult
from mlplab.figures import png, svg
from mlplab.figures import study as charts
from mlplab.tuning import database, sampling
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.page import page, tables, wording
from mlplab.tuning.page.importance import ENOUGH, importance
from mlplab.tuning.page.trials import read
from mlplab.tuning.space import Space
from mlplab.tuning.study import create

SPACE = {
    "width": [64, 128],
    "activation": ["relu", "gelu"],
    "learning_rate": {"low": 1e-4, "high": 1.0, "log": True},
    "dropout": {"low": 0.1, "high": 0.5},
    "epochs": 9,
}
RUNGS = (1, 3, 9)
POPULATION = Path(__file__).parents[1] / "compatibility/0.1.0/population-finished"


def accuracy(parameters, epoch):
    """A closed form: the learning rate decides, best at 0.004; GELU helps a little; width and dropout do nothing."""
    distance = math.log10(parameters["learning_rate"] / 0.004)
    return 0.9 - 0.06 * distance**2 + 0.01 * (parameters["activation"] == "gelu") - 0.3 / epoch


def results_of(trials):
    """Halve a population: a third is kept at each rung; a rate above 0.3 diverges."""
    failed = [trial.params["learning_rate"] > 0.3 for trial in trials]
    left = [at for at, bad in enumerate(failed) if not bad]
    dropped = {}
    for rung in RUNGS[:-1]:
        left.sort(key=lambda at: -accuracy(trials[at].params, rung))
        stay = max(1, len(left) // 3)
        dropped |= dict.fromkeys(left[stay:], rung)
        left = left[:stay]
    results = []
    for at, trial in enumerate(trials):
        epochs = range(1, (0 if failed[at] else dropped.get(at, RUNGS[-1])) + 1)
        values = [accuracy(trial.params, epoch) for epoch in epochs]
        reason = "The loss was nan in epoch 1." if failed[at] else None
        results.append(TrialResult({"val_accuracy": values}, reason, dropped.get(at), 1000, "one"))
    return results


def new_study(folder, populations=3, size=12, running=0, space=SPACE, metric="accuracy"):
    """A study directory as `mlplab tune` writes it, with some populations recorded, and trials that still run."""
    config = StudyConfig(
        data={"name": "digits", "source": "digits", "hashes": {}}, space=space, metric=metric,
        trials=max(populations, 1) * size, budget=None, population=size, parallel=1, rungs=RUNGS, reduction=3, seed=0,
        seeds=3, versions={}, device="cpu", threads=2,
    )  # fmt: skip
    with sampling.quiet_optuna():
        path = create(folder, config, "digits")
        recorded = database.TrialDatabase(path)
        for _ in range(populations):
            record(recorded, sampling.sample(Space.of(space), 0, metric, recorded.trials(), [{}] * size), metric)
        if running:
            recorded.add(sampling.sample(Space.of(space), 0, metric, recorded.trials(), [{}] * running))
    return path


def record(recorded, trials, metric):
    recorded.add(trials)
    running = recorded.trials()[-len(trials) :]
    recorded.record_seconds(running[0].number, 268.0)
    for trial, result in zip(running, results_of(running), strict=True):
        recorded.record(trial, result, metric)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return new_study(tmp_path_factory.mktemp("study") / "digits-study")


@pytest.fixture(scope="module")
def study(finished):
    return read(finished)


@pytest.fixture(scope="module")
def text(finished):
    return page(finished).read_text("utf-8")


@pytest.mark.slow
def test_it_reads_what_the_study_has(finished, study):
    recorded = database.TrialDatabase(finished).trials()
    names = {"COMPLETE": "completed", "PRUNED": "dropped", "FAIL": "failed"}
    assert [trial.outcome for trial in study.trials] == [names[trial.state.name] for trial in recorded]
    assert {"completed", "dropped", "failed"} == {trial.outcome for trial in study.trials}
    complete = {trial.number: accuracy(trial.params, RUNGS[-1]) for trial in recorded if trial.state.name == "COMPLETE"}
    assert study.best.number == max(complete, key=complete.__getitem__)
    assert study.best.value == max(complete.values())
    assert [trial.epochs for trial in study.trials] == [trial.last_step or 0 for trial in recorded]


@pytest.mark.slow
def test_the_page_names_the_winner_its_command_and_the_failures(text, study):
    best = study.best
    assert f"{100 * best.value:.2f}\N{NO-BREAK SPACE}%" in text
    assert f"validation accuracy of trial {best.number}, the best." in text
    assert f"<span>{best.parameters['width']}</span> <span>--activation</span>" in text
    assert text.count("The loss was nan in epoch 1.") >= sum(trial.outcome == "failed" for trial in study.trials)
    assert text.count('class="show"') == len(study.trials)
    assert "The winner is still to be trained again." in text


@pytest.mark.slow
def test_the_page_says_how_long_the_trials_took(text, study):
    assert "36 trials in 13 min 24 s: " in text
    told = [wording.progress(dataclasses.replace(study, seconds=seconds)) for seconds in (0.0, 47.6, 7530.0)]
    assert [each.partition(":")[0] for each in told] == ["36 trials", "36 trials in 48 s", "36 trials in 2 h 5 min"]


@pytest.mark.slow
def test_the_best_so_far_never_gets_worse_and_counts_completed_trials_alone(study):
    table = tables.history(study)
    best = -math.inf
    for row in table:
        if row["outcome"] == "completed":
            best = max(best, row["accuracy"])
        assert row["best so far"] == (None if best == -math.inf else best)


@pytest.mark.slow
def test_every_table_has_its_figure_as_a_picture(study, tmp_path):
    for name, table in {
        "history": tables.history(study),
        "curves": tables.curves(study),
        "trials": tables.all_trials(study),
        "importance": importance(study),
    }.items():
        assert table.save(tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert table.save(tmp_path / f"{name}.csv").read_text("utf-8").count("\n") == len(table) + 1


@pytest.mark.slow
def test_each_trial_is_in_each_figure_once(study):
    of, trials = tables.drawn(study), study.finished
    scales = tables.scales(study)
    for figure in (charts.history(of), charts.parallel(of, scales), charts.slice_plot(of, scales[0])):
        text = svg(figure, "f")
        assert [text.count(f'id="f-trial-{trial.number}"') for trial in trials] == [1] * len(trials)


@pytest.mark.slow
def test_completed_dropped_and_failed_have_shapes_of_their_own(study):
    """What tells them apart in the drawing is the path of the mark, whatever its colour."""
    figure = charts.history(tables.drawn(study))
    markers = {
        trial.outcome: {line.get_marker() for line in figure.axes[0].lines if line.get_gid() == f"trial-{trial.number}"}
        for trial in study.trials
        if trial is not study.best
    }
    assert len(set().union(*markers.values())) == 3
    assert all(len(one) == 1 for one in markers.values())


@pytest.mark.slow
def test_importance_finds_the_parameter_that_the_closed_form_hangs_on(study):
    found = importance(study)
    assert found["parameter"][0] == "learning rate"
    assert found["share"][0] > 0.5
    assert sum(found["share"]) == pytest.approx(1)
    clear = [row["parameter"] for row in found if row["share"] > row["by chance"]]
    assert "learning rate" in clear
    assert not {"dropout", "width"} & set(clear)


@pytest.mark.slow
def test_importance_of_values_that_hang_on_nothing_is_chance(study):
    noise = np.random.default_rng(1).random(len(study.trials))
    ended = [
        dataclasses.replace(trial, outcome="completed", value=float(value), curve={1: float(value)})
        for trial, value in zip(study.trials, noise, strict=True)
    ]
    found = importance(dataclasses.replace(study, trials=ended))
    assert (found["share"] <= found["by chance"]).all()
    # Shares add up to 1 all the same, so a bar alone would look like something.
    assert found["share"][0] > 0.3


@pytest.mark.slow
def test_too_few_trials_have_no_importance_and_the_page_says_so(tmp_path):
    path = new_study(tmp_path / "few", populations=1, size=ENOUGH // 2)
    assert importance(read(path)) is None
    text = page(path).read_text("utf-8")
    assert f"With fewer than {ENOUGH}, any order of the parameters would be mostly chance" in text
    assert "importance-" not in text


def test_a_study_that_has_not_started_has_a_page(tmp_path):
    path = new_study(tmp_path / "new", populations=0)
    assert page(path) == (path / "study.html").resolve()
    text = (path / "study.html").read_text("utf-8")
    assert "No trial has been trained to the end." in text
    assert "mlplab tune --resume" in text.replace("<span>", "").replace("</span>", "")


@pytest.mark.slow
def test_a_study_that_runs_has_a_page_and_is_left_unchanged(tmp_path):
    path = new_study(tmp_path / "running", populations=1, running=4)
    before = [trial.state for trial in database.TrialDatabase(path).trials()]
    text = page(path).read_text("utf-8")
    assert "4 running" in text
    assert [trial.state for trial in database.TrialDatabase(path).trials()] == before
    assert sorted(file.name for file in path.iterdir()) == ["study.db", "study.html", "study.json"]


@pytest.mark.slow
def test_where_all_failed_there_is_no_winner_but_reasons(tmp_path):
    space = {**SPACE, "learning_rate": {"low": 0.5, "high": 1.0, "log": True}}
    text = page(new_study(tmp_path / "failed", populations=1, space=space)).read_text("utf-8")
    assert "All of them failed: the reasons are below." in text
    assert text.count("The loss was nan in epoch 1.") >= 12


@pytest.mark.slow
def test_of_losses_the_smallest_is_the_best(study):
    losses = [
        dataclasses.replace(trial, value=None if trial.value is None else 1 - trial.value) for trial in study.trials
    ]
    turned = dataclasses.replace(study, config=dataclasses.replace(study.config, metric="loss"), trials=losses)
    assert turned.best.number == study.best.number
    assert [trial.number for trial in turned.ranked()] == [trial.number for trial in study.ranked()]
    assert tables.drawn(turned).window()[0] < turned.best.value < tables.drawn(turned).window()[1]


@pytest.mark.slow
def test_one_far_worse_trial_does_not_squeeze_the_others_together(study):
    values = [0.1, *np.linspace(0.88, 0.9, 20)]
    of = dataclasses.replace(
        tables.drawn(study),
        number=np.arange(21),
        outcome=np.array(["completed"] * 21),
        value=np.array(values),
        best=20,
    )
    low, high = of.window()
    assert 0.8 < low < 0.88
    assert high > 0.9
    assert png(charts.history(of)).startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_winner_is_shown_with_its_test_interval(finished, digits_run, tmp_path):
    path = shutil.copytree(finished, tmp_path / "won")
    shutil.copytree(digits_run.path, path / "winner")
    text = page(path).read_text("utf-8")
    test = digits_run.result["test"]
    assert f'<p class="big">{100 * test["accuracy"]:.2f}\N{NO-BREAK SPACE}%</p>' in text
    assert f"<b>{100 * read(path).best.value:.2f}\N{NO-BREAK SPACE}%</b>" in text
    assert f"interval: {100 * test['interval'][0]:.2f}\N{NO-BREAK SPACE}% to" in text
    assert "8 × 8 inputs → 16 relu → 10 classes" in text
    assert "--resume" not in text


@pytest.mark.slow
def test_a_winner_of_several_seeds_is_shown_with_their_spread(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "seeds")
    shutil.copytree(POPULATION, path / "winner")
    said = wording.winner(read(path).winner.result.test).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "The mean of 3 seeds, which differ by 1.71 points (standard deviation). 95 % interval: 32.08 % to 40.59 %."
    )


@pytest.mark.slow
def test_it_says_what_is_wrong(finished, tmp_path):
    with pytest.raises(RunError, match="it is no study, or a damaged one"):
        page(tmp_path)
    path = new_study(tmp_path / "taken", populations=0)
    (path / "study.html").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        page(path)


@pytest.mark.slow
def test_what_the_script_gets_is_what_the_study_has(text, study):
    script = json.loads(text.partition('id="study">')[2].partition("</script>")[0])
    assert [trial["number"] for trial in script["trials"]] == [trial.number for trial in study.trials]
    place = [scale["name"] for scale in script["scales"]].index("learning rate")
    rates = [trial.parameters["learning_rate"] for trial in study.trials]
    assert [trial["values"][place] for trial in script["trials"]] == rates
    assert script["scales"][place] == {"name": "learning rate", "log": True, "low": 1e-4, "high": 1.0, "choices": None}
    assert script["best"] == script["ranked"][0] == study.best.number
