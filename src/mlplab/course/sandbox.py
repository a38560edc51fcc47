"""A learner's file, run in a process of its own: it may contain mistakes, run for ever or end itself.

`check_file` starts the process and waits. The process runs the file as Python would, and hands what it has made to
`checking.check`. It is also the program that is started: `python -m mlplab.course.sandbox`.
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
from types import CodeType
from typing import Any

from mlplab.course import progress_store
from mlplab.course.answer import Answer
from mlplab.course.checking import check
from mlplab.course.exercise import Exercise, find
from mlplab.errors import MlplabError, UsageError
from mlplab.runs import Run

_LONGEST = 1_000_000.0
"""Seconds, more than a week: some systems have no longer clock."""


def check_file(exercise: Exercise, file: Path, seconds: float | None = None, quiet: bool = False) -> Answer:
    """The answer to a learner's file, or, for the challenge, to a run directory.

    What the file prints goes to standard error.

    Args:
        seconds: how long the file may run; by default as the exercise says.
        quiet: nothing that it prints is shown.

    Raises:
        UsageError: if there is no such file.
        MlplabError: if the check itself failed.
    """
    if not file.exists():
        raise UsageError(f"There is no {file}. 'mlplab course start {exercise.name}' makes a file to begin with.")
    if file.suffix == ".ipynb":
        raise UsageError(f"{file} is a notebook: its last cell has the check. Run it there.")
    limit = exercise.seconds if seconds is None else seconds
    with tempfile.TemporaryDirectory(prefix="mlplab-course-") as scratch:
        written, stack = Path(scratch) / "answer.json", Path(scratch) / "stack.txt"
        # -P: a file of the learner's that is called random.py is no module of ours
        command = [sys.executable, "-P", "-m", __name__, exercise.name, str(file), str(limit), str(written), str(stack)]
        told = subprocess.DEVNULL if quiet else sys.stderr
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=told, stderr=told, env=_environment(), check=False
        )
        if written.exists():
            content = json.loads(written.read_text("utf-8"))
            if "error" in content:
                raise MlplabError(content["error"])
            return Answer.from_json(content)
        answer = _unfinished(exercise, file, limit, stack, process.returncode)
    return _recorded(answer)


def _environment() -> dict[str, str]:
    return os.environ | {
        "MPLBACKEND": "Agg",  # plt.show() would wait for somebody to close its window
        "PYTHONIOENCODING": os.environ.get("PYTHONIOENCODING", ":replace"),  # a progress bar is no reason to fail
    }


def _unfinished(exercise: Exercise, file: Path, limit: float, stack: Path, code: int) -> Answer:
    """Of a process that did not live to write its answer."""
    if not (stack.exists() and stack.stat().st_size):
        said = f"{file.name} ended by itself before its end (exit code {code}). Out of memory, or a call of exit?"
        return Answer(exercise.name, False, said)
    path = str(file.resolve()).encode("ascii", "backslashreplace").decode()  # as faulthandler writes it
    lines = [int(line) for line in re.findall(rf'File "{re.escape(path)}", line (\d+)', stack.read_text("ascii"))]
    where = f" It was in line {lines[0]}: {linecache.getline(str(file), lines[0]).strip()}" if lines else ""
    return Answer(
        exercise.name,
        False,
        f"{file.name} was stopped after {limit:g} seconds.{where}",
        details=("Is there a loop without an end? If it only needs longer: --timeout SECONDS.",),
    )


def _recorded(answer: Answer) -> Answer:
    with progress_store.changing(answer.exercise) as entry:
        entry.attempts += 1
    return answer


def _handed_in(exercise: Exercise, file: Path, limit: float, stack: Path) -> Answer:
    """In the process: run the file, and check what it has made."""
    if file.is_dir():
        return check(exercise, {"model": Run(file)})
    with stack.open("w") as told:
        faulthandler.dump_traceback_later(min(limit, _LONGEST), exit=True, file=told)
        try:
            program = compile(file.read_bytes(), str(file), "exec")
        except (SyntaxError, ValueError) as error:  # ValueError: zero bytes, to Python 3.11
            return _recorded(_not_run(exercise, file, error, "is not Python yet"))
        try:
            names = _run(program, file)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a learner's file may raise anything, SystemExit too
            return _recorded(_not_run(exercise, file, error, "stopped with an error"))
        finally:
            faulthandler.cancel_dump_traceback_later()
    return check(exercise, names)


def _run(program: CodeType, file: Path) -> dict[str, Any]:
    """The names that a file makes, run as a program is."""
    sys.path.insert(0, str(file.parent))
    sys.argv = [str(file)]
    names: dict[str, Any] = {"__name__": "__main__", "__file__": str(file)}
    exec(program, names)
    return names


def _not_run(exercise: Exercise, file: Path, error: BaseException, what: str) -> Answer:
    """What Python says of it, with the lines of the learner's files alone."""
    told = traceback.TracebackException.from_exception(error)
    own = [frame for frame in told.stack if Path(frame.filename).parent == file.parent]
    told.stack = traceback.StackSummary.from_list(own)
    told.__cause__ = told.__context__ = None  # how a library came to it
    if isinstance(error, SyntaxError) and not told.stack:  # else it is that of a module, or of eval
        line, last = error.lineno, error.msg
    else:
        line, last = told.stack[0].lineno if told.stack else None, str(error).partition("\n")[0]
    where = f" in line {line}" if line else ""
    said = f"{file.name} {what}{where}: {type(error).__name__}{f': {last}' if last else ''}"
    return Answer(exercise.name, False, said, details=("".join(told.format()).rstrip(),))


def main(name: str, file: str, limit: str, written: str, stack: str) -> None:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("mlplab").setLevel(logging.INFO)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    try:
        content = _handed_in(find(name), Path(file).resolve(), float(limit), Path(stack)).to_json()
    except MlplabError as error:
        content = {"error": str(error)}
    except KeyboardInterrupt:  # who waits for this process is told so, too
        sys.exit(130)
    Path(written).write_text(json.dumps(content), "utf-8")


def _end_with(parent: int) -> None:
    """End this process once the one that waits for it was killed, where a process is told so (not on Windows)."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
