"""Trials are what the same networks would be alone; halving keeps the best; and what one does harms no other."""

import pickle

import numpy as np
import pytest

from mlplab.engine import ArraySource, Rows, fit
from mlplab.errors import UsageError
from mlplab.experiments.successive_halving import Outcome, run_trials
from mlplab.runs import Settings
from mlplab.training import splits
from mlplab.training.network import build_network

RATES = (1e-4, 3e-3, 1e-2, 1e30, 3e-2, 1e-2)
RUNGS = (1, 2, 4)


def settings(**changed):
    told = {"hidden": (16,), "dropout": 0.1, "schedule": "cosine", "epochs": RUNGS[-1], "batch_size": 64}
    return Settings(**(told | changed))


SETTINGS = [settings(learning_rate=rate, seed=seed) for seed, rate in enumerate(RATES)]


@pytest.fixture(scope="module")
def outcomes(digits) -> list[Outcome]:
    return run_trials(digits, SETTINGS, rungs=RUNGS, seed=5)


def test_a_trial_is_what_it_would_be_alone(digits, outcomes):
    held = splits.split(digits.train, Settings(seed=5))
    batch = Rows(preprocess=splits.fit_preprocessing(digits.train.inputs, held["train"], standardize=False))
    parts = {name: (digits.train.inputs[rows], digits.train.labels[rows]) for name, rows in held.items()}
    for each, outcome in zip(SETTINGS, outcomes, strict=True):
        if outcome.failed:
            continue
        model = build_network(each, digits, len(held["train"]))
        source = ArraySource(*parts["train"], None, batch_size=64, shuffle=True, seed=each.seed, batch=batch)
        validation = ArraySource(*parts["validation"], None, batch_size=1000, batch=batch)
        epochs = len(outcome.history["loss"])
        alone = fit(model, source, validation_data=validation, epochs=epochs, verbose=0).history
        assert set(outcome.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
        for name, values in alone.items():
            np.testing.assert_allclose(outcome.history[name], values, rtol=1e-4, err_msg=f"{name} of {each}")
        assert outcome.parameters == model.count_params()


def test_halving_keeps_the_best_third(outcomes):
    assert [outcome.dropped for outcome in outcomes].count(1) == 3  # of six two go on; one diverged
    assert [outcome.dropped for outcome in outcomes].count(2) == 1
    for rung in RUNGS[:-1]:
        there = [each for each in outcomes if not each.failed and (each.dropped or RUNGS[-1]) >= rung]
        scores = [(each.history["val_accuracy"][rung - 1], each.dropped == rung) for each in there]
        assert max(score for score, dropped in scores if dropped) <= min(s for s, dropped in scores if not dropped)
    for outcome in outcomes:
        assert outcome.failed or len(outcome.history["loss"]) == (outcome.dropped or RUNGS[-1])


def test_one_that_diverges_is_set_aside_and_changes_no_other(digits, outcomes):
    assert [bool(outcome.failed) for outcome in outcomes] == [rate == 1e30 for rate in RATES]
    failed = outcomes[3]
    assert "epoch 1" in failed.failed
    assert failed.history == {}
    assert failed.dropped is None
    others = [each for each in SETTINGS if each.learning_rate != 1e30]
    without = run_trials(digits, others, rungs=(1, RUNGS[-1]), seed=5)
    first = [outcome.history["loss"][0] for outcome in outcomes if not outcome.failed]
    np.testing.assert_allclose([outcome.history["loss"][0] for outcome in without], first, rtol=1e-4)


def test_the_same_gives_the_same_in_any_process(digits, outcomes):
    again = run_trials(pickle.loads(pickle.dumps(digits)), pickle.loads(pickle.dumps(SETTINGS)), rungs=RUNGS, seed=5)
    assert again == outcomes
    assert pickle.loads(pickle.dumps(outcomes)) == outcomes


def test_loss_as_the_metric(digits, outcomes):
    by_loss = run_trials(digits, SETTINGS, rungs=RUNGS, seed=5, metric="loss")
    going = [outcome.history["val_loss"][0] for outcome in by_loss if not outcome.failed and outcome.dropped != 1]
    assert max(going) <= min(outcome.history["val_loss"][0] for outcome in by_loss if outcome.dropped == 1)


def test_architectures_are_told_apart_by_what_is_compiled(digits):
    several = [
        settings(),
        settings(seed=1, learning_rate=0.1, dropout=0.3),
        settings(dropout=0.0),
        settings(hidden=(8,)),
    ]
    groups = [outcome.group for outcome in run_trials(digits, several, rungs=(4,))]
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3


def test_progress_goes_from_nothing_to_all_of_it(digits):
    told = []
    run_trials(digits, SETTINGS[:3], rungs=(1, 4), progress=lambda part, scores: told.append((part, list(scores))))
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert 0 < parts[0] < parts[-1] == 1
    assert all(isinstance(score, float) for score in told[-1][1])


def test_no_rung_is_begun_that_would_not_fit(digits):
    with pytest.raises(UsageError, match=r"A population of 6 takes about .* s to its first rung, epoch 1; the budget"):
        run_trials(digits, SETTINGS, rungs=RUNGS, limit=1e-6)
    assert all(not each.dropped for each in run_trials(digits, SETTINGS[:1], rungs=RUNGS, limit=600))


@pytest.mark.parametrize(
    ("several", "arguments", "message"),
    [
        ([], {}, "no trials to run"),
        ([settings()], {"rungs": (2, 1, 4)}, "rising numbers of epochs"),
        ([settings()], {"rungs": ()}, "rising numbers of epochs"),
        ([settings()], {"rungs": (1, 3)}, "epochs must be the last rung, 3"),
        ([settings()], {"metric": "f1"}, "metric must be accuracy or loss"),
        ([settings(), settings(validation=0.2)], {}, "need one split"),
        ([settings(validation=0.0)], {}, "need one split"),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value),
)
def test_what_does_not_belong_together_is_refused(digits, several, arguments, message):
    with pytest.raises(UsageError, match=message):
        run_trials(digits, several, **{"rungs": RUNGS} | arguments)
