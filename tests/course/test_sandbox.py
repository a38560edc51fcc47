"""A learner's file may be anything: what is wrong with it is said as Python says it, and nothing hangs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from mlplab.course import progress_store
from mlplab.course.exercise import find
from mlplab.course.sandbox import check_file
from mlplab.errors import UsageError

WRONG = [
    (
        "an endless loop",
        "x = 0\nwhile True:\n    x += 1\n",
        r"answer\.py was stopped after 2 seconds\. It was in line [23]",
    ),
    ("waits for ever", "import time\ntime.sleep(1000)\n", r"stopped after 2 seconds\. It was in line 2: time\.sleep"),
    (
        "a syntax error",
        "x = 1\nif x = 2:\n    pass\n",
        r"answer\.py is not Python yet in line 2: SyntaxError: invalid syntax",
    ),
    (
        "no indentation",
        "if True:\nx = 1\n",
        r"is not Python yet in line 2: IndentationError: expected an indented block",
    ),
    ("a zero byte", "x = 1\0\n", r"answer\.py is not Python yet"),
    (
        "an exception",
        "def f():\n    return 1 / 0\n\nf()\n",
        r"stopped with an error in line 4: ZeroDivisionError: division by",
    ),
    ("an unknown module", "import nunpy\n", r"in line 1: ModuleNotFoundError: No module named 'nunpy'"),
    ("a question", "name = input('Who?')\n", r"stopped with an error in line 1: EOFError"),
    ("an exit", "import sys\nsys.exit('enough')\n", r"stopped with an error in line 2: SystemExit: enough"),
    ("a hard exit", "import os\nos._exit(7)\n", r"answer\.py ended by itself before its end \(exit code 7\)"),
    ("an endless recursion", "def f():\n    f()\nf()\n", r"in line 3: RecursionError"),
    ("a mistake in what it imports", "x = 1\neval('1 +')\n", r"stopped with an error in line 2: SyntaxError: "),
    ("arguments", "import sys\nprint(sys.argv[1])\n", r"stopped with an error in line 2: IndexError"),
    ("no model", "network = 3\n", r"There is no `model`: the task asks for `model`, by this name\."),
    ("nothing", "", r"There is no `model`"),
    ("a number", "model = 3\n", r"`model` is an int; the task asks for a Keras model\."),
]


@pytest.mark.parametrize(("content", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_each_has_its_message(content, message, small_digits, tmp_path):
    file = tmp_path / "answer.py"
    file.write_text(content, "utf-8")
    answer = check_file(find("small-digits"), file, seconds=2, quiet=True)
    assert not answer.passed
    assert re.search(message, answer.message), answer.message
    assert progress_store.entry("small-digits").attempts == 1
    assert str(tmp_path) not in answer.message


def test_a_name_that_is_not_ascii_has_its_line_too(small_digits, tmp_path):
    file = tmp_path / "Lösung.py"
    file.write_text("while True:\n    pass\n", "utf-8")
    said = check_file(find("small-digits"), file, seconds=2, quiet=True).message
    assert re.match(r"Lösung\.py was stopped after 2 seconds\. It was in line [12]", said), said


def test_files_beside_it_are_no_modules_of_ours(small_digits, tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit('not this one')\n")
    (tmp_path / "answer.py").write_text("model = 3\n")
    monkeypatch.chdir(tmp_path)
    answer = check_file(find("small-digits"), Path("answer.py"), quiet=True)
    assert answer.message == "`model` is an int; the task asks for a Keras model."


@pytest.mark.skipif(os.name == "nt", reason="a process is not told of its parent's end there")
def test_who_kills_the_check_ends_the_learner_s_file(small_digits, tmp_path):
    file, lock = tmp_path / "answer.py", tmp_path / "lock"
    waits = f"filelock.FileLock({str(lock)!r}).acquire()\nprint('held', flush=True)\ntime.sleep(600)\n"
    file.write_text(f"import filelock, time\n{waits}", "utf-8")
    command = [sys.executable, "-m", "mlplab", "course", "check", "small-digits", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert any("held" in line for line in process.stderr)
        process.kill()
    filelock.FileLock(lock).acquire(timeout=30)
    assert progress_store.read() == {}


def test_python_s_own_words_follow_without_ours(small_digits, tmp_path):
    file = tmp_path / "answer.py"
    file.write_text("def f():\n    return 1 / 0\n\nf()\n")
    [told] = check_file(find("small-digits"), file, quiet=True).details
    assert told.startswith("Traceback (most recent call last):\n")
    assert f'File "{file}", line 4, in <module>' in told
    assert "return 1 / 0" in told
    assert "mlplab" not in told.replace(str(file), "")


def test_what_it_prints_is_shown(small_digits, tmp_path, capfd):
    file = tmp_path / "answer.py"
    file.write_text("print('halfway')\nmodel = None\n")
    answer = check_file(find("small-digits"), file)
    assert answer.message == "`model` is None: no model has been made yet. Build one, and give it that name."
    shown = capfd.readouterr()
    assert "halfway" in shown.err
    assert shown.out == ""


def test_a_file_that_is_not_there_is_wrong_usage(small_digits, tmp_path):
    with pytest.raises(UsageError, match="mlplab course start small-digits"):
        check_file(find("small-digits"), tmp_path / "nothing.py")
    (tmp_path / "small-digits.ipynb").write_text("{}")
    with pytest.raises(UsageError, match="its last cell has the check"):
        check_file(find("small-digits"), tmp_path / "small-digits.ipynb")


def test_a_right_file_passes(small_digits, tmp_path):
    file = tmp_path / "answer.py"
    file.write_text(find("small-digits").solution)
    answer = check_file(find("small-digits"), file, quiet=True)
    assert answer.passed, answer
    assert progress_store.entry("small-digits").passed
    assert answer.ranges[0].inside
    assert len(answer.ranges[0].seeds) == 6
