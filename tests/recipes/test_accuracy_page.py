"""Scores that recipes state, and docs/accuracy.md, are what the result files of the benchmark say."""

import math
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from mlplab import recipes
from mlplab.errors import flag
from mlplab.recipes import Recipe
from mlplab.recipes.listing import MEASURED
from mlplab.runs import Settings
from mlplab.runs.settings import SETTINGS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def accuracy_page():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import accuracy_page
    finally:
        sys.path.pop(0)
    return accuracy_page


def test_the_page_and_the_stated_scores_are_what_the_script_makes(accuracy_page):
    again = "run: python benchmarks/accuracy_page.py"
    assert (ROOT / "docs" / "accuracy.md").read_text("utf-8") == accuracy_page.page(), again
    assert MEASURED.read_text("utf-8") == accuracy_page.measured(), again


def test_stated_scores_are_mean_and_spread_over_the_seeds(accuracy_page):
    for name, result in accuracy_page.results().items():
        stated, seeds = recipes.measured(name), result["seeds"]
        accuracies = np.array([seed["accuracy"] for seed in seeds])
        assert stated.accuracy == pytest.approx(accuracies.sum() / len(seeds), abs=1e-6)
        if len(seeds) > 1:
            deviations = accuracies - accuracies.mean()
            assert stated.sd == pytest.approx(np.sqrt((deviations**2).sum() / (len(seeds) - 1)), abs=1e-6)
        assert stated.seeds == result["n"] == len({seed["seed"] for seed in seeds})


def test_scores_belong_to_the_settings_that_the_recipe_has(accuracy_page):
    for name, result in accuracy_page.results().items():
        recipe = Recipe.of(name)
        again = f"the recipe {name} was changed: measure it again with benchmarks/accuracy.py"
        assert Settings.with_defaults(**result["settings"]) == Settings.with_defaults(**recipe.settings), again
        assert result["data"] == recipe.data, again


def test_a_row_says_when_it_has_too_few_seeds_and_published_rows_when_they_are_of_another_protocol(accuracy_page):
    page = accuracy_page.page()
    machine = {"cores": 2}
    seeds = [{"seed": 0, "accuracy": 0.875, "log_loss": 0.5, "seconds": 60.0, "machine": machine}]
    _, line = accuracy_page._recipe_row(Recipe.of("notebook"), {"seeds": seeds})
    assert "| **0.8750** | 0.5000 | 1 of 5: not final | 60 s on 2 cores | `mlplab train fashion-mnist" in line
    assert "AutoGluon 1.0, best quality – *another protocol: 10-fold" in page
    lines = [line for line in page.partition("## What was tried")[0].splitlines() if "| 0." in line or "| **0." in line]
    rows = [("another protocol" in line, -float(line.split("|")[2].strip(" *").split()[0])) for line in lines]
    assert len(rows) > 5
    assert rows == sorted(rows)


def test_tries_say_all_that_trains_them_again_and_what_chance_does_to_their_score(accuracy_page):
    tries, page = tomllib.loads(accuracy_page.TRIES.read_text("utf-8"))["try"], accuracy_page.page()
    for each in tries:
        assert each.keys() - {"log_loss", "note"} == {"data", "what", "settings", "accuracy", "epochs", "seconds"}
        given = set(re.findall(r"--(?:no-)?[a-z-]+", each["settings"]))
        flags = {flag(name) for name in SETTINGS} | {flag("seeds"), flag("recipe")}
        assert {each.replace("--no-", "--") for each in given} <= flags
        p = each["accuracy"]
        assert f"| {p:.4f} ± {math.sqrt(p * (1 - p) / 10_000):.4f} |" in page
