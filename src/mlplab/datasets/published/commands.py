"""Run a program of this machine with a time limit, and end all processes that it starts."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


class CommandError(Exception):
    """The program is not installed, failed, or took too long. The message is one line."""


def run_command(command: Sequence[str], folder: Path, limit: float) -> None:
    """Run a program in a folder that exists for it alone, and write its output to a file there.

    After `limit` seconds, the program and all its children are killed.

    Raises:
        CommandError: if the program is not installed, exits with a code other than 0, or exceeds the limit.
    """
    program = shutil.which(command[0])
    if program is None:
        raise CommandError(f"{command[0]} is not installed")
    log = folder / "output.log"
    # A file instead of pipes: a surviving grandchild would hold a pipe open, and this process would wait for it.
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
        raise CommandError(f"{command[0]} exited with {status}: {_error_line(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the program and its children, unless it has ended. Ctrl-C may have interrupted the wait."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _error_line(log: Path) -> str:
    """Return the last line with an error (apt's start with E:), or the last line."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or line.startswith("E:")]
    return (errors or lines or ["it printed nothing"])[-1].strip()[:200]
