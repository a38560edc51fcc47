"""`mlplab sweep`, as a person or a script meets it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import MLPLAB, interrupted, mlplab, refused

from mlplab.cli.sweep import varied

pytestmark = pytest.mark.slow

SMALL = ("--epochs", 1, "--batch-size", 64, "--seeds", 2)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    vary = ("--vary", "hidden=4;5,3", "--vary", "batch-norm=false")
    return mlplab("sweep", "digits", *vary, *SMALL, "--runs", "a sweep", "--out", "t.tex", "--json", cwd=folder), folder


def test_a_table_the_runs_and_the_next_command(swept):
    done, folder = swept
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert [row["hidden"] for row in printed["rows"]] == ["4", "5,3"]
    assert printed["sweep"] == str(folder / "a sweep")
    assert (folder / "t.tex").read_text().startswith("\\begin{tabular}")
    stderr = " ".join(done.stderr.split())
    assert "hidden 4, batch norm False: digits, 4, test accuracy mean 0." in stderr
    assert "hidden batch norm accuracy of the mean validation − first, points p" in stderr
    assert "Runs: a sweep" in stderr
    assert "mlplab compare 'a sweep/hidden=4_batch_norm=False' 'a sweep/hidden=5-3_batch_norm=False' --out" in stderr


def test_a_finished_sweep_is_shown_again(swept):
    done, folder = swept
    again = mlplab("sweep", "--resume", "a sweep", "--json", "--quiet", cwd=folder)
    assert json.loads(again.stdout)["rows"] == json.loads(done.stdout)["rows"]
    assert again.stderr == ""


def test_values_of_each_kind():
    texts = ["dropout=0,0.5", "hidden=20;50,50", "batch-norm=true,false", "weight_decay=none,1e-4", "epochs=1;2"]
    texts += ["class-weight=none;balanced;3=2,T-shirt/top=0.5"]
    assert varied(texts) == {
        "dropout": [0.0, 0.5], "hidden": [[20], [50, 50]], "batch_norm": [True, False],
        "weight_decay": [None, 1e-4], "epochs": [1, 2],
        "class_weight": [None, "balanced", {"3": 2, "T-shirt/top": 0.5}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["digits"], 2, "Give the settings to vary"),
        ([], 2, "Give a data set"),
        (["digits", "--vary", "dropout"], 2, "--vary takes a setting and its values"),
        (["digits", "--vary", "drpout=0,1"], 2, "Did you mean 'dropout'"),
        (["digits", "--vary", "dropout=0,x"], 2, "--vary dropout takes numbers; got 'x'"),
        (["digits", "--vary", "hidden=20,50"], 2, "hidden=20;50,50"),
        (["digits", "--vary", "class-weight=balanced,rare"], 2, "--vary class-weight takes balanced, a JSON file"),
        (["digits", "--vary", "dropout=0,0.1", "--dropout", "0.2"], 2, "leave one of them out"),
        (["digits", "--vary", "dropout=0,0.1", "--vary", "dropout=0.3"], 2, "given twice"),
        (["digits", "--vary", "dropout=0,0.1", "--out", "table.xls"], 2, "--out names a file: .csv"),
        (["digits", "--vary", "dropout=0,0.1", "--seeds", "0"], 2, "--seeds must be a whole number of at least 1"),
        (["--resume", "nowhere"], 1, "There is no sweep at nowhere"),
        (["--resume", "nowhere", "--seeds", "2"], 2, "leave out --seeds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_use_gets_one_message(arguments, code, message, tmp_path):
    assert refused(mlplab("sweep", *arguments, cwd=tmp_path), code, message)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_with_the_command_that_continues(tmp_path):
    command = ["sweep", "digits", "--vary", "hidden=12;13", "--epochs", 3000, "--seeds", 2, "--runs", "a sweep"]
    code, stderr = interrupted(command, tmp_path / "a sweep/hidden=12/members/01/metrics.jsonl", cwd=tmp_path)
    assert code == 130, stderr
    assert f"mlplab sweep --resume '{tmp_path / 'a sweep'}'" in stderr


@pytest.mark.slow
def test_names_of_settings_are_completed():
    words = {"_MLPLAB_COMPLETE": "complete_bash", "COMP_WORDS": "mlplab sweep digits --vary bat", "COMP_CWORD": "4"}
    done = subprocess.run(MLPLAB, capture_output=True, text=True, env=os.environ | words, check=False)
    assert {"batch-norm=", "batch-size="} <= set(done.stdout.split())


def test_images_without_labels_and_no_ladder_are_refused_before_keras_is_imported(tmp_path):
    images = tmp_path / "more.npy"
    np.save(images, np.zeros((5, 8, 8), np.uint8))
    code = (
        "import sys\nfrom mlplab.cli import main\n"
        f"sys.argv = ['mlplab', 'sweep', 'digits', '--vary', 'dropout=0,0.2', '--unlabelled', {str(images)!r}]\n"
        "try: main()\n"
        "except SystemExit as stop: assert stop.code == 2\n"
        "assert not {'keras', 'jax'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Give --ladder full, or leave --unlabelled out." in done.stderr
