"""A learner's file may be anything: the answer has Python's own message, and nothing hangs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from mlplab.course import progress_store, sandbox
from mlplab.course.exercise import find
from mlplab.course.sandbox import check_file
from mlplab.errors import UsageError

MISTAKES = [
    ("x = 1\nif x = 2:\n    pass\n", r"answer\.py is not Python yet in line 2: SyntaxError: invalid syntax"),
    ("if True:\nx = 1\n", r"is not Python yet in line 2: IndentationError: expected an indented block"),
    ("x = 1\0\n", r"answer\.py is not Python yet"),
    ("def f():\n    return 1 / 0\n\nf()\n", r"stopped with an error in line 4: ZeroDivisionError: division by"),
    ("import nunpy\n", r"in line 1: ModuleNotFoundError: No module named 'nunpy'"),
    ("import sys\nsys.exit('enough')\n", r"stopped with an error in line 2: SystemExit: enough"),
    ("def f():\n    f()\nf()\n", r"in line 3: RecursionError"),
    ("x = 1\neval('1 +')\n", r"stopped with an error in line 2: SyntaxError: "),
    ("import sys\nprint(sys.argv[1])\n", r"stopped with an error in line 2: IndexError"),
    ("network = 3\n", r"There is no `model`: the task asks for `model`, by this name\."),
    ("", r"There is no `model`"),
    ("model = 3\n", r"`model` is an int; the task asks for a Keras model\."),
]


@pytest.mark.parametrize(("content", "message"), MISTAKES)
def test_each_mistake_has_its_message(content, message, small_digits, tmp_path, monkeypatch):
    """In this process; what needs another one is below."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "answer.py"
    file.write_text(content, "utf-8")
    answer = sandbox._check_here(find("small-digits"), file, 60, tmp_path / "stack.txt")
    assert not answer.passed
    assert re.search(message, answer.message), answer.message
    assert progress_store.progress_of("small-digits").attempts == 1
    assert str(tmp_path) not in answer.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("Lösung.py", "while True:\n    pass\n", r"Lösung\.py was stopped after 2 seconds\. It was in line [12]"),
        ("answer.py", "import time\ntime.sleep(99)\n", r"stopped after 2 seconds\. It was in line 2: time\.sleep"),
        ("answer.py", "name = input('Who?')\n", r"stopped with an error in line 1: EOFError"),
        ("answer.py", "import os\nos._exit(7)\n", r"answer\.py ended the process early \(exit code 7\)"),
    ],
)
def test_nothing_hangs(name, content, message, small_digits, tmp_path):
    file = tmp_path / name
    file.write_text(content, "utf-8")
    answer = check_file(find("small-digits"), file, seconds=2, quiet=True)
    assert not answer.passed
    assert re.search(message, answer.message), answer.message
    assert progress_store.progress_of("small-digits").attempts == 1


@pytest.mark.slow
def test_output_is_shown_and_files_beside_it_are_no_modules_of_mlplab(small_digits, tmp_path, monkeypatch, capfd):
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "answer.py").write_text("print('halfway')\nmodel = 3\n")
    monkeypatch.chdir(tmp_path)
    answer = check_file(find("small-digits"), Path("answer.py"))
    assert answer.message == "`model` is an int; the task asks for a Keras model."
    shown = capfd.readouterr()
    assert "halfway" in shown.err
    assert shown.out == ""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a process does not learn of its parent's end there")
def test_killing_the_check_ends_the_file_of_the_learner(small_digits, tmp_path):
    file, lock = tmp_path / "answer.py", tmp_path / "lock"
    waits = f"filelock.FileLock({str(lock)!r}).acquire()\nprint('held', flush=True)\ntime.sleep(600)\n"
    file.write_text(f"import filelock, time\n{waits}", "utf-8")
    command = [sys.executable, "-m", "mlplab", "course", "check", "small-digits", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert any("held" in line for line in process.stderr)
        process.kill()
    filelock.FileLock(lock).acquire(timeout=30)
    assert progress_store.read_all() == {}


def test_the_traceback_follows_without_lines_of_mlplab(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    file = tmp_path / "answer.py"
    file.write_text("def f():\n    return 1 / 0\n\nf()\n")
    try:
        sandbox._run(file)
    except ZeroDivisionError as error:
        [report] = sandbox._describe(find("challenge"), file, error).details
    assert report.startswith("Traceback (most recent call last):\n")
    assert f'File "{file}", line 4, in <module>' in report
    assert "return 1 / 0" in report
    assert "mlplab" not in report.replace(str(file), "")


def test_a_missing_file_and_a_notebook_are_wrong_usage(small_digits, tmp_path):
    with pytest.raises(UsageError, match="mlplab course start small-digits"):
        check_file(find("small-digits"), tmp_path / "nothing.py")
    (tmp_path / "small-digits.ipynb").write_text("{}")
    with pytest.raises(UsageError, match="its last cell has the check"):
        check_file(find("small-digits"), tmp_path / "small-digits.ipynb")
