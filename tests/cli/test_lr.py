"""`mlplab lr` and `mlplab learning-curve` as a person or a script meets them."""

import json

import pytest
import typer
from typer.testing import CliRunner

from mlplab.cli import learning_curve, lr
from mlplab.errors import UsageError

app = typer.Typer()
app.command("lr")(lr.lr)
app.command("learning-curve")(learning_curve.learning_curve)
SMALL = ("--hidden", "16", "--batch-size", 50, "--epochs", 3)


def call(*arguments):
    """The verb, in this process. Errors that `mlplab.cli.main` tells a person come out as they are."""
    done = CliRunner().invoke(app, [*map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_it_suggests_a_rate_and_tells_the_command_that_trains_with_it(tmp_path):
    picture = tmp_path / "rates.png"
    done = call("lr", "digits", *SMALL, "--rates", "0.0001,0.001,0.01,0.1", "--steps", 20, "--out", picture, "--json")
    printed = json.loads(done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [row["learning_rate"] for row in printed["rates"]] == [0.0001, 0.001, 0.01, 0.1]
    assert printed["schema"] == 1
    assert f"Suggested learning rate: {printed['suggestion']:.2g}" in done.stderr
    command = f"mlplab train digits --hidden 16 --epochs 3 --batch-size 50 --learning-rate {printed['suggestion']:g}"
    assert f"Next: {command}" in done.stderr
    assert printed["reason"] in done.stderr


def test_it_says_whether_more_rows_are_worth_it(tmp_path):
    table = tmp_path / "sizes.csv"
    done = call("learning-curve", "digits", *SMALL, "--sizes", "40,300", "--seeds", 2, "--out", table, "--json")
    printed = json.loads(done.stdout)
    assert [row["rows"] for row in printed["sizes"]] == [40, 300]
    assert table.read_text().startswith("rows,accuracy,val_accuracy")
    assert printed["answer"] in done.stderr
    assert printed["gain_interval"][0] < printed["gain"] < printed["gain_interval"][1]


def test_quiet_says_nothing(digits_run):
    done = call("learning-curve", digits_run.path, "--sizes", "40,300", "--seeds", 1, "--quiet")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lr", "digts"], "Did you mean 'digits'"),
        (["lr", "digits", "--hidden", "a"], "--hidden takes numbers of units"),
        (["lr", "digits", "--rates", "x"], "--rates takes numbers"),
        (["lr", "digits", "--schedule", "step"], "schedule must be none or cosine"),
        (["lr", "digits", "--out", "rates.bmp"], "--out names a .png, .svg or .pdf file"),
        (["learning-curve", "runs/none"], "runs/none is neither the name of a data set nor an .npz file"),
        (["learning-curve", "digits", "--sizes", "many"], "--sizes takes numbers of rows"),
        (["learning-curve", "digits", "--sizes", "3"], "at least 10, one a class"),
    ],
)
def test_wrong_use(arguments, message):
    with pytest.raises(UsageError, match=message):
        call(*arguments)


def test_a_run_has_its_own_settings(digits_run):
    with pytest.raises(UsageError, match="A run has its own settings: leave out --epochs"):
        call("learning-curve", digits_run.path, "--epochs", 3)
