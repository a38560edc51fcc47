"""The command line in this process, and as a process where that is what is promised."""

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from mlplab.cli import main

MLPLAB = [sys.executable, "-m", "mlplab"]


def mlplab(*arguments, cwd=".", columns=200):
    """Run `mlplab ARGUMENTS`: returncode, stdout and stderr, as a process has them."""
    out, err = io.StringIO(), io.StringIO()
    words = ["mlplab", *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.object(sys, "argv", words),
        patch.dict(os.environ, {"COLUMNS": str(columns)}),
        patch.object(sys, "meta_path", list(sys.meta_path)),
        patch.object(logging.getLogger("mlplab"), "level", logging.NOTSET),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def refused(done, code, message):
    """Whether a command ended with one message, its exit code and nothing on standard output."""
    assert message in " ".join(done.stderr.split()).replace("│ ", ""), done.stderr
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
    return True


def result_of(path: Path):
    return json.loads((path / "result.json").read_text())


def interrupted(arguments, ready: Path, cwd=None):
    """Start a process, press Ctrl-C as soon as the file `ready` has content: exit code, standard error."""
    command = [*MLPLAB, *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=cwd)
    deadline = time.monotonic() + 60
    while not (ready.exists() and ready.stat().st_size > 0):
        assert time.monotonic() < deadline, f"{ready} did not appear"
        time.sleep(0.01)  # between two looks
    process.send_signal(signal.SIGINT)
    stderr = process.communicate(timeout=30)[1]
    return process.returncode, " ".join(stderr.split())
