"""A study from its first trial to its winner; what it refuses; and failures that do not harm the rest."""

import json
import shutil
import sys
import urllib.request

import optuna
import pytest
from small_studies import OPTIONS, SPACE, storage, trials_with_curves

import mlplab.tuning
from mlplab.errors import DataError, Interrupted, MissingPackageError, RunError, TrainingError, UsageError
from mlplab.tuning import Study, resume, tune
from mlplab.tuning.config import StudyConfig
from mlplab.tuning.planning import Planner
from mlplab.tuning.sampling import sample
from mlplab.tuning.space import Space


def test_a_study_halves_its_populations_and_trains_the_winner(digits_study):
    study = digits_study
    assert study.config.rungs == (3, 9)
    assert [trial["number"] for trial in study.trials] == list(range(10))
    # Of four, two are kept after epoch 3; of the last two, one.
    assert sorted(trial["epochs"] for trial in study.trials) == [3, 3, 3, 3, 3, 9, 9, 9, 9, 9]
    assert study.counts == {"complete": 5, "dropped": 5, "failed": 0, "running": 0}
    assert {trial["state"] for trial in study.trials if trial["epochs"] < 9} == {"dropped"}
    complete = [trial["value"] for trial in study.trials if trial["state"] == "complete"]
    assert study.best["value"] == max(complete) > 0.6
    assert study.winner.result["test"]["accuracy"] > 0.6
    assert study.seconds > 0


def test_the_best_are_kept(digits_study):
    for start in (0, 4, 8):
        population = trials_with_curves(digits_study)[start : start + 4]
        kept = min(trial["curve"][3] for trial in population if trial["epochs"] > 3)
        assert all(trial["curve"][3] <= kept for trial in population if trial["epochs"] == 3)


def test_a_value_is_that_of_the_last_epoch(digits_study):
    for trial in trials_with_curves(digits_study):
        assert trial["value"] == trial["curve"][trial["epochs"]]


def test_it_is_an_optuna_study_with_all_epochs(digits_study):
    with storage(digits_study) as opened:
        study = optuna.load_study(study_name="mlplab", storage=opened)
        assert study.direction == optuna.study.StudyDirection.MAXIMIZE
        assert study.best_trial.number == digits_study.best["number"]
        assert sorted(study.trials[study.best_trial.number].intermediate_values) == list(range(1, 10))


def test_the_winner_is_trained_with_the_best_settings(digits_study):
    best, settings = digits_study.best, digits_study.winner.config.settings
    assert settings.hidden == (16,)
    assert settings.learning_rate == best["learning_rate"]
    assert (settings.epochs, settings.early_stopping, settings.seed) == (9, 0, 3)
    assert settings.validation == 0  # the winner is trained on all rows
    assert digits_study.command.startswith("mlplab train digits --hidden ")


@pytest.mark.slow
def test_the_same_seed_makes_the_same_study(digits_study, tmp_path):
    again = tune("digits", dict(reversed(SPACE.items())), **OPTIONS, out=tmp_path / "again")
    assert trials_with_curves(again) == trials_with_curves(digits_study)


@pytest.mark.slow
def test_populations_of_a_round_are_sampled_together(tmp_path):
    reports = []
    options = OPTIONS | {"trials": 5, "population": 2, "progress": reports.append}
    study = tune("digits", SPACE | {"epochs": 1}, **options, parallel=2, out=tmp_path / "study")
    assert study.counts == {"complete": 5, "dropped": 0, "failed": 0, "running": 0}
    ended = [report for report in reports if report.detail.seconds is not None]
    assert [(report.done, report.total) for report in ended] == [(2, 5), (4, 5), (5, 5)]
    assert [report.detail.numbers for report in ended] == [range(2), range(2, 4), range(4, 5)]
    assert ended[-1].detail.best == (study.best["number"], study.best["value"])


def test_a_finished_study_is_left_unchanged(digits_study, tmp_path):
    path = shutil.copytree(digits_study.path, tmp_path / "study")
    before = {file.name: file.stat().st_mtime_ns for file in path.rglob("*") if file.name != ".lock"}
    assert trials_with_curves(resume(path)) == trials_with_curves(digits_study)
    assert {file.name: file.stat().st_mtime_ns for file in path.rglob("*") if file.name != ".lock"} == before


