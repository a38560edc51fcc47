"""Recipes: the same as their settings, apart from the name that a run keeps; and files that people write."""

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import mlplab
from mlplab import keras, recipes
from mlplab.errors import DataError, Interrupted, UsageError
from mlplab.experiments.sweep_plan import SweepPlan
from mlplab.files import write_json
from mlplab.recipes import Recipe
from mlplab.reports import settings_wording
from mlplab.runs import Run, Settings
from mlplab.runs.settings import SETTINGS
from mlplab.training.network import build_network

OLD_RUN = Path(__file__).parents[1] / "compatibility" / "0.1.0" / "run-finished"
MINE = """
description = "Mine."
input_shape = [8, 8]
hidden = [4]
batch_norm = true
dropout = 0.25
epochs = 2
batch_size = 64
"""


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    return path


@pytest.fixture(scope="module")
def by_recipe(once) -> Run:
    """Two networks of the recipe `notebook` on digits, one epoch."""
    options = {"epochs": 1, "seeds": 2, "verbose": 0}
    return Run(once("by-recipe", lambda out: mlplab.train("digits", recipe="notebook", out=out, **options)))


def images(*shape: int) -> mlplab.datasets.Data:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 256, (20, *shape), dtype=np.uint8), np.arange(20) % 10
    return mlplab.load((part, part))


@pytest.mark.parametrize(("name", "parameters"), [("notebook", 15_910), ("two-dense-layers", 42_310)])
def test_the_notebooks_networks_have_its_numbers_of_parameters(name, parameters):
    chosen = Settings.with_defaults(**Recipe.of(name).settings)
    units = [28 * 28, *chosen.hidden, 10]
    assert sum((a + 1) * b for a, b in itertools.pairwise(units)) == parameters
    assert build_network(chosen, images(28, 28), 20).count_params() == parameters


@pytest.mark.parametrize("name", recipes.names())
def test_each_recipe_says_what_it_is_and_where_it_is_from(name):
    recipe = Recipe.of(name)
    assert recipe.description.endswith(".")
    assert recipe.source
    assert recipe.data in mlplab.datasets.CATALOG
    assert "seed" not in recipe.settings
    assert recipe.command == f"mlplab train {recipe.data} --recipe {name}"


def test_the_ensemble_is_of_networks_of_the_strong_recipe():
    one, several = Recipe.of("fashion-strong"), Recipe.of("fashion-ensemble")
    assert (several.settings, several.input_shape, several.data) == (one.settings, one.input_shape, one.data)
    assert (one.seeds, several.seeds) == (1, 5)


def test_names_beside_the_settings_are_no_settings():
    about = {each.name for each in dataclasses.fields(Recipe)}
    assert not about & SETTINGS.keys()


