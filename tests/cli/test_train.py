"""`mlplab train` and `mlplab runs` as a person or a script meets them: real processes, exit codes, both streams."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mlplab.cli.run_summary import no_better_than_guessing

MLPLAB = [sys.executable, "-m", "mlplab"]


def mlplab(*arguments, cwd=None, **environment):
    command = [*MLPLAB, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}, check=False
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    return mlplab("train", "digits", "--hidden", "20", "--epochs", 3, "--seed", 5, "--json", "--out", out), out


def test_json_is_the_runs_result_and_alone_on_standard_output(trained):
    done, out = trained
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "result.json").read_text())
    assert printed["seed"] == 5
    assert printed["parameters"] == 64 * 20 + 20 + 210


def test_a_person_is_told_all_of_it(trained):
    _, out = trained
    told = trained[0].stderr
    assert "No GPU, using CPU instead." in told or "Using " in told
    told = " ".join(told.split())
    assert "1,442 images 8×8 in 10 classes, 1,299 to train on, 143 held out" in told
    assert "Total params: 1,510" in told
    for epoch in (1, 2, 3):
        assert f"epoch {epoch}/3" in told
    assert "val_accuracy" in told
    assert "95 % interval" in told
    assert "Rows: true class; columns: predicted" in told
    assert f"Run: {os.path.relpath(out)}" in told.replace("\n", " ")
    assert f"mlplab report {os.path.relpath(out)}" in told


def test_the_command_is_recorded(trained):
    recorded = json.loads((trained[1] / "config.json").read_text())["command"]
    assert recorded[:3] == ["mlplab", "train", "digits"]


def test_corrected_labels_are_told(tmp_path):
    (tmp_path / "labels.csv").write_text("index,label\n0,1\n1,2\n2,0\n")
    asked = ["--hidden", 4, "--epochs", 1, "--corrected-labels", "labels.csv", "--out", "run"]
    done = mlplab("train", "digits", *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert f"Training labels corrected: {config['corrected_labels']}." in done.stderr
    assert config["corrected_labels"] == 3
    assert (tmp_path / "run" / "corrected-labels.csv").read_text().split() == ["index,label", "0,1", "1,2", "2,0"]


def test_quiet_says_nothing(tmp_path):
    done = mlplab("train", "digits", "--hidden", 4, "--epochs", 1, "--quiet", "--out", tmp_path / "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_runs_lists_it(trained):
    done = mlplab("runs", trained[1].parent, "--json")
    (run,) = json.loads(done.stdout)["runs"]
    assert run["run"] == str(trained[1].resolve())
    assert run["finished"] is True
    assert "digits" in done.stderr
    empty = mlplab("runs", trained[1] / "nothing")
    assert empty.returncode == 0
    assert "mlplab train" in empty.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "fashon-mnist"], 2, "Did you mean 'fashion-mnist'"),
        (["train"], 2, "Give a data set to train on"),
        (["train", "digits", "--hidden", "20,x"], 2, "numbers of units with commas"),
        (["train", "digits", "--epochs", "0"], 2, "epochs must be a whole number of at least 1; got 0"),
        (["train", "digits", "--validation", "0", "--early-stopping", "2"], 2, "needs a validation split"),
        (["train", "digits", "--optimizer", "adm"], 2, "Unknown optimizer"),
        (["train", "--resume", "RUN", "--epochs", "3"], 2, "leave out --epochs"),
        (["train", "digits", "--no-such-flag"], 2, "No such option"),
        (["train", "--resume", "RUN", "--corrected-labels", "a.csv"], 2, "leave out --corrected-labels"),
        (["train", "digits", "--corrected-labels", "a.csv"], 1, "a.csv cannot be read: No such file"),
        (["train", "--resume", "nowhere"], 1, "There is no run at nowhere"),
        (["train", "digits", "--out", "RUN"], 1, "exists already"),
        (["train", "nowhere.npz"], 1, "nowhere.npz"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_gets_one_message_and_its_code(arguments, code, message, trained, tmp_path):
    arguments = [str(trained[1]) if argument == "RUN" else argument for argument in arguments]
    done = mlplab(*arguments, cwd=tmp_path)
    assert message in " ".join(done.stderr.split()).replace("│ ", ""), done.stderr
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_another_backend_is_one_clear_error(tmp_path):
    done = mlplab("train", "digits", "--out", tmp_path / "run", KERAS_BACKEND="tensorflow")
    assert done.returncode == 1
    assert "KERAS_BACKEND=tensorflow" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_imports_neither_keras_nor_jax():
    code = (
        "import sys; sys.argv = ['mlplab', '--help']\n"
        "from mlplab.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: print(stop.code, {'keras', 'jax', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 set()"
    assert mlplab("train", "--help").returncode == 0


def test_names_are_completed():
    asked = {"_MLPLAB_COMPLETE": "complete_bash", "COMP_WORDS": "mlplab train fash", "COMP_CWORD": "2"}
    done = mlplab(**asked)
    assert "fashion-mnist" in done.stdout


@pytest.mark.parametrize(("low", "told"), [(0.49, True), (0.51, False)])
def test_a_network_that_learned_nothing_is_told(low, told):
    result = {"confusion": [[5, 0], [5, 0]], "test": {"interval": [low, 0.7]}}
    assert (no_better_than_guessing(result) is not None) == told
    assert (no_better_than_guessing({**result, "ensemble": {"interval": [0.2, 0.4]}})) is not None


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_with_130_and_the_run_goes_on(tmp_path):
    out = tmp_path / "run"
    command = [*MLPLAB, "train", "digits", "--hidden", "20", "--epochs", "3000", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: (out / "metrics.jsonl").exists() and (out / "metrics.jsonl").stat().st_size > 200)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "mlplab train --resume" in told.replace("\n", "")
    assert "Traceback" not in told


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)  # between two looks, not instead of one


def test_a_file_of_ones_own(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 6, 5), dtype=np.uint8)
    np.savez(
        Path(tmp_path) / "mine.npz", x_train=images, y_train=np.arange(60) % 3, x_test=images, y_test=np.arange(60) % 3
    )
    done = mlplab("train", "mine.npz", "--epochs", 2, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["per_class"]) == {"0", "1", "2"}
    assert Path(json.loads(done.stdout)["run"]).parent == tmp_path / "runs"


def test_with_a_report_it_ends_with_accuracy_report_and_one_next_command(tmp_path):
    done = mlplab("train", "digits", "--hidden", 8, "--epochs", 1, "--report", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy, report, following = done.stderr.splitlines()[-3:]
    assert accuracy.startswith("Test accuracy 0.")
    assert report == "Report: run/report.html"
    assert following.endswith("mlplab train digits --report")
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_does_not_hide_the_result(digits_run, tmp_path):
    run = shutil.copytree(digits_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("report.html"))
    (run / "report.html").mkdir()
    done = mlplab("train", "--resume", run, "--report", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == json.loads((run / "result.json").read_text())
    assert "Test accuracy 0." in done.stderr
    assert "report.html is a folder" in done.stderr.replace("\n", " ")
