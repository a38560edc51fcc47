"""`class_weight` multiplies the loss of a class's rows, in a run, its seeds, its continuation and a study."""

import json

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight
from small_runs import FILES, Interrupt, bytes_of

import mlplab
from mlplab.cli import settings_options
from mlplab.engine import ArraySource, Rows
from mlplab.errors import Interrupted, UsageError
from mlplab.experiments.successive_halving import HalvingTask, run_trials
from mlplab.runs import Settings
from mlplab.runs.settings import SETTINGS
from mlplab.runs.settings_arguments import training_call
from mlplab.training.class_weights import weights_of_classes
from mlplab.training.network import build_network
from mlplab.tuning.space import Space

NETWORK = {"hidden": [4], "epochs": 2, "batch_size": 64, "labelled": 640, "verbose": 0}
WEIGHTS = {"3": 5.0, 7: 0.25}


@pytest.fixture(scope="module")
def weighted(digits, tmp_path_factory):
    return mlplab.train(digits, **NETWORK, class_weight=WEIGHTS, out=tmp_path_factory.mktemp("runs") / "weighted")


def test_a_run_is_trained_as_fit_with_a_weight_for_each_row(weighted, digits):
    config, labels = weighted.config, digits.train.labels
    assert config.settings.class_weight == {"3": 5.0, "7": 0.25}
    weights = np.where(labels == 3, 5, np.where(labels == 7, 0.25, 1)).astype("float32")
    model = build_network(config.settings, digits, len(weighted.split["train"]))
    source = ArraySource(
        *(digits.train.inputs, labels, weights),
        batch_size=64,
        shuffle=True,
        seed=0,
        subset=weighted.split["train"],
        batch=Rows(config.preprocessing),
    )
    mlplab.fit(model, source, epochs=2, verbose=0)
    for p, q in zip(model.get_weights(), weighted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)


def test_balanced_is_what_scikit_learn_computes():
    labels = np.repeat([0, 1, 3], [50, 30, 20])
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels)
    names = ("a", "b", "never", "c")
    np.testing.assert_allclose(weights_of_classes("balanced", labels, names)[[0, 1, 3]], expected, rtol=1e-6)


def test_a_class_has_a_name_and_a_number():
    labels, names = np.arange(3), ("1", "2", "Coat")
    assert weights_of_classes({"Coat": 2, "0": 4}, labels, names).tolist() == [4, 1, 2]
    assert weights_of_classes({"1": 3}, labels, names).tolist() == [3, 1, 1]  # a name counts before a number
    with pytest.raises(UsageError, match=r"class_weight: Unknown class 'Coats'\. Did you mean 'Coat'"):
        weights_of_classes({"Coats": 2}, labels, names)


@pytest.mark.parametrize("wrong", ["balance", {}, {"3": -1.0}, {"3": float("nan")}, {"3": "much"}, 2.0])
def test_other_weights_are_refused(wrong):
    with pytest.raises(UsageError, match="class_weight must be 'balanced', or a dict of class"):
        Settings(class_weight=wrong)


def test_an_unknown_class_is_refused_before_anything_is_written(digits, tmp_path):
    for seeds in (1, 2):
        with pytest.raises(UsageError, match="Unknown class '10'"):
            mlplab.train(digits, **NETWORK, seeds=seeds, class_weight={10: 2.0}, out=tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_a_resumed_run_and_each_seed_have_the_weights_of_the_run(weighted, digits, tmp_path):
    with pytest.raises(Interrupted):
        mlplab.train(digits, **NETWORK, class_weight=WEIGHTS, out=tmp_path / "run", callbacks=[Interrupt(1)])
    mlplab.resume(tmp_path / "run", data=digits, verbose=0)
    files = tuple(set(FILES) - {"metrics.jsonl"})
    assert bytes_of(tmp_path / "run", files) == bytes_of(weighted.path, files)
    seeds = mlplab.train(digits, **NETWORK, class_weight=WEIGHTS, seeds=2, out=tmp_path / "seeds")
    for p, q in zip(seeds.members[0].model.get_weights(), weighted.model.get_weights(), strict=True):
        np.testing.assert_array_equal(p, q)


def test_the_printed_command_has_the_weights(weighted):
    assert "--class-weight 3=5,7=0.25" in training_call("digits", weighted.config.settings.arguments())


@pytest.mark.slow
def test_a_study_fixes_them(digits):
    space = {"hidden": [4], "epochs": 1, "learning_rate": {"low": 0.001, "high": 0.01}}
    weighted = Space.of({**space, "class_weight": {"3": 50.0}})
    assert weighted.fixed["class_weight"] == {"3": 50.0}
    with pytest.raises(UsageError, match="class_weight takes one value: all trials are trained for the same weights"):
        Space.of({**space, "class_weight": ["balanced", {"3": 2.0}]})
    losses = []
    for one in (Space.of(space), weighted):
        settings = (one.settings({"learning_rate": 0.01}, seed=1),)
        task = HalvingTask(settings, rungs=(1,), reduction=3, metric="accuracy", seed=0)
        (result,) = run_trials(digits, task)
        losses.append(result.history["loss"][0])
    assert losses[1] > 2 * losses[0]


@pytest.mark.parametrize("form", ["text", "file"])
def test_on_the_command_line(form, tmp_path):
    (tmp_path / "weights.json").write_text(json.dumps({"Coat": 2, "Shirt": 3.5}))
    given = "Coat=2,Shirt=3.5" if form == "text" else str(tmp_path / "weights.json")
    assert settings_options._value(SETTINGS["class_weight"], given) == {"Coat": 2, "Shirt": 3.5}


@pytest.mark.parametrize("wrong", ["Shirt", "3=x", "weights.json"])
def test_what_is_neither_weights_nor_a_file_is_refused(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.json").write_text('{"Coat": ')
    with pytest.raises(UsageError, match=rf"--class-weight takes balanced, a JSON file .*; got '{wrong}': "):
        settings_options._value(SETTINGS["class_weight"], wrong)