@pytest.mark.slow
def test_a_recipe_trains_what_its_settings_train(by_recipe, tmp_path):
    settings = {"hidden": [20], "epochs": 1, "batch_size": 32, "validation": 0}
    typed = mlplab.train("digits", **settings, seed=1, out=tmp_path / "typed", verbose=0)
    member = by_recipe.members[1]
    assert member.config.settings == typed.config.settings
    for ours, theirs in zip(member.model.get_weights(), typed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_run_and_its_members_keep_the_name_and_what_was_changed(by_recipe, mine, tmp_path):
    assert by_recipe.config.recipe == {"name": "notebook", "changed": ["epochs"]}
    assert [member.config.recipe for member in by_recipe.members] == [by_recipe.config.recipe] * 2
    run = mlplab.train("digits", recipe=mine, seed=7, out=tmp_path / "run", verbose=0)
    assert run.config.recipe == {"name": "mine.toml", "changed": []}
    assert run.config.settings == Settings(hidden=(4,), batch_norm=True, dropout=0.25, epochs=2, batch_size=64, seed=7)
    assert Run(OLD_RUN).config.recipe is None


@pytest.mark.slow
def test_a_recipe_of_several_seeds_trains_a_population(mine, tmp_path):
    mine.write_text(f"seeds = 3\n{MINE}", "utf-8")
    run = mlplab.train("digits", recipe=mine, epochs=1, out=tmp_path / "run", verbose=0)
    assert run.result["seeds"] == len(run.members) == 3
    assert run.config.recipe == {"name": "mine.toml", "changed": ["epochs"]}
    one = mlplab.train("digits", recipe=mine, epochs=1, seeds=1, out=tmp_path / "one", verbose=0)
    assert not one.members
    assert one.config.recipe == {"name": "mine.toml", "changed": ["epochs", "seeds"]}
    for ours, theirs in zip(run.members[0].model.get_weights(), one.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_every_argument_takes_the_place_of_the_recipes(mine, tmp_path):
    given = {"hidden": [3], "batch_norm": False, "dropout": 0.0, "epochs": 1, "batch_size": 32}
    run = mlplab.train("digits", recipe=Recipe.of(mine), **given, out=tmp_path / "run", verbose=0)
    assert run.config.settings == Settings(hidden=(3,), epochs=1)
    assert sorted(run.config.recipe["changed"]) == sorted(given)


@pytest.mark.slow
def test_a_resumed_run_keeps_it(mine, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        mlplab.train("digits", recipe=mine, out=tmp_path / "run", verbose=0, callbacks=[Stop()])
    mine.unlink()  # a run has its settings itself
    run = mlplab.resume(tmp_path / "run", verbose=0)
    assert len(run.epochs) == 2
    assert run.config.recipe == {"name": "mine.toml", "changed": []}


@pytest.mark.slow
def test_report_and_comparison_name_it(by_recipe, tmp_path):
    member = by_recipe.members[0]
    assert ("recipe", "notebook (changed: epochs)") in settings_wording.settings(member.config, 1)
    assert "recipe" not in dict(settings_wording.settings(Run(OLD_RUN).config, 1))
    settings = {"hidden": [20], "epochs": 1, "validation": 0, "seed": 5}
    typed = mlplab.train("digits", **settings, out=tmp_path / "typed", verbose=0)
    comparison = mlplab.compare({"recipe": member, "typed": typed})
    assert comparison.settings["recipe"].tolist() == ["notebook (changed: epochs)", None]
    assert comparison.groups["runs"].tolist() == [2], "equal settings are one group"


def test_another_kind_of_data_is_refused(tmp_path):
    message = r"The recipe fashion-strong is for inputs of shape 28 × 28; got digits, whose inputs have shape 8 × 8\."
    with pytest.raises(UsageError, match=message):
        mlplab.train("digits", recipe="fashion-strong", out=tmp_path / "run", verbose=0)
    with pytest.raises(UsageError, match=message):
        mlplab.sweep("digits", {"dropout": [0, 0.2]}, recipe="fashion-strong", runs=tmp_path / "sweep", verbose=0)
    assert not list(tmp_path.iterdir())
    Recipe.of("fashion-strong").require_fit(images(28, 28))
    Recipe.of("notebook").require_fit(images(3))


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        ("notebok", UsageError, r"Unknown recipe 'notebok'\. Did you mean 'notebook'\?"),
        ("mine", UsageError, r"Unknown recipe 'mine'.* A recipe of your own is a file whose name ends with \.toml"),
        (3, UsageError, "A recipe is a name, or the path of a TOML file; got int"),
        ("missing.toml", DataError, "There is no recipe missing.toml: the file does not exist"),
    ],
)
def test_an_unknown_recipe_is_refused(recipe, error, message):
    with pytest.raises(error, match=message):
        mlplab.train("digits", recipe=recipe)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("hidden = 50 50", DataError, r"is not TOML: .*line 1.* Write a setting a line, as in: hidden = \[50, 50\]"),
        ("drop_out = 0.2", UsageError, r"Unknown setting 'drop_out'\. Did you mean 'dropout'"),
        ("learning-rate = 0.2", UsageError, r"Unknown setting 'learning-rate'\. Did you mean 'learning_rate'"),
        ("dropout = 1", UsageError, "dropout must be a fraction from 0 to below 1; got 1"),
        ("epochs = '3'", UsageError, "epochs must be a whole number of at least 1; got '3'"),
        ("validation = 0\nearly_stopping = 3", UsageError, "early_stopping=3 needs held-out rows"),
        ("seeds = 0", UsageError, "seeds must be a whole number of at least 1; got 0"),
        ("input_shape = 28", UsageError, r"input_shape must be a list of whole numbers, such as \[28, 28\]; got 28"),
        ("input_shape = [0]", UsageError, r"input_shape must be .* got \[0\]"),
        ("description = 3", UsageError, "description must be a text in quotes; got 3"),
    ],
)
def test_a_mistake_in_a_file_is_one_message_that_names_it(text, error, message, mine):
    mine.write_text(text, "utf-8")
    with pytest.raises(error, match=f"mine.toml:? {message}"):
        Recipe.of(mine)


