"""Verbs are imported when they are called, and the process ends at once with all that it wrote."""

import subprocess
import sys

import pytest
import typer
from command_line import MLPLAB, mlplab, refused

from mlplab.cli import app
from mlplab.cli.verbs import VERBS


@pytest.mark.parametrize("name", VERBS)
def test_the_list_has_the_first_paragraph_of_each_verbs_help(name):
    command = typer.main.get_command(app).commands[name]
    assert " ".join(command.help.split("\n\n")[0].split()) == VERBS[name]


def test_the_list_of_verbs_imports_none_of_them():
    shown = mlplab("--help")
    assert shown.returncode == 0
    assert all(f" {name} " in shown.stdout for name in VERBS)
    code = (
        "import sys; from mlplab.__main__ import main\nsys.argv = ['mlplab', '--help']\ntry: main()\n"
        "except SystemExit: print([name for name in sys.modules if name == 'numpy' or name.startswith('mlplab.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['mlplab.cli.output', 'mlplab.cli.verbs']"


def test_a_verb_that_does_not_exist_is_refused_with_the_one_that_is_meant():
    assert refused(mlplab("trian"), 2, "No such command 'trian'. Did you mean 'train'?")


@pytest.mark.parametrize(
    ("arguments", "code"), [(["data", "list", "--json"], 0), (["scores", "no-run"], 1), (["train"], 2)]
)
def test_exit_codes_and_all_output_come_out_of_the_process(arguments, code, tmp_path):
    done = subprocess.run([*MLPLAB, *arguments], capture_output=True, text=True, check=False, cwd=tmp_path)
    here = mlplab(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, here.stdout)
    assert ("Error" in done.stderr) == bool(code)


def test_what_was_to_be_done_at_the_end_is_done(tmp_path):
    code = (
        "import atexit, threading, time\nimport mlplab.cli\nfrom mlplab.__main__ import main\n"
        "def verb():\n"
        "    threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
        "    file = open('file', 'w')\n"
        "    atexit.register(file.close)\n"
        "    file.write('written')\n"
        "mlplab.cli.main = verb\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "thread\n"
    assert (tmp_path / "file").read_text() == "written"


def test_an_error_that_nobody_expected_has_its_traceback():
    code = "import mlplab.cli; mlplab.cli.main = lambda: 1 / 0\nfrom mlplab.__main__ import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
