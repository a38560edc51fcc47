"""`mlplab scores`, `failures` and `figure`: what a person sees, what a program reads, and what is refused."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from command_line import mlplab as run
from command_line import refused
from PIL import Image
from rich.console import Console

from mlplab.cli.figure import FIGURES, complete_figure
from mlplab.cli.options import complete_run
from mlplab.cli.output import print_table, say


@pytest.fixture
def path(digits_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(digits_run.path, tmp_path / "runs" / "digits")


def test_scores_for_a_person(path, digits_run):
    shown = run("scores", path)
    assert shown.stdout == ""
    test = digits_run.result["test"]
    low, high = test["interval"]
    assert f"{test['accuracy']:.4f} ({low:.3f}–{high:.3f})" in shown.stderr
    for part in ("Precision, recall and F1", "Most confused classes", "calibration error", "nearest neighbours"):
        assert part in shown.stderr


def test_scores_for_a_program(path, digits_run):
    shown = run("scores", path, "--json", "--quiet")
    assert shown.stderr == ""
    printed = json.loads(shown.stdout)
    assert printed["schema"] == 1
    assert printed["scores"][0]["value"] == digits_run.result["test"]["accuracy"]
    assert {len(printed[name]) for name in ("classes",)} == {10}
    assert len(printed["calibration"]) == 2
    assert {row["method"] for row in printed["baselines"]} >= {"majority class", "logistic regression"}
    validation = json.loads(run("scores", path, "--split", "validation", "--json", "--quiet").stdout)
    assert "baselines" not in validation
    assert validation["scores"][0]["value"] == digits_run.result["validation"]["accuracy"]


def test_failures_as_table_picture_and_csv(path, digits_run):
    test = digits_run.predictions("test")
    wrong = np.flatnonzero(test.probabilities.argmax(1) != test.label)
    printed = json.loads(run("failures", path, "--json", "--max", 7, "--out", "worst.png").stdout)
    worst = wrong[np.argsort(test.probabilities[wrong, test.label[wrong]], kind="stable")[:7]]
    assert [row["index"] for row in printed["failures"]] == worst.tolist()
    with Image.open("worst.png") as image:
        assert image.width > 7 * 100
    run("failures", path, "--out", "all.csv", "--order", "index", "--max", 3)
    with open("all.csv", newline="") as file:
        assert [int(row["index"]) for row in csv.DictReader(file)] == wrong.tolist()


def test_failures_of_one_kind(path, digits_run):
    assert f"mlplab report {path}" in run("failures", path).stderr
    test = digits_run.predictions("test")
    cell = np.flatnonzero((test.label == 8) & (test.probabilities.argmax(1) == 1))
    printed = json.loads(run("failures", path, "--true", "8", "--predicted", "1", "--json").stdout)
    assert sorted(row["index"] for row in printed["failures"]) == cell.tolist()
    nothing = run("failures", path, "--most-confidence", "0.01", "--out", "none.png")
    assert "No failures.\nThere is nothing to draw." in nothing.stderr


def test_figures_with_options(path, digits_run):
    shares = json.loads(run("figure", path, "confusion", "--normalize", "true", "--json").stdout)
    assert shares["file"].endswith("confusion-true.png")
    of_zero = [row["share"] for row in shares["rows"] if row["true"] == "0"]
    assert sum(of_zero) == pytest.approx(1)
    bins = json.loads(run("figure", path, "calibration", "--equal", "mass", "--split", "validation", "--json").stdout)
    assert bins["file"].endswith("calibration-validation-mass.png")
    assert sum(row["n"] for row in bins["rows"]) == digits_run.result["validation"]["n"]


SLOW = ("graph", "neighbours", "projection", "saliency", "units")


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in FIGURES])
def test_every_figure_is_a_picture_and_a_table(path, name):
    row = ["--index", 3] if name in ("saliency", "neighbours") else []
    shown = run("figure", path, name, *row, "--json")
    printed = json.loads(shown.stdout)
    with Image.open(printed["file"]) as image:
        assert np.asarray(image.convert("L")).std() > 5
    assert printed["rows"]
    assert printed["title"] in shown.stderr.replace("\n", " ")
    run("figure", path, name, *row, "--out", "table.csv")
    with open("table.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(printed["rows"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["figure", "runs/digits", "confusoin"], "Did you mean 'confusion'"),
        (["figure", "runs/digits", "saliency"], "saliency explains one row: give its --index"),
        (
            ["figure", "runs/digits", "units", "--index", "3"],
            "--index is for neighbours, saliency: leave it out for units",
        ),
        (
            ["figure", "runs/digits", "units", "--split", "train"],
            "--split is for calibration",
        ),
        (["failures", "runs/digits", "--true", "eleven"], "Unknown class 'eleven'"),
        (["failures", "runs/digits", "--order", "worst"], "Unknown order 'worst'"),
        (["failures", "runs/digits", "--max", "0"], "--max must be a whole number of at least 1; got 0"),
        (["failures", "runs/digits", "--max", "-1", "--out", "all.csv"], "--max must be a whole number of at least 1"),
        (["scores", "runs/digits", "--split", "tets"], "Did you mean 'test'"),
    ],
)
def test_wrong_usage(path, arguments, message):
    assert refused(run(*arguments), 2, message)


@pytest.mark.parametrize("verb", ["scores", "failures", "report", "labels"])
def test_what_is_no_run(path, verb):
    assert refused(run(verb, "runs/other"), 1, "There is no run at runs/other")
    (path / "config.json").write_text("{}")
    assert refused(run(verb, path), 1, "config.json is damaged: expected the SHA-256")
    (path / "SHA256SUMS").unlink()
    assert refused(run(verb, path), 1, "run format")


@pytest.mark.parametrize("verb", ["scores", "failures"])
def test_a_run_without_test_predictions(path, verb):
    (path / "predictions-test.npz").unlink()
    assert refused(run(verb, path), 1, "keeps no predictions for 'test'")


def test_completion_of_runs_and_figures(path):
    assert complete_run("runs/d") == ["runs/digits"]
    assert complete_run("") == complete_run("ru") == ["runs/"]
    assert complete_run("runs/") == ["runs/digits"]
    assert [name for name, _ in complete_figure("co")] == ["confusion"]


def test_names_are_no_markup(capsys):
    console, name = Console(stderr=True, width=100), "[bold]a[/bold] :heart: <b> \\\\"
    say(console, name)
    print_table(console, [name], [{name: name}])
    assert capsys.readouterr().err.count(name) == 3


def test_names_cannot_control_the_terminal():
    text = io.StringIO()
    console = Console(file=text, width=80)
    print_table(console, ["class", "n"], [{"class": "\x1b[31mred\x9b\n", "n": 3}])
    say(console, "class \x1b[2J\r, two\nlines")
    assert "␛[31mred\N{REPLACEMENT CHARACTER}␊" in text.getvalue()
    assert "class ␛[2J␍, two\nlines" in text.getvalue()
    assert "\x1b" not in text.getvalue()


@pytest.mark.parametrize("width", [80, 60])
def test_numbers_are_broken_only_where_they_do_not_fit_and_never_cut(width):
    text = io.StringIO()
    row = {"method": "nearest neighbours", **dict.fromkeys(("a", "b", "c", "d"), 0.8293)}
    row |= {f"{name}_{end}": value for name in "abcd" for end, value in (("low", 0.687), ("high", 0.915))}
    print_table(Console(file=text, width=width), row, [row])
    assert text.getvalue().count("(0.687–0.915)") == (4 if width == 80 else 0)
    assert text.getvalue().count(")") == 4


def test_headings_of_numbers_give_way_to_names_of_files():
    text, name = io.StringIO(), "apple/apple_013.png"
    row = {"index": 11, "file": name, "given": "apple", "suggested": "rope", "quality": 0.14}
    row |= {"suggested_probability": 0.5273, "flagged": True}
    print_table(Console(file=text, width=80), row, [row])
    assert name in text.getvalue()