def test_a_recipe_made_in_python_is_checked_too():
    assert Recipe("mine", {"hidden": [4]}, input_shape=[8, 8]).input_shape == (8, 8)
    with pytest.raises(UsageError, match="Unknown setting 'drop_out'"):
        Recipe("mine", {"drop_out": 0.2})


def test_a_file_that_is_no_text_is_refused(mine):
    mine.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"mine.toml cannot be read"):
        Recipe.of(str(mine))


def test_a_model_of_ones_own_has_no_recipe():
    model = mlplab.mlp((8, 8), 10, [4])
    with pytest.raises(UsageError, match="give model or recipe, not both"):
        mlplab.train("digits", recipe="notebook", model=model)


def test_a_setting_that_does_not_go_with_a_recipes_is_refused_with_the_recipes_name():
    with pytest.raises(UsageError, match=r"none of these settings: activation, .* fashion-strong gives activation, "):
        recipes.with_recipe(Recipe.of("fashion-strong"), {"ladder": "full"})
    with pytest.raises(UsageError, match=r"ladder gives schedule: take another, or give other values"):
        recipes.with_recipe(Recipe.of("ladder"), {"warmup": 0.1})


def test_a_sweep_begins_with_it(mine, tmp_path):
    recipe = Recipe.of(mine)
    plan = SweepPlan.of({"dropout": [0, 0.5]}, {"epochs": 1}, 2, recipe)
    assert [(s.dropout, s.epochs, s.batch_norm, s.hidden) for s in plan.all_settings()] == [
        (0, 1, True, (4,)), (0.5, 1, True, (4,)),
    ]  # fmt: skip
    plan = dataclasses.replace(plan, data={"name": "digits"})
    write_json(tmp_path / "sweep.json", dataclasses.asdict(plan))
    assert SweepPlan.read(tmp_path) == plan
    with pytest.raises(UsageError, match=r"weight_decay=None stands for the default, and the recipe mine gives 0\.1\."):
        SweepPlan.of({"weight_decay": [None, 0.5]}, {}, 2, Recipe("mine", {"weight_decay": 0.1}))


@pytest.mark.slow
def test_the_runs_of_a_sweep_keep_it_and_their_commands_have_the_settings(mine, tmp_path):
    options = {"seeds": 2, "runs": tmp_path / "sweep", "verbose": 0}
    table = mlplab.sweep("digits", {"dropout": [0.25, 0.5]}, recipe=mine, epochs=1, **options)
    assert [run.config.recipe["changed"] for run in table.runs] == [["epochs"], ["dropout", "epochs"]]
    command = " ".join(table.runs[1].config.command)
    assert command.startswith("mlplab train digits")
    for flags in ("--hidden 4", "--batch-norm", "--dropout 0.5", "--epochs 1", "--batch-size 64", "--seeds 2"):
        assert flags in command
    assert mlplab.sweep(table.path, verbose=0).rows() == table.rows()
    with pytest.raises(UsageError, match="leave out recipe"):
        mlplab.sweep(table.path, recipe=mine)


def test_the_table_has_what_was_measured():
    table = recipes.table()
    assert table["recipe"].tolist() == recipes.names()
    for row in table:
        found = recipes.measured(row["recipe"])
        assert (row["accuracy"], row["seconds"]) == (found and found.accuracy, found and found.seconds)
    assert json.loads(table.to_json()) == table.rows()
