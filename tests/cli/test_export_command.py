"""`mlplab export`: what it prints, and what it refuses."""

import json
import os
import shlex
import subprocess
import sys

import pytest
from command_line import mlplab, refused

from mlplab.cli.export import complete_format


def test_what_is_printed(trained, tmp_path):
    training, run = trained
    rows = json.loads(training.stdout)["test"]["n"]
    done = mlplab("export", run, "--out", tmp_path / "network.onnx")
    assert (done.returncode, done.stdout) == (0, "")
    text = done.stderr
    assert f"{tmp_path}/network.onnx (" in text
    assert "KB): one graph for any ONNX runtime" in text
    assert f"Checked on {rows} test rows: the same class for all, no probability further than" in text
    assert "; accuracy 0." in text
    assert text.endswith(f"Next: mlplab serve {run}\n")


@pytest.mark.parametrize("format", ["keras", "safetensors"])
def test_the_next_command_runs(format, trained, tmp_path):
    done = mlplab("export", trained[1], "--out", tmp_path / f"it's.{format}")
    program, *words = shlex.split(done.stderr.partition("Next: ")[2])
    assert program == "python"
    plain = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    shown = subprocess.run([sys.executable, *words], env=plain, capture_output=True, text=True, check=True).stdout
    assert "dense" in shown


def test_json_and_quiet(trained, tmp_path):
    _, run = trained
    done = mlplab("export", run, "--format", "keras", "--json", "--quiet", cwd=tmp_path)
    assert done.stderr == ""
    printed = json.loads(done.stdout)
    assert printed["path"] == str(tmp_path / "run.keras")
    assert printed["bytes"] == (tmp_path / "run.keras").stat().st_size
    assert printed["check"]["rows"] == 355
    assert printed["check"]["other_classes"] == 0


def test_wrong_use(trained, tmp_path):
    _, run = trained
    assert refused(mlplab("export", run), 2, "Give a --format: onnx")
    assert refused(mlplab("export", run, "--format", "onx"), 2, "Did you mean 'onnx'?")
    (tmp_path / "there.onnx").touch()
    assert refused(mlplab("export", run, "--out", tmp_path / "there.onnx"), 1, "exists already. Give another --out.")
    assert refused(mlplab("export", tmp_path, "--format", "onnx"), 1, "is no run")


def test_completion():
    assert [name for name, _ in complete_format("")] == ["onnx", "html", "c", "keras", "safetensors", "triton"]
    assert complete_format("o") == [("onnx", "one graph for any ONNX runtime")]
