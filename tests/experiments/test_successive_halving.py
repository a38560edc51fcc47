"""Trials are what the same networks would be alone; halving keeps the best; a trial that diverges changes no other."""

import pickle

import numpy as np
import pytest

from mlplab.engine import ArraySource, Rows, fit
from mlplab.errors import UsageError
from mlplab.experiments.successive_halving import (
    HalvingTask,
    TrialResult,
    _drop_what_does_not_fit,
    _prepare,
    architecture,
    run_trials,
)
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import build_network

RATES = (1e-3, 3e-2, 1e-2, 1e30, 1e-1, 3e-3)
RUNGS = (1, 2, 4)


def settings(**changed):
    # batch_size: a third of the rows trained on, so no smaller batch at the end to compile.
    values = {"hidden": (16,), "dropout": 0.1, "schedule": "cosine", "epochs": RUNGS[-1], "batch_size": 433}
    return Settings(**(values | changed))


SETTINGS = tuple(settings(learning_rate=rate, seed=seed) for seed, rate in enumerate(RATES))
TASK = HalvingTask(SETTINGS, RUNGS, seed=5)


@pytest.fixture(scope="module")
def halved(digits) -> tuple[list[TrialResult], list]:
    """The results of the task, and its reports of progress."""
    reports = []
    return run_trials(digits, TASK, progress=reports.append), reports


@pytest.fixture(scope="module")
def results(halved):
    return halved[0]


@pytest.mark.slow
def test_a_trial_is_what_it_would_be_alone(digits, results):
    held = splits.split(digits.train, Settings(seed=5))
    batch = Rows(preprocess=splits.fit_preprocessing(digits.train.inputs, held["train"], standardize=False))
    parts = {name: (digits.train.inputs[rows], digits.train.labels[rows]) for name, rows in held.items()}
    longest = max(range(len(RATES)), key=lambda number: len(results[number].history.get("loss", ())))
    trial, result = SETTINGS[longest], results[longest]
    model = build_network(trial, digits, len(held["train"]))
    source = ArraySource(*parts["train"], None, batch_size=433, shuffle=True, seed=trial.seed, batch=batch)
    validation = ArraySource(*parts["validation"], None, batch_size=1000, batch=batch)
    alone = fit(model, source, validation_data=validation, epochs=RUNGS[-1], verbose=0).history
    assert set(result.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for name, values in alone.items():
        np.testing.assert_allclose(result.history[name], values, rtol=1e-4, err_msg=name)
    assert result.parameters == model.count_params()


def test_halving_keeps_the_best_third(results):
    assert [result.dropped for result in results].count(1) == 3  # two of six are kept; one diverged
    assert [result.dropped for result in results].count(2) == 1
    for rung in RUNGS[:-1]:
        compared = [each for each in results if not each.failed and (each.dropped or RUNGS[-1]) >= rung]
        scores = [(each.history["val_accuracy"][rung - 1], each.dropped == rung) for each in compared]
        assert max(score for score, dropped in scores if dropped) <= min(s for s, dropped in scores if not dropped)
    for result in results:
        assert result.failed or len(result.history["loss"]) == (result.dropped or RUNGS[-1])


def test_a_trial_that_diverges_fails_and_changes_no_other(digits, results):
    assert [bool(result.failed) for result in results] == [rate == 1e30 for rate in RATES]
    failed = results[3]
    assert "epoch 1" in failed.failed
    assert failed.history == {}
    assert failed.dropped is None
    others = HalvingTask(SETTINGS[:3] + SETTINGS[4:], RUNGS, seed=5)
    assert run_trials(digits, others) == results[:3] + results[4:]


def test_the_same_task_has_the_same_results_in_any_process(digits, results):
    assert run_trials(*pickle.loads(pickle.dumps((digits, TASK)))) == results
    assert pickle.loads(pickle.dumps(results)) == results


def test_trials_are_compared_by_the_loss_too(digits):
    by_loss = run_trials(digits, HalvingTask(SETTINGS, RUNGS, seed=5, metric="loss"))
    kept = [result.history["val_loss"][0] for result in by_loss if not result.failed and result.dropped != 1]
    assert max(kept) <= min(result.history["val_loss"][0] for result in by_loss if result.dropped == 1)


def test_an_architecture_is_what_is_compiled():
    same = {architecture(settings(**changed)) for changed in ({}, {"seed": 1, "learning_rate": 0.1, "dropout": 0.3})}
    others = {architecture(settings(**changed)) for changed in ({"dropout": 0.0}, {"hidden": (8,)})}
    assert len(same) == 1
    assert len(same | others) == 3


def test_progress_is_reported_from_the_start_to_the_end_with_scores(halved):
    results, reports = halved
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert 0 < done[0] < done[-1] == 6 * 1 + 2 * 1 + 1 * 2
    assert {report.total for report in reports} == {done[-1]}
    last = [None if result.failed else result.history["val_accuracy"][-1] for result in results]
    assert reports[-1].detail == last


def test_no_rung_is_started_that_would_not_fit(digits):
    with pytest.raises(UsageError, match=r"A trial takes about .* s to its first rung, epoch 1; the budget has 0 s"):
        run_trials(digits, HalvingTask(SETTINGS, RUNGS, limit=1e-6))
    assert [each.dropped for each in run_trials(digits, HalvingTask(SETTINGS[:1], RUNGS, limit=600))] == [None]


class SteadyClock:
    """A machine on which an epoch of one network takes a second."""

    def an_epoch(self, done):
        return 1.0

    def end(self, done, remaining):
        return done + remaining


@pytest.mark.parametrize(("limit", "reach"), [(18 + 10, 6), (17 + 10, 5), (3 + 5 + 10, 1)])
def test_trials_that_cannot_reach_the_first_rung_in_time_are_dropped_before(limit, reach, digits):
    task = HalvingTask(
        tuple(settings(seed=seed, epochs=9, validation=0.1) for seed in range(6)), (3, 9), limit=limit, seeds=3
    )
    trials = _prepare(digits, task)
    _drop_what_does_not_fit(task, trials, SteadyClock(), 0.0)
    assert [trial.member.epochs for trial in trials] == [9] * reach + [1] * (6 - reach)
    assert [trial.dropped for trial in trials] == [None] * reach + [1] * (6 - reach)
