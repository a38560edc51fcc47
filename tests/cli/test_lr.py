"""`mlplab lr` and `mlplab learning-curve`, as a person or a script meets them."""

import json

import pytest
from command_line import mlplab, refused

pytestmark = pytest.mark.slow

SMALL = ("--hidden", "8", "--batch-size", 50, "--epochs", 2)


def test_it_suggests_a_rate_and_prints_the_command_that_trains_with_it(tmp_path):
    picture = tmp_path / "rates.png"
    options = (*SMALL, "--weight-decay", 0.01, "--rates", "0.001,0.01,0.1", "--steps", 5, "--out", picture)
    done = mlplab("lr", "digits", *options, "--json")
    printed = json.loads(done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [row["learning_rate"] for row in printed["rates"]] == [0.001, 0.01, 0.1]
    assert printed["schema"] == 1
    assert f"Suggested learning rate: {printed['suggestion']:.2g}" in done.stderr
    train = "mlplab train digits --hidden 8 --weight-decay 0.01 --epochs 2 --batch-size 50"
    assert f"Next: {train} --learning-rate {printed['suggestion']:g}" in done.stderr
    assert printed["reason"] in done.stderr


@pytest.mark.slow
def test_it_says_whether_more_rows_are_worth_it(tmp_path):
    table = tmp_path / "sizes.csv"
    done = mlplab("learning-curve", "digits", *SMALL, "--sizes", "40,300", "--seeds", 2, "--out", table, "--json")
    printed = json.loads(done.stdout)
    assert [row["rows"] for row in printed["sizes"]] == [40, 300]
    assert table.read_text().startswith("rows,accuracy,val_accuracy")
    assert printed["answer"] in done.stderr
    assert printed["gain_interval"][0] < printed["gain"] < printed["gain_interval"][1]


def test_quiet_prints_nothing(trained):
    done = mlplab("learning-curve", trained[1], "--sizes", "40,300", "--seeds", 1, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lr", "digts"], "Did you mean 'digits'"),
        (["lr", "digits", "--hidden", "a"], "--hidden takes whole numbers"),
        (["lr", "digits", "--rates", "x"], "--rates takes numbers"),
        (["lr", "digits", "--rates", "0,1,2"], "--rates must be at least 3 different numbers above 0"),
        (["lr", "digits", "--steps", "0"], "--steps must be a whole number of at least 1; got 0"),
        (["lr", "digits", "--schedule", "step"], "--schedule must be one of none, cosine, linear-end"),
        (["lr", "digits", "--learning-rate", "0.1"], "No such option"),
        (["lr", "digits", "--out", "rates.bmp"], "--out names a file: .csv, .md, .tex or .json for the table"),
        (["learning-curve", "digits", "--sizes", "many"], "--sizes takes numbers of rows"),
        (["learning-curve", "digits", "--sizes", "3"], "--sizes must be numbers of rows, at least 10, one a class"),
        (["learning-curve", "digits", "--seeds", "0"], "--seeds must be a whole number of at least 1; got 0"),
        (["learning-curve", "RUN", "--epochs", "3"], "A run has its own settings: leave out --epochs"),
    ],
)
def test_wrong_use(arguments, message, trained):
    arguments = [str(trained[1]) if argument == "RUN" else argument for argument in arguments]
    assert refused(mlplab(*arguments), 2, message)


def test_a_run_that_is_not_there_is_refused():
    assert refused(mlplab("learning-curve", "runs/none"), 1, "runs/none cannot be read: No such file or directory.")
