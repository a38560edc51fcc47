"""The ingredients of strong recipes: each does what its formula says, alone and in seeds, studies, and after a stop."""

import numpy as np
import pytest
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab import keras
from mlplab.errors import Interrupted
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.runs import Settings

NETWORK = {"hidden": [4], "epochs": 3, "batch_size": 64, "labelled": 640, "verbose": 0}
ALL = {"label_smoothing": 0.1, "input_dropout": 0.1, "noise": 0.2}
"""Every ingredient at once."""


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    return mlplab.train(digits, **NETWORK, **ALL, out=tmp_path_factory.mktemp("runs") / "all")


def test_a_resumed_run_and_the_first_of_several_seeds_are_the_run(trained, digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, **ALL, out=tmp_path / "run", callbacks=[Interrupt(2)])
    mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    seeds = mlplab.train(digits, **NETWORK, **ALL, seeds=2, out=tmp_path / "seeds")
    files = set(FILES) - {"metrics.jsonl"}  # which has seconds
    assert bytes_of(tmp_path / "run", files) == bytes_of(trained.path, files)
    assert bytes_of(seeds.members[0].path, files) == bytes_of(trained.path, files)


def test_trials_with_and_without_them_share_a_study(digits):
    arguments = {name: value for name, value in NETWORK.items() if name != "verbose"}
    plain, rich = Settings(**arguments), Settings(**arguments, **ALL)
    beside, together = run_trials(digits, HalvingTask((plain, rich), rungs=(1, 3), reduction=1))
    (alone,) = run_trials(digits, HalvingTask((rich,), rungs=(3,)))
    for name, values in alone.history.items():
        np.testing.assert_allclose(together.history[name], values, rtol=1e-5)
    assert together.group != beside.group


def test_label_smoothing_is_in_the_loss_and_not_in_the_scores(digits, tmp_path):
    """Szegedy et al. (2016), "Rethinking the Inception architecture for computer vision", section 7."""
    run = mlplab.train(digits, **NETWORK, label_smoothing=0.2, out=tmp_path / "run")
    kept = run.predictions("validation")
    log, one_hot = np.log(kept.probabilities), np.eye(10)[kept.label]
    assert run.epochs[-1]["val_loss"] == pytest.approx(-((0.8 * one_hot + 0.02) * log).sum(1).mean(), rel=1e-5)
    assert run.epochs[-1]["val_accuracy"] == pytest.approx((log.argmax(1) == kept.label).mean())
    assert run.result.validation.loss == pytest.approx(-(one_hot * log).sum(1).mean(), rel=1e-5)
    assert isinstance(run.model.loss, keras.losses.CategoricalCrossentropy)
