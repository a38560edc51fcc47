"""`mlplab course`, from the first start to the first pass, as a learner types it."""

import json
import os
import subprocess
import sys

import pytest

from mlplab.course.exercise import find


@pytest.fixture
def mlplab(tmp_path, small_digits):
    """Runs `mlplab course …` in a folder of its own: exit code, standard output, standard error."""
    folder = tmp_path / "learner"
    folder.mkdir()

    def run(*arguments, code=0):
        command = [sys.executable, "-m", "mlplab", "course", *arguments]
        environment = os.environ | {"COLUMNS": "80"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    run.folder = folder
    return run


def test_from_the_first_start_to_the_first_pass(mlplab):
    _, said = mlplab("list")
    assert "small-digits" in said
    assert "Next: mlplab course start softmax-regression" in said
    _, said = mlplab("start", "small-digits")
    assert "one hidden layer of 16 units" in " ".join(said.split())
    assert "Edit it, save it, then:\nmlplab course check small-digits" in said
    file = mlplab.folder / "small-digits.py"
    assert file.read_text("utf-8") == find("small-digits").starter

    _, said = mlplab("check", code=1)
    assert "✗ Your first Dense layer has 8 units; the task asks for 16." in said
    assert "A hint: mlplab course hint small-digits" in said
    shown, _ = mlplab("hint")
    assert "Hint 1 of 2. Look at the units." in shown
    _, said = mlplab("solution", "small-digits", code=1)
    assert "opens when you have passed its check. There is a hint left." in said

    file.write_text(file.read_text("utf-8").replace("Dense(8,", "Dense(16,"), "utf-8")
    out, said = mlplab("check", "--picture", "range.png", "--json")
    assert "✓ A small network for digits: solved." in said
    assert "Training the solution with 6 seeds, to know the usual range (once)" in said
    assert "inside the usual 0." in said
    assert "The solution is open: mlplab course solution small-digits" in said
    assert (mlplab.folder / "range.png").read_bytes().startswith(b"\x89PNG")
    answer = json.loads(out)
    assert answer["passed"] is True
    [reached] = answer["ranges"]
    assert reached["low"] <= reached["value"] <= reached["high"]
    assert len(reached["seeds"]) == 6

    shown, _ = mlplab("solution")
    assert shown == find("small-digits").solution, "as it is, to copy or to write into a file"
    out, said = mlplab("progress", "--json")
    assert "1 of 9 exercises passed" in said
    assert json.loads(out)["progress"][-1] | {"passed": ""} == {
        "exercise": "small-digits",
        "attempts": 2,
        "hints": 1,
        "passed": "",
    }


def test_names_are_helped_with(mlplab):
    _, said = mlplab("start", "small-digit", code=2)
    assert "Unknown exercise 'small-digit'. Did you mean 'small-digits'?" in said
    _, said = mlplab("check", "small-digits", code=2)
    assert "'mlplab course start small-digits' makes a file to begin with" in said


def test_a_file_alone_is_checked_as_what_it_was_started_for(mlplab):
    (mlplab.folder / "small-digits-7.py").write_text("model = 3\n")
    _, said = mlplab("check", "small-digits-7.py", code=1)
    assert "✗ `model` is an int; the task asks for a Keras model." in said


def test_a_notebook_to_begin_with_runs_and_checks_itself(mlplab):
    import nbclient
    import nbformat

    _, said = mlplab("start", "small-digits", "--notebook")
    path = mlplab.folder / "small-digits.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code"]
    assert notebook.cells[1].source.startswith("# The data\nimport mlplab")
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(mlplab.folder)}}).execute()
    [answer] = notebook.cells[-1].outputs
    assert "Your first Dense layer has 8 units; the task asks for 16." in answer["data"]["text/html"]
    _, said = mlplab("check", code=2)
    assert "is a notebook: its last cell has the check" in said
