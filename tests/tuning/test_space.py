"""What can be searched, and what is refused, by a message with the parameter's name and value."""

import json

import numpy as np
import optuna
import pytest

from mlplab.errors import DataError, UsageError
from mlplab.tuning.parameters import Choice, Range
from mlplab.tuning.sampling import sample, sample_structure, values_of
from mlplab.tuning.space import Space, default

SMALL = {"hidden": [16], "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
TOML = """
width = [32, 64]
depth = {low = 1, high = 3}
activation = ["relu", "gelu"]
batch_norm = [true, false]
learning_rate = {low = 1e-4, high = 1e-2, log = true}
dropout = {low = 0, high = 0.5}
batch_size = 64
epochs = 20
"""


def test_a_toml_file_and_a_dict_say_the_same(tmp_path):
    (tmp_path / "space.toml").write_text(TOML)
    space = Space.of(tmp_path / "space.toml")
    assert space.varied == {
        "width": Choice((32, 64)),
        "depth": Range(1, 3, whole=True),
        "activation": Choice(("relu", "gelu")),
        "batch_norm": Choice((True, False)),
        "learning_rate": Range(1e-4, 1e-2, log=True),
        "dropout": Range(0, 0.5),
    }
    assert space.fixed == {"batch_size": 64, "epochs": 20}
    assert Space.of(space.definition) == space


def test_numbers_of_numpy_and_a_single_number_of_units():
    rates = np.logspace(-3, -1, 3)
    given = {
        "hidden": np.int64(16),
        "batch_size": list(2 ** np.arange(4, 6)),
        "learning_rate": rates,
        "epochs": range(2, 3),
    }
    plain = {"hidden": 16, "batch_size": [16, 32], "learning_rate": rates.tolist(), "epochs": [2]}
    assert Space.of(given).definition == plain
    assert json.loads(json.dumps(Space.of(given).definition)) == plain
    assert Space.of(given) == Space.of(plain)
    assert Space.of(given).fixed == {"hidden": (16,), "epochs": 2}
    assert Space.of({"hidden": np.array([[8, 8], [4, 4]])}).varied == {"hidden": Choice(((8, 8), (4, 4)))}
    dropout = {"low": np.float32(0), "high": np.float64(0.5)}
    assert Space.of({"hidden": 8, "dropout": dropout}).varied == {"dropout": Range(0.0, 0.5)}


def test_settings_of_a_trial():
    space = Space.of({"width": [32, 64], "depth": [1, 2], "activation": "gelu", "epochs": 5})
    settings = space.settings({"width": 64, "depth": 2}, seed=7)
    assert settings.hidden == (64, 64)
    assert (settings.activation, settings.epochs, settings.seed) == ("gelu", 5, 7)


def drawn(space, seed, count, metric="accuracy"):
    """Return the values of the first trials, each with the first structure."""
    structure = sample_structure(space, seed, metric, [])
    return [trial.params for trial in sample(space, seed, metric, [], [structure] * count)]


def test_lists_of_units_go_through_the_database_as_text():
    space = Space.of({"hidden": [[], [16], [32, 16]], "epochs": 3})
    assert {values_of(space, params)["hidden"] for params in drawn(space, 0, 12)} == {(), (16,), (32, 16)}


def finished(space, structure, value):
    """Return a trial of a structure, trained to the end."""
    (trial,) = sample(space, 0, "accuracy", [], [structure])
    return optuna.trial.create_trial(params=trial.params, distributions=trial.distributions, value=value)


def test_a_population_has_one_structure_and_the_first_choices_are_tried_first():
    space = Space.of(
        SMALL | {"hidden": [[32], [16, 8], [64]], "activation": ["gelu", "relu"], "batch_size": {"low": 16, "high": 48}}
    )
    first = {"hidden": "32", "activation": "gelu", "batch_size": 32}
    assert space.structure == sorted(first)
    assert sample_structure(space, 0, "accuracy", []) == first
    trials = drawn(space, 0, 6)
    assert all(first.items() <= params.items() for params in trials)
    assert len({params["learning_rate"] for params in trials}) == 6
    others = [sample_structure(space, seed, "accuracy", [finished(space, first, 0.9)]) for seed in range(8)]
    assert {other["hidden"] for other in others} == {"32", "16-8", "64"}


def test_fractions_that_need_a_program_for_each_value_are_of_the_structure():
    varied = {"warmup": {"low": 0.05, "high": 0.2}, "mixup": {"low": 0.01, "high": 1, "log": True}, "ema": [0, 0.99]}
    space = Space.of(SMALL | varied | {"dropout": {"low": 0, "high": 0.5}})
    first = {"ema": 0, "mixup": 0.1, "warmup": 0.125}
    assert space.structure == sorted(first)
    assert sample_structure(space, 0, "accuracy", []) == first
    second = sample_structure(space, 0, "accuracy", [finished(space, first, 0.9)])
    assert 0.05 <= second["warmup"] <= 0.2
    assert second != first
    trials = sample(space, 0, "accuracy", [], [second] * 3)
    assert all(second.items() <= trial.params.items() for trial in trials), "the same numbers, to the last digit"
    assert len({trial.params["dropout"] for trial in trials}) == 3


def test_structures_like_those_that_reached_more_are_tried_more_often():
    layers = [[units] * depth for depth in (1, 2) for units in (16, 32, 64, 128)]
    space = Space.of(SMALL | {"activation": ["relu", "gelu", "tanh"], "hidden": layers})
    value = {"relu": 0.5, "gelu": 0.9, "tanh": 0.55}
    earlier = [
        finished(space, {"hidden": units, "activation": activation}, value[activation])
        for activation in value
        for units in ("16", "32", "64-64")
    ]
    for metric, best in (("accuracy", "gelu"), ("loss", "relu")):
        chosen = [sample_structure(space, seed, metric, earlier) for seed in range(20)]
        activations = [structure["activation"] for structure in chosen]
        assert max(set(activations), key=activations.count) == best
        tried = [(trial.params["hidden"], trial.params["activation"]) for trial in earlier]
        assert not {(structure["hidden"], structure["activation"]) for structure in chosen} & set(tried)


def test_a_structure_is_tried_again_where_no_other_is_left():
    space = Space.of(SMALL | {"hidden": [[16], [32]]})
    earlier = [finished(space, {"hidden": units}, value) for units, value in (("16", 0.5), ("32", 0.9))]
    assert sample_structure(space, 0, "accuracy", earlier)["hidden"] in ("16", "32")


def test_if_only_the_structure_varies_trials_differ_in_it():
    assert sample_structure(Space.of({"hidden": [[16], [32]]}), 0, "accuracy", []) == {}


def test_sampled_values_lie_in_their_ranges_and_are_short():
    space = Space.of(SMALL | {"batch_size": {"low": 16, "high": 40}})
    for params in drawn(space, 3, 20, "loss"):
        assert 1e-4 <= params["learning_rate"] <= 1e-2
        assert float(f"{params['learning_rate']:.4g}") == params["learning_rate"]
        assert params["batch_size"] in range(16, 41)


def test_the_default_space_varies_structure_and_rates():
    space = Space.of(None)
    assert space.structure == ["activation", "batch_norm", "depth", "width"]
    assert set(space.varied) - set(space.structure) == {"learning_rate", "dropout", "weight_decay"}


def test_the_default_space_takes_small_batches_and_more_epochs_of_few_rows():
    spaces = {rows: default(rows) for rows in (10, 1437, 2_000, 10_000, 60_000, 10**7)}
    assert {rows: (space["batch_size"], space["epochs"]) for rows, space in spaces.items()} == {
        10: (32, 60),
        1437: (32, 60),
        2_000: (32, 60),
        10_000: (32, 18),
        60_000: (256, 18),
        10**7: (256, 18),
    }


def test_sampled_trials_depend_on_seed_and_history_alone():
    space = Space.of(SMALL | {"activation": ["relu", "gelu"]})
    turned = Space.of(dict(reversed(list(space.definition.items()))))

    assert drawn(space, 0, 8) == drawn(turned, 0, 8)
    assert drawn(space, 0, 8)[:5] == drawn(space, 0, 5)
    assert drawn(space, 0, 8) != drawn(space, 1, 8)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"learning_rat": 0.1}, "Unknown parameter 'learning_rat'. Did you mean 'learning_rate'"),
        ({"dropout": {"low": 0.1}}, "range of dropout needs low and high"),
        ({"dropout": {}}, "range of dropout needs low and high"),
        ({"dropout": {"low": 0.5, "high": 0.1}}, "low end, 0.5, above its high end, 0.1"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "logarithmic, so low must be above 0; got 0"),
        ({"dropout": {"low": 0, "high": 0.5, "step": 1}}, "low, high and log; got step too"),
        ({"dropout": {"low": 0.1, "high": 1.5}}, "dropout must be a fraction from 0 to below 1; got 1.5"),
        ({"dropout": {"low": "a", "high": 1}}, "both numbers"),
        ({"activation": []}, "activation has an empty list"),
        ({"activation": ["relu", "relu"]}, "same choice twice"),
        ({"activation": {"low": 0, "high": 1}}, "activation has no range"),
        ({"activation": 3}, "activation takes a name in quotes"),
        ({"batch_norm": [0, 1]}, "batch_norm takes true or false"),
        ({"schedule": ["none", "linear"]}, "schedule must be one of none, cosine, linear-end; got 'linear'"),
        ({"batch_size": {"low": 1.5, "high": 8}}, "batch_size is a whole number"),
        ({"batch_size": [0, 8]}, "batch_size must be a whole number of at least 1; got 0"),
        ({"width": 16}, "gives the hidden layers twice"),
        ({"hidden": 16.5}, "hidden takes lists of units"),
        ({"hidden": [[16], 8]}, "hidden takes lists of units"),
        ({"hidden": [["16"], ["8"]]}, "hidden takes lists of units"),
        ({"hidden": [[16.5], [8]]}, "hidden takes lists of units"),
        ({"hidden": [[16], [0]]}, "hidden must be a list with the units of each layer, at least 1"),
        ({"hidden": []}, "hidden has an empty list"),
        ({"seed": [1, 2]}, "seed is not part of a space: each trial has its own"),
        ({"validation": 0.2}, "validation is not part of a space"),
        ({"early_stopping": 3}, "early_stopping is not part of a space"),
        ({"epochs": [5, 10]}, "epochs takes one value"),
        ({"epochs": {"low": 5, "high": 10}}, "epochs takes one value"),
        ({"learning_rate": 0.1}, "nothing to search"),
        ({"pixel_encoding": {"low": 0, "high": 8}}, "pixel_encoding must be 0, or a whole number of at least 2; got 1"),
    ],
    ids=str,
)
def test_bad_spaces(changed, message):
    with pytest.raises(UsageError) as refused:
        Space.of(SMALL | changed)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pixel_encoding": [0, 4], "standardize": [False, True]}, "pixel_encoding takes pixels from 0 to 1, and"),
        ({"schedule": ["none", "linear-end"], "warmup": {"low": 0.0, "high": 0.1}}, "warmup goes with the schedules"),
        ({"mixup": [0.0, 0.2], "class_weight": "balanced"}, "mixup makes rows of two classes, and class_weight"),
    ],
    ids=str,
)
def test_values_that_do_not_go_together_are_refused_wherever_they_stand_in_a_space(changed, message):
    with pytest.raises(UsageError, match=f"The space has values that do not go together: {message}"):
        Space.of(SMALL | changed).combinations()


