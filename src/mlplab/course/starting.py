"""Write the file that a learner starts an exercise with. Existing files stay: a second one gets a number."""

import json
import os
import re
from pathlib import Path
from typing import Any

from mlplab.course import progress_store
from mlplab.course.exercise import Exercise, exercises
from mlplab.datasets.published.catalog import find_entry
from mlplab.datasets.published.fetch import fetch_entry, is_on_disk
from mlplab.errors import MlplabError


def start(exercise: Exercise, folder: Path, notebook: bool = False) -> Path:
    """Write the starter into the folder, as EXERCISE.py, EXERCISE-2.py, …, and return its path.

    Args:
        notebook: write a notebook, EXERCISE.ipynb, with the task above and the check below.

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
                f"{path} cannot be written: {error.strerror}. Change to a folder that you may write to."
            ) from error
    with progress_store.update(exercise.name) as progress:
        progress.files.append(os.fspath(path.resolve()))
        progress.started = progress_store.now()
    return path


def fetch_data(exercise: Exercise) -> None:
    """Fetch the data sets of an exercise, so that it needs no network afterwards.

    Raises:
        FetchError: if no source has one of them.
    """
    for entry in map(find_entry, exercise.datasets):
        if not is_on_disk(entry):
            fetch_entry(entry)


def as_notebook(exercise: Exercise) -> dict[str, Any]:
    """Return the task, the starter's cells and a cell with the check as a notebook of format 4."""
    _, *cells = re.split(r"^# %%[ ]?", exercise.starter, flags=re.MULTILINE)
    arguments = ", ".join(f"{name}={name}" for name in exercise.required)
    check = f'from mlplab import course\n\ncourse.check("{exercise.name}", {arguments})'
    parts = [("markdown", exercise.text), *(("code", _code(cell)) for cell in cells), ("code", check)]
    return {
        "cells": [_cell(number, kind, text) for number, (kind, text) in enumerate(parts)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _code(cell: str) -> str:
    """Return the lines of a cell; its title, behind the `# %%`, becomes a comment."""
    title, _, code = cell.partition("\n")
    return (f"# {title}\n" if title.strip() else "") + code


def _cell(number: int, kind: str, text: str) -> dict[str, Any]:
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": text.strip(), **code}


def current() -> Exercise:
    """Return the current exercise: the one started last among those with something to do, or the first of them."""
    progress = progress_by_exercise()
    unfinished = [exercise for exercise, known in progress.items() if known.is_open] or list(progress)[-1:]
    return max(unfinished, key=lambda exercise: progress[exercise].started)


def progress_by_exercise() -> dict[Exercise, progress_store.ExerciseProgress]:
    """Return the progress in all exercises, in their order."""
    known = progress_store.read_all()
    return {exercise: known.get(exercise.name, progress_store.ExerciseProgress()) for exercise in exercises()}


def newest_file(exercise: Exercise) -> Path | None:
    """Return the learner's file that was saved last: one that was started, or NAME.py in this folder."""
    files = map(Path, [*progress_store.progress_of(exercise.name).files, Path(f"{exercise.name}.py").resolve()])
    return max((file for file in files if file.exists()), key=lambda file: file.stat().st_mtime_ns, default=None)


def exercise_of(file: Path) -> Exercise | None:
    """Return the exercise that a learner's file was started for or is named after; None for other files."""
    path = os.fspath(file.resolve())
    for exercise, progress in progress_by_exercise().items():
        if path in progress.files or re.fullmatch(rf"{exercise.name}(-\d+)?", file.stem):
            return exercise
    return None
