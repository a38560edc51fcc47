"""A file to begin an exercise with. What a learner has written is never overwritten: a second one has a number."""

import os
from pathlib import Path

from mlplab.course import record
from mlplab.course.exercise import Exercise, exercises
from mlplab.errors import MlplabError


def start(exercise: Exercise, folder: Path) -> Path:
    """Write the starter into the folder, as EXERCISE.py, EXERCISE-2.py, …, and return its path.

    Raises:
        MlplabError: if the file cannot be written.
    """
    number = 1
    while True:
        path = folder / f"{exercise.name}{f'-{number}' if number > 1 else ''}.py"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(exercise.starter)
            break
        except FileExistsError:
            number += 1
        except OSError as error:
            raise MlplabError(
                f"{path} cannot be written: {error.strerror}. Go to a folder of your own first."
            ) from error
    with record.changing(exercise.name) as entry:
        entry.files.append(os.fspath(path.resolve()))
        entry.started = record.now()
    return path


def current() -> Exercise:
    """The exercise at hand: the one started last, if it is not passed; else the first that is not passed."""
    known, found = record.read(), exercises()
    open_ = [one for one in found if not known.get(one.name, record.Entry()).passed] or found[-1:]
    return max(open_, key=lambda one: known.get(one.name, record.Entry()).started, default=found[0])


def newest_file(exercise: Exercise) -> Path | None:
    """The learner's file for an exercise: the one started last that is still there, or one of that name here."""
    here = Path(f"{exercise.name}.py")
    known = [Path(file) for file in record.entry(exercise.name).files]
    return next((file for file in (*reversed(known), here) if file.exists()), None)