def test_combinations_have_every_pair_of_values():
    space = {"width": [8, 16], "depth": [1, 2], "dropout": {"low": 0.1, "high": 0.3}, "noise": 0.2}
    found = {(each.hidden, each.dropout) for each in Space.of(space).combinations()}
    assert found >= {((8,), 0.1), ((16, 16), 0.1), ((16,), 0.3), ((8, 8), 0.3)}
    assert len(Space.of({"hidden": [[8], [16]]}).combinations()) == 2


def test_the_hidden_layers_have_to_be_given():
    with pytest.raises(UsageError, match="does not give the hidden layers"):
        Space.of({"learning_rate": {"low": 1e-4, "high": 1e-2}})
    with pytest.raises(UsageError, match="does not give the hidden layers"):
        Space.of({"depth": [1, 2]})
    with pytest.raises(UsageError, match="width must be a whole number of at least 1"):
        Space.of({"width": [0, 16]})


def test_bad_files(tmp_path):
    (tmp_path / "space.toml").write_text("epochs = 3\nhidden = [16\n")
    with pytest.raises(DataError, match=r"is not TOML: .*line"):
        Space.of(tmp_path / "space.toml")
    with pytest.raises(DataError, match=r"nowhere\.toml cannot be read: No such file"):
        Space.of(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="A space is a dict"):
        Space.of(["hidden"])  # pyright: ignore[reportArgumentType]
