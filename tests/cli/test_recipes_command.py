"""`mlplab recipes`, and `--recipe` of the verbs that train, as a person or a script meets them."""

import json
from pathlib import Path

import pytest
from command_line import mlplab, refused

from mlplab import recipes
from mlplab.cli.options import complete_recipe
from mlplab.runs import Run

FOLDER = Path(recipes.__file__).parent


def test_they_are_listed_with_cost_and_score():
    done = mlplab("recipes", "--json")
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["recipes"]
    assert [recipe["recipe"] for recipe in listed] == recipes.names()
    for recipe in listed:
        assert f"{recipe['recipe']}: {recipe['description']}" in done.stderr
        found = recipes.measured(recipe["recipe"])
        assert ("not yet" if found is None else found.score) in done.stderr


def test_one_is_shown_as_the_file_that_it_is_and_used_as_one(tmp_path):
    done = mlplab("recipes", "two-dense-layers")
    assert done.stdout == (FOLDER / "two-dense-layers.toml").read_text("utf-8")
    assert "of 5 trainings; one takes" in done.stderr
    assert "To train: mlplab train fashion-mnist --recipe two-dense-layers" in done.stderr
    (tmp_path / "mine.toml").write_text(done.stdout, "utf-8")
    again = mlplab("recipes", "mine.toml", "--json", "--quiet", cwd=tmp_path)
    shown = json.loads(again.stdout)
    assert (shown["name"], shown["settings"]["hidden"], shown["measured"]) == ("mine.toml", [50, 50], None)
    assert again.stderr == ""


@pytest.mark.slow
def test_flags_change_it_and_turn_off_what_it_turns_on(tmp_path):
    (tmp_path / "mine.toml").write_text(
        "hidden = [4]\nbatch_norm = true\nstandardize = true\nvalidation = 0\n", "utf-8"
    )
    flags = ["--no-batch-norm", "--epochs", 1, "--out", "run", "--quiet"]
    done = mlplab("train", "digits", "--recipe", "mine.toml", *flags, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    config = Run(tmp_path / "run").config
    assert (config.settings.batch_norm, config.settings.standardize, config.settings.epochs) == (False, True, 1)
    assert config.recipe == {"name": "mine.toml", "changed": ["batch_norm", "epochs"]}
    assert config.command[:5] == ["mlplab", "train", "digits", "--recipe", "mine.toml"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "digits", "--recipe", "notebok"], 2, "Unknown recipe 'notebok'. Did you mean 'notebook'?"),
        (["train", "digits", "--recipe", "fashion-strong"], 2, "is for inputs of shape 28 × 28; got digits, whose"),
        (["train", "digits", "--recipe", "wrong.toml"], 2, "wrong.toml: epochs must be a whole number of at least 1"),
        (["train", "digits", "--recipe", "none.toml"], 1, "There is no recipe none.toml"),
        (["train", "digits", "--recipe", "notebook", "--early-stopping", 2], 2, "--early-stopping=2 needs held-out"),
        (["train", "--resume", "run", "--recipe", "notebook"], 2, "leave out --recipe"),
        (["sweep", "digits", "--vary", "dropout=0,0.1", "--recipe", "notebok"], 2, "Unknown recipe 'notebok'"),
        (["recipes", "notebok"], 2, "Unknown recipe 'notebok'"),
    ],
)
def test_mistakes_are_one_message(arguments, code, message, tmp_path):
    (tmp_path / "wrong.toml").write_text("epochs = 0\n", "utf-8")
    done = mlplab(*arguments, cwd=tmp_path)
    done.stderr = done.stderr.replace("No GPU, using CPU instead.\n", "")
    assert refused(done, code, message)


def test_names_and_files_are_completed(tmp_path):
    assert complete_recipe("note") == ["notebook"]
    assert set(complete_recipe("")) >= set(recipes.names())
    (tmp_path / "mine.toml").touch()
    (tmp_path / "mine.txt").touch()
    assert complete_recipe(f"{tmp_path}/mi") == [f"{tmp_path}/mine.toml"]
