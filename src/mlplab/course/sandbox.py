"""Check a learner's file in a separate process, because it may contain mistakes, run for ever or end the process.

`check_file` starts the process (`python -m mlplab.course.sandbox`, this file) and waits. The process runs the file as
Python would, and checks the names that it defines.
"""

import faulthandler
import json
import linecache
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from mlplab.course.answer import Answer
from mlplab.course.checking import check, record
from mlplab.course.exercise import Exercise, find
from mlplab.errors import MlplabError, UsageError
from mlplab.runs import Run


def check_file(exercise: Exercise, file: Path, seconds: float | None = None, quiet: bool = False) -> Answer:
    """Return the answer to a learner's file or, for the challenge, to a run directory.

    The file's output goes to standard error.

    Args:
        seconds: time limit of the file; by default that of the exercise.
        quiet: hide the file's output.

    Raises:
        UsageError: if there is no such file.
        MlplabError: if the check itself failed.
    """
    if not file.exists():
        raise UsageError(f"There is no {file}. 'mlplab course start {exercise.name}' writes a file to start with.")
    if file.suffix == ".ipynb":
        raise UsageError(f"{file} is a notebook: its last cell has the check. Run it there.")
    limit = exercise.seconds if seconds is None else seconds
    with tempfile.TemporaryDirectory(prefix="mlplab-course-") as scratch:
        result, stack = Path(scratch) / "answer.json", Path(scratch) / "stack.txt"
        # -P: mlplab must not import a learner's file called random.py
        command = [sys.executable, "-P", "-m", __name__, exercise.name, str(file), str(limit), str(result), str(stack)]
        output = subprocess.DEVNULL if quiet else sys.stderr
        environment = os.environ | {
            "MPLBACKEND": "Agg",  # plt.show() would wait until somebody closes its window
            "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", ":replace"),  # a progress bar must not fail
        }
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        )
        if result.exists():
            content = json.loads(result.read_text("utf-8"))
            if "error" in content:
                raise MlplabError(content["error"])
            return Answer.from_json(content)
        answer = _unfinished(exercise, file, limit, stack, process.returncode)
    return record(answer)


def _unfinished(exercise: Exercise, file: Path, limit: float, stack: Path, code: int) -> Answer:
    """Return the answer for a process that wrote none."""
    if not (stack.exists() and stack.stat().st_size):
        message = f"{file.name} ended the process early (exit code {code}). Out of memory, or a call of exit?"
        return Answer(exercise.name, False, message)
    path = str(file.resolve()).encode("ascii", "backslashreplace").decode()  # as faulthandler writes it
    lines = [int(line) for line in re.findall(rf'File "{re.escape(path)}", line (\d+)', stack.read_text("ascii"))]
    where = f" It was in line {lines[0]}: {linecache.getline(str(file), lines[0]).strip()}" if lines else ""
    advice = "Is there an endless loop? If your file only needs more time: mlplab course check --timeout SECONDS."
    return Answer(exercise.name, False, f"{file.name} was stopped after {limit:g} seconds.{where}", details=(advice,))


def _check_here(exercise: Exercise, file: Path, limit: float, stack: Path) -> Answer:
    """In the process: run the file, and check the names that it defines."""
    if file.is_dir():
        return check(exercise, {"model": Run(file)})
    with stack.open("w") as stream:
        longest = min(limit, 1e6)  # more than a week: some systems cannot wait for much longer
        faulthandler.dump_traceback_later(longest, exit=True, file=stream)
        try:
            names = _run(file)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a learner's file may raise anything, SystemExit too
            return record(_describe(exercise, file, error))
        finally:
            faulthandler.cancel_dump_traceback_later()
    return check(exercise, names)


def _run(file: Path) -> dict[str, Any]:
    """Run a file as a program and return the names that it defines."""
    program = compile(file.read_bytes(), str(file), "exec")
    sys.path.insert(0, str(file.parent))
    sys.argv = [str(file)]
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(file)}
    exec(program, names)
    return names


def _describe(exercise: Exercise, file: Path, error: BaseException) -> Answer:
    """Return Python's own message, with the lines of the learner's files only."""
    report = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in report.stack if Path(frame.filename).parent == file.parent]
    report.stack = traceback.StackSummary.from_list(frames)
    report.__cause__ = report.__context__ = None  # details of libraries
    what, line, last = "stopped with an error", frames and frames[0].lineno, str(error).partition("\n")[0]
    if not frames:  # compile raised it
        what, line, last = "is not Python yet", getattr(error, "lineno", None), getattr(error, "msg", last)
    where = f" in line {line}" if line else ""
    message = f"{file.name} {what}{where}: {type(error).__name__}{f': {last}' if last else ''}"
    return Answer(exercise.name, False, message, details=("".join(report.format()).rstrip(),))


def main(name: str, file: str, limit: str, result: str, stack: str) -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("mlplab").setLevel(logging.INFO)
    threading.Thread(target=_exit_with, args=(os.getppid(),), daemon=True).start()
    try:
        content = _check_here(find(name), Path(file).resolve(), float(limit), Path(stack)).to_json()
    except MlplabError as error:
        content = {"error": str(error)}
    except KeyboardInterrupt:  # the parent gets the same signal
        sys.exit(130)
    Path(result).write_text(json.dumps(content), "utf-8")


def _exit_with(parent: int) -> None:
    """Exit when the parent process is gone. (Windows keeps the parent's id, so nothing happens there.)"""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