@pytest.mark.slow
def test_a_trial_that_diverges_fails_and_the_others_are_trained(tmp_path):
    rates = {"learning_rate": [0.01, 1e30], "epochs": 1}
    study = tune("digits", SPACE | rates, trials=6, population=6, metric="loss", seeds=1, out=tmp_path / "study")
    for trial in study.trials:
        assert (trial["state"] == "failed") == (trial["learning_rate"] == 1e30)
        assert ("finite" in (trial["reason"] or "")) == (trial["learning_rate"] == 1e30)
    assert 0 < study.counts["failed"] < 6
    assert study.best["learning_rate"] == 0.01
    assert study.best["value"] == min(trial["value"] for trial in study.trials if trial["state"] == "complete")
    assert study.optuna.direction == optuna.study.StudyDirection.MINIMIZE


def test_if_all_trials_diverge_that_is_an_error(tmp_path):
    rates = {"learning_rate": {"low": 1e29, "high": 1e30}, "epochs": 1}
    with pytest.raises(TrainingError, match=r"All 4 trials diverged.*smaller learning rates"):
        tune("digits", SPACE | rates, trials=8, population=4, out=tmp_path / "study")
    assert Study(tmp_path / "study").counts["failed"] == 4
    with pytest.raises(TrainingError, match="All 4 trials diverged"):
        resume(tmp_path / "study")


