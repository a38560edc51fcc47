"""Ctrl-C while the command line imports JAX ends it as Ctrl-C does at any other time."""

import os
import subprocess
import sys

import pytest

INTERRUPTED = """
import os, signal, sys

def press(event, values):
    # jaxlib._jax imports it from C++, where a KeyboardInterrupt becomes another error
    if event == "import" and values[0] == "jaxlib._hlo":
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(press)
sys.argv = ["mlplab", "train", "digits", "--hidden", "4", "--epochs", "1", "--out", "run"]
from mlplab.__main__ import main
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_within_jaxlib_ends_the_command_line_with_130_and_no_words(tmp_path):
    command = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
    assert not any(tmp_path.iterdir())
