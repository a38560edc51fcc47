"""`mlplab train` and `mlplab runs`, as a person or a script meets them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import MLPLAB, interrupted, mlplab, refused, result_of


def test_json_is_the_result_of_the_run_and_alone_on_standard_output(trained):
    done, out = trained
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == result_of(out)
    assert printed["seed"] == 5
    assert printed["parameters"] == 64 * 4 + 4 + 50


def test_a_person_reads_data_network_epochs_scores_and_the_next_command(trained):
    done, out = trained
    stderr = " ".join(done.stderr.split())
    assert "No GPU, using CPU instead." in stderr or "Using " in stderr
    assert "1,442 images 8×8 in 10 classes, 1,299 to train on, 143 held out" in stderr
    for part in ("Total params: 310", "epoch 1/2", "epoch 2/2", "val_accuracy", "95 % interval"):
        assert part in stderr
    assert "Rows: true class; columns: predicted" in stderr
    assert f"Run: {os.path.relpath(out)}" in stderr
    assert f"mlplab report {os.path.relpath(out)}" in stderr


def test_the_command_is_recorded(trained):
    recorded = json.loads((trained[1] / "config.json").read_text())["command"]
    assert recorded[:5] == ["mlplab", "train", "digits", "--hidden", "4"]


def test_corrected_labels_are_counted_and_kept_and_quiet_prints_nothing(tmp_path):
    (tmp_path / "labels.csv").write_text("index,label\n0,1\n1,2\n2,0\n")
    options = ["--hidden", 4, "--epochs", 1, "--corrected-labels", "labels.csv", "--out", "run"]
    done = mlplab("train", "digits", *options, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads((tmp_path / "run" / "config.json").read_text())["corrected_labels"] == 3
    assert (tmp_path / "run" / "corrected-labels.csv").read_text().split() == ["index,label", "0,1", "1,2", "2,0"]


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
        (["train", "digits", "--hidden", "20,x"], 2, "--hidden takes whole numbers with commas"),
        (["train", "digits", "--epochs", "0"], 2, "--epochs must be a whole number of at least 1; got 0"),
        (["train", "digits", "--learning-rate", "0"], 2, "--learning-rate must be a number above 0; got 0"),
        (
            ["train", "digits", "--validation", "0", "--early-stopping", "2"],
            2,
            "--early-stopping=2 needs held-out rows",
        ),
        (["train", "digits", "--labelled", "9999"], 2, "--labelled=9999 takes 1000 rows of each class"),
        (["train", "digits", "--optimizer", "adm"], 2, "Unknown optimizer"),
        (["train", "digits", "--seeds", "0"], 2, "--seeds must be a whole number of at least 1; got 0"),
        (["train", "digits", "--ray", "local"], 2, "give --seeds too, or leave --ray out"),
        (["train", "digits", "--no-such-flag"], 2, "No such option"),
        (["train", "--resume", "RUN", "--weight-decay", "0.1", "--seeds", "3"], 2, "leave out --weight-decay --seeds"),
        (["train", "digits", "--corrected-labels", "a.csv"], 1, "a.csv cannot be read: No such file"),
        (["train", "digits", "--ladder", "full", "--unlabelled", "a.npy"], 1, "a.npy cannot be read: No such file"),
        (["train", "digits", "--unlabelled", "a.npy"], 2, "Give --ladder full, or leave --unlabelled out."),
        (["train", "--resume", "RUN", "--unlabelled", "a.npy"], 2, "leave out --unlabelled"),
        (["train", "--resume", "nowhere"], 1, "There is no run at nowhere"),
        (["train", "digits", "--out", "RUN"], 1, "exists already"),
        (["train", "nowhere.npz"], 1, "nowhere.npz"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_gets_one_message_with_the_flag_and_its_code(arguments, code, message, trained, tmp_path):
    arguments = [str(trained[1]) if argument == "RUN" else argument for argument in arguments]
    assert refused(mlplab(*arguments, cwd=tmp_path), code, message)
    assert list(tmp_path.iterdir()) == []


def test_another_backend_is_one_clear_error(tmp_path):
    command = [*MLPLAB, "train", "digits", "--out", str(tmp_path / "run")]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert refused(done, 1, "KERAS_BACKEND=tensorflow")


def test_verbs_that_only_read_import_neither_keras_nor_jax():
    code = (
        "import sys\nfrom mlplab.cli import main\n"
        "for words in (['--help'], ['train', '--help'], ['data', 'list'], ['runs']):\n"
        "    sys.argv = ['mlplab', *words]\n"
        "    try: main()\n"
        "    except SystemExit as stop: assert not stop.code, words\n"
        "    heavy = {'keras', 'jax', 'sklearn'} | ({'matplotlib'} if '--help' in words else set())\n"
        "    assert not heavy & set(sys.modules), (words, heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_names_are_completed():
    words = {"_MLPLAB_COMPLETE": "complete_bash", "COMP_WORDS": "mlplab train fash", "COMP_CWORD": "2"}
    done = subprocess.run(MLPLAB, capture_output=True, text=True, env=os.environ | words, check=False)
    assert "fashion-mnist" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("options", "log"), [((), "metrics.jsonl"), (("--seeds", 2), "members/01/metrics.jsonl")])
def test_ctrl_c_ends_with_130_and_the_command_that_resumes(options, log, tmp_path):
    out = tmp_path / "run"
    command = ["train", "digits", "--hidden", 12, "--epochs", 3000, *options, "--out", out]
    code, stderr = interrupted(command, out / log)
    assert code == 130, stderr
    assert f"mlplab train --resume {out}" in stderr
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_a_file_of_arrays(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 6, 5), dtype=np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "mine.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    done = mlplab("train", "mine.npz", "--epochs", 1, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["per_class"]) == {"0", "1", "2"}
    assert Path(json.loads(done.stdout)["run"]).parent == tmp_path / "runs"


@pytest.mark.slow
def test_with_a_report_it_ends_with_accuracy_report_and_one_next_command(trained, tmp_path):
    run = shutil.copytree(trained[1], tmp_path / "run")
    done = mlplab("train", "--resume", "run", "--report", cwd=tmp_path)
    accuracy, report, following = done.stderr.splitlines()[-3:]
    assert accuracy.startswith("Test accuracy 0.")
    assert report == "Report: run/report.html"
    assert following.endswith("mlplab train digits --report")
    assert (run / "report.html").read_text().startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_does_not_hide_the_result(trained, tmp_path):
    run = shutil.copytree(trained[1], tmp_path / "run")
    (run / "report.html").mkdir()
    done = mlplab("train", "--resume", run, "--report", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout) == result_of(run)
    assert "Test accuracy 0." in done.stderr
    assert "report.html is a folder" in " ".join(done.stderr.split())
