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
from mlplab.recipes.listing import MEASURED
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


def test_stated_scores_are_mean_and_spread_over_the_trainings(accuracy_page):
    for name, result in accuracy_page.results().items():
        stated, trainings = accuracy_page.summary(result["seeds"]), result["seeds"]
        if name in recipes.names():
            assert stated == recipes.measured(name)
        accuracies = np.array([training["accuracy"] for training in trainings])
        assert stated.accuracy == pytest.approx(accuracies.sum() / len(trainings), abs=1e-6)
        if len(trainings) > 1:
            deviations = accuracies - accuracies.mean()
            assert stated.sd == pytest.approx(np.sqrt((deviations**2).sum() / (len(trainings) - 1)), abs=1e-6)
        seeds = {training["seed"] for training in trainings}
        assert stated.n == result["n"] == len(seeds)
        assert all(seed % result.get("networks", 1) == 0 for seed in seeds), "populations share no network"


def test_scores_belong_to_the_settings_that_the_recipe_has(accuracy_page):
    for row in accuracy_page.rows():
        if (result := row.result()) is not None:
            assert row.is_of(result), f"{row.name} was changed: measure it again with {row.to_measure}"


def trainings(*accuracies: float, seconds: float = 60.0, device: str = "cpu") -> list[dict]:
    phases = {"train": seconds / 10, "compile": 2.0}
    same = {"log_loss": 0.5, "seconds": seconds, "phases": phases, "device": device, "machine": {"cores": 2}}
    return [{"seed": seed, "accuracy": accuracy, **same} for seed, accuracy in enumerate(accuracies)]


def test_a_row_says_how_many_trainings_it_has_so_far_and_what_they_took_on_each_machine(accuracy_page):
    _, line = accuracy_page._our_row(accuracy_page.Row("notebook"), trainings(0.875), errors=False)
    assert "| **0.8750** | 0.5000 | 1 of 5 so far | 60 s on 2 cores | `mlplab train fashion-mnist --recipe" in line
    several = trainings(0.875, 0.885) + trainings(0.88, seconds=3, device="NVIDIA L4")
    _, line = accuracy_page._our_row(accuracy_page.Row("notebook", n=3), several, errors=True)
    assert "| **0.8800 ± 0.0050** | **12.00 ± 0.50** | 0.5000 | 3 | 60 s on 2 cores; 3 s on NVIDIA L4 |" in line


def test_a_variant_has_a_row_and_a_command_of_its_own(accuracy_page):
    row = accuracy_page.Row("notebook", "few", {"labelled": 100}, what="Few.", protocol="100 labels")
    (is_apart, _), line = accuracy_page._our_row(row, trainings(0.5), errors=False)
    assert is_apart
    assert line.startswith("| **`notebook`, few**: Few. – *another protocol: 100 labels* |")
    assert line.endswith("`mlplab train fashion-mnist --recipe notebook --labelled 100` |\n")
    assert row.file.name == "accuracy-notebook-few.json"
    assert row.to_measure == "python benchmarks/accuracy.py notebook-few"
    result = {"settings": row.of.settings, "data": "fashion-mnist"}
    assert accuracy_page.Row("notebook").is_of(result)
    assert not row.is_of(result)
    assert not accuracy_page.Row("notebook").is_of({**result, "networks": 5})


def test_of_a_population_each_training_has_other_seeds(accuracy_page):
    assert accuracy_page.Row("fashion-ensemble").seeds(3) == [0, 5, 10]


def test_a_goal_is_compared_with_each_training(accuracy_page):
    text = accuracy_page._goal(accuracy_page.Row("notebook", goal=0.87), trainings(0.87, 0.86, 0.9, seconds=8))
    assert "2 of 3 trainings reached 0.87. Medians: training 0.80 s, compilation 2.0 s" in text
    assert "the whole command 8.0 s" in text


def test_published_rows_say_when_they_are_of_another_protocol_and_rows_are_in_order(accuracy_page):
    page = accuracy_page.page().partition("## What was tried")[0]
    assert "AutoGluon 1.0, best quality – *another protocol: 10-fold" in page
    assert "| ladder network | 0.9943 ± 0.0002 | 0.57 ± 0.02 |" in page, "on MNIST the error is stated too"
    for section in page.split("\n## ")[1:]:
        lines = [line for line in section.splitlines() if "| 0." in line or "| **0." in line]
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
