"""`mlplab tune`, as a person or a script meets it."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import interrupted, mlplab, refused

from mlplab.cli.tune import seconds
from mlplab.errors import UsageError
from mlplab.runs import Run

SPACE = """
hidden = [16]
learning_rate = {low = 1e-3, high = 1e-1, log = true}
batch_size = 433
epochs = 9
"""


FINISHED = Path(__file__).parents[1] / "compatibility" / "0.1.0" / "study-finished"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a finished study, a space and two that do not fit."""
    folder = tmp_path_factory.mktemp("cli")
    shutil.copytree(FINISHED, folder / "study")
    (folder / "space.toml").write_text(SPACE)
    (folder / "odd.toml").write_text("hidden = [8]\nlearning_rate = {low = 2, high = 1}\n")
    (folder / "other.toml").write_text(SPACE.replace("433", "64"))
    return folder


@pytest.mark.slow
def test_a_study_is_printed_recorded_and_alone_on_standard_output(folder):
    options = ["--space", "space.toml", "--trials", 6, "--population", 3, "--seeds", 2, "--out", "new"]
    done = mlplab("tune", "digits", *options, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert (printed["schema"], printed["data"], printed["metric"]) == (1, "digits", "accuracy")
    assert printed["trials"] == {"complete": 2, "dropped": 4, "failed": 0, "running": 0}
    assert printed["study"] == str((folder / "new").resolve())
    assert printed["command"].startswith("mlplab train digits --hidden ")
    assert printed["winner"]["seeds"] == 2
    assert printed["best"]["state"] == "complete"
    for part in (
        "digits: 1,442 training rows. 6 trials in populations of 3, compared after epoch 3",
        "trials 0–2 of 6: 1 trained to the end, the best 0.",
        "trials 3–5 of 6: 1 trained to the end, the best 0.",
        "2 dropped, best so far 0.",
        "2 trials trained to the end, 4 dropped on the way, 0 diverged. Best: trial ",
        "The winner was trained again. Test accuracy 0.",
        "(mean and standard deviation of 2 seeds; 95 % interval of the mean ",
        "Study, as a page: new",
        f"The winner again: {printed['command']}",
    ):
        assert part in done.stderr
    recorded = json.loads((folder / "new" / "study.json").read_text())
    assert recorded["command"][:3] == ["mlplab", "tune", "digits"]
    assert recorded["population"] == 3


def test_a_finished_study_is_shown_again(folder):
    again = mlplab("tune", "--resume", "study", "--json", "--quiet", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "")
    printed = json.loads(again.stdout)
    assert printed["trials"] == {"complete": 2, "dropped": 4, "failed": 0, "running": 0}
    assert printed["winner"] == Run(folder / "study" / "winner").require_finished().to_json()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tune"], 2, "Give a data set to tune for"),
        (["tune", "fashon-mnist"], 2, "Did you mean 'fashion-mnist'"),
        (
            ["tune", "digits", "--budget", "soon"],
            2,
            "--budget takes a time with its unit, as in 10m, 1h30m or 90s; got 'soon'",
        ),
        (["tune", "digits", "--budget", "10m", "--trials", "3"], 2, "Give --trials or --budget, not both"),
        (["tune", "digits", "--seeds", "0"], 2, "--seeds must be a whole number of at least 1; got 0"),
        (["tune", "digits", "--metric", "f1"], 2, "--metric must be accuracy or loss"),
        (["tune", "digits", "--space", "nowhere.toml"], 1, "nowhere.toml cannot be read: No such file"),
        (["tune", "digits", "--space", "odd.toml"], 2, "low end, 2, above its high end, 1"),
        (["tune", "--resume", "study", "--trials", "9"], 2, "leave out --trials"),
        (["report", "study"], 1, "study is a study: its page is study.html, and the run of its winner study/winner"),
        (["tune", "--resume", "nowhere"], 1, "There is no study at nowhere"),
        (["tune", "--resume", "study", "--space", "other.toml"], 2, "batch_size is 433 in the study, and 64 here"),
        (["tune", "mnist.npz", "--resume", "study"], 1, "mnist.npz"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_gets_one_message_and_its_code(arguments, code, message, folder):
    assert refused(mlplab(*arguments, cwd=folder), code, message)


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_command_that_resumes(folder, tmp_path):
    shutil.copy(folder / "space.toml", tmp_path)
    command = ["tune", "digits", "--space", "space.toml", "--trials", "5000", "--out", "study"]
    # The journal appears when the first trials are written.
    code, stderr = interrupted(command, tmp_path / "study" / "study.db-journal", cwd=tmp_path)
    assert code == 130
    assert "mlplab tune --resume study" in stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("text", "expected"), [("10m", 600), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("1m30s", 90)]
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "m", "ten", "90", "1h30", "-5", "5d"])
def test_no_times(text):
    with pytest.raises(UsageError, match="--budget takes a time"):
        seconds(text)