def interrupt_after_one_population(progress):
    if progress.detail.seconds is not None:
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A study with a budget, interrupted after its first population; not to be written into."""
    path = tmp_path_factory.mktemp("studies") / "interrupted"
    options = {"budget": 66.7, "population": 6, "seeds": 1, "progress": interrupt_after_one_population}
    with pytest.raises(Interrupted, match=r"Continue with: mlplab\.tuning\.resume"):
        tune("digits", SPACE | {"epochs": 1}, **options, out=path)
    return path


@pytest.fixture
def partial(interrupted, tmp_path):
    return shutil.copytree(interrupted, tmp_path / "study")


@pytest.mark.slow
def test_the_last_population_is_smaller_so_as_to_fit_into_the_budget(partial):
    assert len(Study(partial).trials) == 3  # of six: only they show what an epoch costs
    Study(partial).optuna.set_user_attr("seconds", {"0": 21.0})  # so a trial takes 7 s, as does the winner
    with pytest.raises(Interrupted):
        resume(partial, progress=interrupt_after_one_population)
    assert len(Study(partial).trials) == 3 + 4
    Study(partial).optuna.set_user_attr("seconds", {"0": 21.0, "3": 28.0})
    assert len(resume(partial).trials) == 3 + 4


@pytest.mark.slow
def test_no_population_is_started_that_would_not_fit_into_the_budget(partial):
    Study(partial).optuna.set_user_attr("seconds", {"0": 30.0})
    assert len(resume(partial).trials) == 3


def test_numbers_of_a_pixel_count_in_what_an_epoch_is_expected_to_take():
    """With 64 numbers for each pixel, a network is 50 times as large as the first one, and does not fit."""
    space = {"hidden": [8], "pixel_encoding": [0, 64], "dropout": {"low": 0.1, "high": 0.2}, "epochs": 3}
    config = StudyConfig({}, space, "accuracy", None, 100.0, 3, 1, (1, 3), 3, 0, 1, {}, "cpu", 2)
    planner = Planner(config, units=(64, 10))
    first = planner.plan([])
    tried = sample(Space.of(space), 0, "accuracy", [], first.structure_of_trials)
    for trial in tried:
        trial.state, trial.value, trial.user_attrs = optuna.trial.TrialState.COMPLETE, 0.5, {"parameters": 610}
    planner.add(tried, seconds=9.0)
    assert planner.plan(tried).structures == first.structures == [{"pixel_encoding": 0}]


@pytest.mark.slow
def test_the_winner_has_the_seeds_that_the_budget_has_time_for(partial):
    config = json.loads((partial / "study.json").read_text())
    (partial / "study.json").write_text(json.dumps(config | {"seeds": 5}))
    Study(partial).optuna.set_user_attr("seconds", {"0": 30.0})  # a seed on all rows takes 14 s, and 30 s are left
    study = resume(partial)
    assert (len(study.trials), len(study.winner.members)) == (3, 2)


@pytest.mark.slow
def test_resuming_under_other_conditions_warns(partial):
    Study(partial).optuna.set_user_attr("seconds", {"0": 60.0})
    config = json.loads((partial / "study.json").read_text())
    config["versions"]["jax"], config["threads"] = "0.1", 77
    (partial / "study.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"The study began under other conditions \(jax 0\.1 → .*threads 77 → "):
        resume(partial)
    resume(partial)  # nothing is computed any more: warnings are errors here


def test_a_budget_too_short_for_one_rung_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(UsageError, match=r"epoch 3, and .* s to train it again; the budget has 0 s: too short"):
        tune("digits", SPACE, population=4, budget=0.01, out=tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_arrays_are_needed_again_in_a_folder_of_any_name(tmp_path, digits):
    data = tuple((part.inputs, part.labels) for part in (digits.train, digits.test))
    path = tmp_path / "a b%20?c#ü"
    study = tune(data, SPACE | {"epochs": 1}, trials=2, population=2, seeds=1, out=path)
    assert study.command.startswith("mlplab.train(data, hidden=[")
    with pytest.raises(DataError, match=r"begun with arrays.* data="):
        resume(path)
    assert trials_with_curves(resume(path, data=data)) == trials_with_curves(study)


def test_resuming_with_other_data_or_another_space_is_refused(digits_study, digits):
    with pytest.raises(UsageError, match="searches another space"):
        resume(digits_study.path, space=SPACE | {"epochs": 4})
    other = ((digits.train.inputs, digits.train.labels), (digits.train.inputs, digits.train.labels))
    with pytest.raises(DataError, match="is a study of digits, and arrays has other content"):
        resume(digits_study.path, data=other)
    assert resume(digits_study.path, data="digits", space=SPACE).path == digits_study.path


def test_what_is_no_study_is_refused(digits_study, tmp_path):
    with pytest.raises(RunError, match=r"lacks study\.json"):
        resume(tmp_path)
    path = shutil.copytree(digits_study.path, tmp_path / "study")
    (path / "study.db").write_bytes(b"not SQLite at all" * 100)
    with pytest.raises(RunError, match=r"study\.db is damaged"):
        resume(path)
    (path / "study.db").unlink()
    with pytest.raises(RunError, match=r"lacks study\.db"):
        resume(path)
    asked = json.loads((path / "study.json").read_text())
    (path / "study.json").write_text(json.dumps(asked | {"format": 99}))
    with pytest.raises(RunError, match="has format 99"):
        resume(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "trials must be a whole number of at least 1; got 0"),
        ({"trials": 3, "budget": 5.0}, "Give trials or budget, not both"),
        ({"budget": -1.0}, "budget must be a time above 0"),
        ({"metric": "f1"}, "metric must be accuracy or loss; got 'f1'"),
        ({"population": 0}, "population must be"),
        ({"seed": -1}, "seed must be"),
        ({"space": SPACE | {"optimizer": ["adam", "adm"]}}, "Unknown optimizer 'adm'"),
        ({"space": SPACE | {"activation": "rellu"}}, "Unknown activation 'rellu'"),
    ],
    ids=str,
)
def test_bad_arguments_leave_nothing(arguments, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        tune("digits", **{"space": SPACE} | arguments, out=tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way(digits_study):
    with pytest.raises(RunError, match="exists already"):
        tune("digits", SPACE, out=digits_study.path)


def test_the_package_is_the_function_too():
    with pytest.raises(UsageError, match="metric must be"):
        mlplab.tune("digits", SPACE, metric="f1")  # pyright: ignore[reportCallIssue]


def test_without_optuna_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPackageError, match=r'pip install "mlplab\[tune\]"'):
        tune("digits")


def test_optuna_dashboard_opens_it(digits_study):
    from threading import Thread
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from optuna_dashboard import wsgi

    class Silent(WSGIRequestHandler):
        def log_message(self, *_):
            pass

    with storage(digits_study) as opened, make_server("127.0.0.1", 0, wsgi(opened), handler_class=Silent) as server:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        address = f"http://127.0.0.1:{server.server_port}/api/studies"
        listed = json.load(urllib.request.urlopen(address))["study_summaries"]
        assert [study["study_name"] for study in listed] == ["mlplab"]
        shown = json.load(urllib.request.urlopen(f"{address}/{listed[0]['study_id']}"))
        server.shutdown()
        serving.join()
    assert [trial["number"] for trial in shown["trials"]] == list(range(10))
    states = {"complete": "Complete", "dropped": "Pruned"}
    assert [trial["state"] for trial in shown["trials"]] == [states[t["state"]] for t in digits_study.trials]
