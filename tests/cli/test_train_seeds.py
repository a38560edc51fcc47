"""`mlplab train --seeds N` as a person or a script meets it: real processes."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

MLPLAB = [sys.executable, "-m", "mlplab"]


def mlplab(*arguments, cwd=None):
    command = [*MLPLAB, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("cli") / "run"
    asked = ["--hidden", 12, "--epochs", 2, "--seed", 5, "--seeds", 3]
    return mlplab("train", "digits", *asked, "--json", "--out", out), out


def test_json_is_the_populations_result(trained):
    done, out = trained
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / "result.json").read_text())
    assert [member["seed"] for member in printed["members"]] == [5, 6, 7]
    assert printed["members"][1] == json.loads((out / "members" / "01" / "result.json").read_text())
    assert "ray" not in printed["versions"]


def test_a_person_is_told_of_all_seeds(trained):
    done, out = trained
    result, told = json.loads(done.stdout), " ".join(done.stderr.split())
    for part in ("Total params: 910", "epoch 1/2", "epoch 2/2", "val_accuracy best", "median", "worst"):
        assert part in told
    assert "columns: predicted, by the ensemble" in told
    assert "Each seed alone seed test accuracy validation log-loss epochs 5 0." in told
    test, ensemble = result["test"], result["ensemble"]["accuracy"]
    low, high = test["interval"]
    mean = f"{test['accuracy']:.4f} ± {test['sd']:.4f} (mean and standard deviation of 3 seeds"
    interval = f"95 % interval of the mean {low:.4f}–{high:.4f}"
    assert f"Test accuracy {mean}; {interval}), ensemble {ensemble:.4f}, 910 parameters each" in told
    assert f"mlplab report {os.path.relpath(out)}" in told


def test_runs_lists_it_in_one_line(trained):
    done = mlplab("runs", trained[1].parent, "--json")
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["seed"], run["seeds"], run["finished"]) == (5, 3, True)
    assert run["ensemble"]["accuracy"] == json.loads(trained[0].stdout)["ensemble"]["accuracy"]
    line = done.stderr.splitlines()[1]
    assert len(done.stderr.splitlines()) == 2
    assert "5–7" in line
    assert f"± {run['test']['sd']:.4f}, all {run['ensemble']['accuracy']:.4f}" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digits", "--seeds", "0"], "--seeds must be a whole number of at least 1; got 0"),
        (["train", "digits", "--ray", "local"], "give seeds too, or leave ray out"),
        (["train", "--resume", "RUN", "--seeds", "3"], "leave out --seeds"),
    ],
    ids=str,
)
def test_wrong_use_gets_one_message_and_its_code(arguments, message, trained, tmp_path):
    arguments = [str(trained[1]) if argument == "RUN" else argument for argument in arguments]
    done = mlplab(*arguments, cwd=tmp_path)
    assert message in " ".join(done.stderr.split()).replace("│ ", "")
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (2, "", [])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_says_how_to_go_on(tmp_path):
    out = tmp_path / "run"
    command = [*MLPLAB, "train", "digits", "--hidden", "12", "--epochs", "3000", "--seeds", "2", "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    logged = out / "members" / "01" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not (logged.exists() and logged.stat().st_size > 200):
        assert time.monotonic() < deadline, "no epoch was done"
        time.sleep(0.01)  # between two looks
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert f"mlplab train --resume {out}" in told.replace("\n", "")
    assert "Traceback" not in told
