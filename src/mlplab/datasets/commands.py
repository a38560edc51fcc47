"""Runs the programs that a machine already has, with a time limit and without leaving any behind."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


class CommandError(Exception):
    """The program is not there, failed, or took too long; the message is one line that says which."""


def run_command(command: Sequence[str], folder: Path, limit: float) -> None:
    """Runs `command` within `folder`; its output goes to a file there.

    Args:
        command: the program's name and its arguments.
        folder: an existing folder of its own.
        limit: in seconds, after which the program and all that it started are killed.

    Raises:
        CommandError: if it is not installed, exits with anything but 0, or is over its limit.
    """
    program = shutil.which(command[0])
    if program is None:
        raise CommandError(f"{command[0]} is not installed")
    log = folder / "output.log"
    # A file instead of pipes: a grandchild that survives would hold a pipe open, and us with it.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise CommandError(f"{command[0]} took longer than {limit:g} s") from None
        finally:
            _stop(process)
    if status != 0:
        raise CommandError(f"{command[0]} exited with {status}: {_complaint(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the program with its children; also when it is Ctrl-C that ended the wait."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _complaint(log: Path) -> str:
    """The last line that names an error (apt's begin with E:), or the last line."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or line.startswith("E:")]
    return (errors or lines or ["it printed nothing"])[-1].strip()[:200]
