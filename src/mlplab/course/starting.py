"""A file to begin an exercise with. What a learner has written is never overwritten: a second one has a number."""

import json
import os
import re
from pathlib import Path
from typing import Any

from mlplab.course import progress_store
from mlplab.course.exercise import Exercise, exercises
from mlplab.datasets.catalog import find_entry
from mlplab.datasets.fetch import fetch_entry, is_here
from mlplab.errors import MlplabError


def start(exercise: Exercise, folder: Path, notebook: bool = False) -> Path:
    """Write the starter into the folder, as EXERCISE.py, EXERCISE-2.py, …, and return its path.

    Args:
        notebook: make it a notebook, EXERCISE.ipynb, with the task above and the check below.

    Raises:
        MlplabError: if the file cannot be written.
    """
    content = json.dumps(as_notebook(exercise), indent=1, ensure_ascii=False) if notebook else exercise.starter
    number = 1
    while True:
        path = folder / f"{exercise.name}{f'-{number}' if number > 1 else ''}{'.ipynb' if notebook else '.py'}"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(content)
            break
        except FileExistsError:
            number += 1
        except OSError as error:
            raise MlplabError(
                f"{path} cannot be written: {error.strerror}. Go to a folder of your own first."
            ) from error
    with progress_store.changing(exercise.name) as entry:
        entry.files.append(os.fspath(path.resolve()))
        entry.started = progress_store.now()
    return path


def fetch_data(exercise: Exercise) -> None:
    """Get the data sets that an exercise is about, so that it can be done without a network afterwards.

    Raises:
        FetchError: if one is not here, and no source has it.
    """
    for entry in map(find_entry, exercise.datasets):
        if not is_here(entry):
            fetch_entry(entry)


def as_notebook(exercise: Exercise) -> dict[str, Any]:
    """The task, the starter's cells and a cell with the check, as a notebook of format 4."""
    _, *cells = re.split(r"^# %%[ ]?", exercise.starter, flags=re.MULTILINE)
    handed_in = [f"{name}={name}" for name, asked in exercise.asked.items() if asked.default is asked.empty]
    check = f'from mlplab import course\n\ncourse.check("{exercise.name}", {", ".join(handed_in)})'
    return {
        "cells": [
            _cell(0, "markdown", exercise.text),
            *(_cell(number, "code", _code(cell)) for number, cell in enumerate(cells, 1)),
            _cell(len(cells) + 1, "code", check),
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(cell: str) -> str:
    """A cell's lines; its title, in the line of the `# %%`, becomes a comment."""
    title, _, code = cell.partition("\n")
    return (f"# {title}\n" if title.strip() else "") + code


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": text.strip(), **code}


def current() -> Exercise:
    """The exercise at hand: the one started last, if there is something left to do; else the first that has."""
    known, found = progress_store.read(), exercises()
    open_ = [one for one in found if known.get(one.name, progress_store.ExerciseProgress()).is_open] or found[-1:]
    return max(open_, key=lambda one: known.get(one.name, progress_store.ExerciseProgress()).started, default=found[0])


def newest_file(exercise: Exercise) -> Path | None:
    """The learner's file for an exercise that was saved last: of those started, and one of that name here."""
    files = {Path(file) for file in progress_store.entry(exercise.name).files} | {Path(f"{exercise.name}.py").resolve()}
    return max((file for file in files if file.exists()), key=lambda file: file.stat().st_mtime_ns, default=None)


def belongs_to(file: Path) -> Exercise | None:
    """The exercise that a learner's file was started for, or is named after; None if neither is known."""
    known, path = progress_store.read(), os.fspath(file.resolve())
    for exercise in exercises():
        started = path in known.get(exercise.name, progress_store.ExerciseProgress()).files
        if started or re.fullmatch(rf"{exercise.name}(-\d+)?", file.stem):
            return exercise
    return None
