"""`mlplab compare`, as a person or a script meets it."""

import csv
import json
import shutil

import pytest
from command_line import mlplab as command
from command_line import refused

import mlplab

pytestmark = pytest.mark.slow  # two networks are trained


@pytest.fixture(scope="module")
def larger(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "[bold]larger"
    return mlplab.train("digits", hidden=[32], epochs=6, seed=0, out=folder, verbose=0)


@pytest.fixture
def run(digits_run, larger):
    return lambda *options: command("compare", digits_run.path, larger.path, *options)


def test_a_person_reads_it_on_standard_error(run):
    done = run()
    assert done.returncode == 0
    assert done.stdout == ""
    for text in ("What differs", "hidden", "16", "32", "accuracy", "only a", "larger is better than digits by "):
        assert text in done.stderr
    assert "[bold]larger" in done.stderr  # a name is no markup
    assert "--out comparison.html" in done.stderr


def test_json_is_the_comparison(run, digits_run, larger):
    done = run("--json", "--quiet")
    assert done.stderr == ""
    expected = mlplab.compare(digits_run, larger).to_json()
    printed = json.loads(done.stdout)
    assert printed.pop("out") is None
    assert printed == json.loads(json.dumps(expected))
    assert printed["schema"] == 1


@pytest.mark.slow
def test_files(run, tmp_path):
    page, figure, table = tmp_path / "page.html", tmp_path / "figure.png", tmp_path / "pairs.csv"
    assert f"Written: {page}" in run("--out", page).stderr
    assert "Comparison of" in page.read_text("utf-8")
    assert json.loads(run("--out", figure, "--json").stdout)["out"] == str(figure)
    assert figure.read_bytes().startswith(b"\x89PNG")
    run("--out", table, "--quiet")
    assert len(table.read_text("utf-8").splitlines()) == 2


def test_what_one_gets_right_and_the_other_wrong(run, digits_run, larger, tmp_path):
    chosen = ("--right", larger.path.name, "--wrong", digits_run.path)  # by name, and by path
    done = run(*chosen, "--json", "--out", tmp_path / "gallery.csv")
    gallery = json.loads(done.stdout)["gallery"]
    expected = mlplab.compare(digits_run, larger).gallery(larger.path.name, "digits")
    assert [row["index"] for row in gallery] == expected["index"].tolist()
    with open(tmp_path / "gallery.csv", encoding="utf-8") as file:
        assert [int(row["index"]) for row in csv.DictReader(file)] == expected["index"].tolist()
    assert f"{len(expected)} rows that [bold]larger gets right and digits gets wrong" in done.stderr
    run(*chosen, "--quiet", "--out", tmp_path / "gallery.png")
    assert (tmp_path / "gallery.png").read_bytes().startswith(b"\x89PNG")


def test_many_runs_are_listed_one_below_the_other(digits_run, larger, tmp_path):
    copies = [shutil.copytree(run.path, tmp_path / f"{i}") for i, run in enumerate([digits_run, larger] * 3)]
    done = command("compare", *copies)
    assert done.returncode == 0
    assert "after correction for 15 comparisons" in done.stderr
    assert "0 and 2 get the same rows right" in done.stderr
    assert "more in --json and --out" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--right", "digits"], "go together"),
        (["--right", "digits", "--wrong", "digts"], "Did you mean 'digits'"),
        (["--right", "digits", "--wrong", "digits"], "twice"),
        (["--out", "figure.xyz"], "png"),
    ],
)
def test_wrong_usage(run, options, message):
    assert refused(run(*options), 2, message)


def test_one_run_is_too_few(digits_run):
    assert refused(command("compare", digits_run.path), 2, "two or more")
