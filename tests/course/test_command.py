"""`mlplab course`, from the first start to the first pass, as a learner types it."""

import json
import subprocess
import sys

import nbformat
import pytest
from typer.testing import CliRunner

from mlplab.cli import app
from mlplab.course.exercise import find
from mlplab.course.starting import exercise_of
from mlplab.errors import MlplabError, UsageError


@pytest.fixture
def learner(tmp_path, small_digits, monkeypatch):
    """A folder of the learner, which is the current one."""
    folder = tmp_path / "learner"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    return folder


def course(*arguments, code=0):
    """Run `mlplab course …` in this process: standard output, and standard error with the message of an error."""
    done = CliRunner().invoke(app, ["course", *arguments])
    error = done.exception if isinstance(done.exception, MlplabError) else None
    assert (2 if isinstance(error, UsageError) else 1 if error else done.exit_code) == code, done.output
    return done.stdout, done.stderr + str(error or "")


def check(*arguments, code=0):
    """Run `mlplab course check …` as a process."""
    command = [sys.executable, "-m", "mlplab", "course", "check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.mark.slow
def test_from_the_first_start_to_the_first_pass(learner):
    _, said = course("list")
    assert "small-digits" in said
    assert "Next: mlplab course start softmax-regression" in said
    _, said = course("start", "small-digits")
    assert "one hidden layer of 16 units" in " ".join(said.split())
    assert "Edit it, save it, then:\nmlplab course check small-digits" in said
    file = learner / "small-digits.py"
    assert file.read_text("utf-8") == find("small-digits").starter

    _, said = check(code=1)
    assert "✗ Your first Dense layer has 8 units; the task asks for 16." in said
    assert "A hint: mlplab course hint small-digits" in said
    shown, _ = course("hint")
    assert "Hint 1 of 2. Look at the units." in shown
    _, said = course("solution", "small-digits", code=1)
    assert "opens when you have passed its check. There is a hint left." in said

    file.write_text(file.read_text("utf-8").replace("Dense(8,", "Dense(16,"), "utf-8")
    out, said = check("--picture", "range.png", "--json")
    assert "✓ A small network for digits: solved." in said
    assert "Training the solution with 6 seeds, to know the usual range (once)" in said
    assert "inside the usual 0." in said
    assert "The solution is open: mlplab course solution small-digits" in said
    assert (learner / "range.png").read_bytes().startswith(b"\x89PNG")
    answer = json.loads(out)
    assert answer["passed"] is True
    [reached] = answer["ranges"]
    assert reached["low"] <= reached["value"] <= reached["high"]
    assert len(reached["seeds"]) == 6

    shown, _ = course("solution")
    assert shown == find("small-digits").solution, "as it is, to copy or to write into a file"
    out, said = course("progress", "--json")
    assert "1 of 9 exercises passed" in said
    assert json.loads(out)["progress"][-1] | {"passed": ""} == {
        "exercise": "small-digits",
        "attempts": 2,
        "hints": 1,
        "passed": "",
    }


def test_names_are_helped_with(learner):
    _, said = course("start", "small-digit", code=2)
    assert "Unknown exercise 'small-digit'. Did you mean 'small-digits'?" in said
    _, said = course("check", "small-digits", code=2)
    assert "There is no small-digits.py. 'mlplab course start small-digits' writes a file to start with." in said
    _, said = course("check", "small-digits", "nothing.py", code=2)
    assert "'mlplab course start small-digits' writes a file to start with" in said


def test_a_file_belongs_to_the_exercise_that_it_is_named_after(learner):
    assert exercise_of(learner / "small-digits-7.py") == find("small-digits")
    assert exercise_of(learner / "other.py") is None


@pytest.mark.slow
def test_a_notebook_has_the_task_the_cells_and_the_check(learner):
    course("start", "small-digits", "--notebook")
    notebook = nbformat.read(learner / "small-digits.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code", "code"]
    assert notebook.cells[1].source.startswith("# The data\nimport mlplab")
    assert notebook.cells[-1].source.endswith('course.check("small-digits", model=model)')
    names = {}
    for cell in notebook.cells[1:]:
        exec(cell.source.replace("course.check", "answer = course.check"), names)
    assert "Your first Dense layer has 8 units; the task asks for 16." in names["answer"]._repr_html_()
    _, said = course("check", code=2)
    assert "is a notebook: its last cell has the check" in said
