"""Exercises one can check oneself against, in a notebook as on the command line (`mlplab course`).

exercise.py    an exercise: a folder in exercises/ with its text, starter, checks, hints and solution
checks/        what checks are made of
checking.py    what was handed in → answer.py
usual.py       what the solution reaches over seeds
targets.py     targets, claimed on validation rows, and the board
record.py      a learner's progress, on disk
attempt.py     a learner's file, run in a process of its own
starting.py    a file to begin with
stick/         all that a class needs without a network
"""

from dataclasses import replace
from typing import Any

import numpy as np

from mlplab.course import checking, progress_store, targets
from mlplab.course.answer import Answer
from mlplab.course.exercise import Exercise, find
from mlplab.course.exercise import exercises as _all
from mlplab.errors import MlplabError, UsageError, unknown_name
from mlplab.table import Table

__all__ = ["Answer", "Text", "check", "exercises", "hint", "progress", "solution", "text"]


_NOTHING = object()
"""Of an argument that was not given; None is what a learner may well hand in."""


class Text(str):
    """Markdown that a notebook shows as such; printed, it is the text."""

    def _repr_markdown_(self) -> str:
        return str(self)

    __repr__ = str.__str__


def check(exercise: str, model: Any = _NOTHING, **more: Any) -> Answer:
    """Check what you made for an exercise. In a notebook the answer shows itself.

    The first check of an exercise trains its solution with several seeds, to know the usual range, which takes some
    seconds.

    Args:
        exercise: its name.
        model: the Keras model that it asks for, if it asks for one of that name.
        more: what else it asks for, by the names in its text.

    Returns:
        `Answer`: `.passed`, `.message`, `.figure`. A wrong answer is no error.

    Raises:
        UsageError: if there is no such exercise, or it does not ask for such a thing.
    """
    found = find(exercise)
    answer = checking.check(found, _named(found, {**({} if model is _NOTHING else {"model": model}), **more}))
    then = (
        f'The solution is open: course.solution("{exercise}")'
        if answer.passed
        else f'A hint: course.hint("{exercise}")'
    )
    return replace(answer, details=(*answer.details, then))


def _named(exercise: Exercise, given: dict[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in exercise.asked:
            raise UsageError(unknown_name(f"name for {exercise.name}", name, exercise.asked))
    return given


def text(exercise: str) -> Text:
    """The task."""
    return Text(find(exercise).text)


def hint(exercise: str) -> Text:
    """The next hint: from a nudge to nearly everything. After the last one, all of them again."""
    found = find(exercise)
    with progress_store.changing(exercise) as entry:
        entry.hints = min(entry.hints + 1, len(found.hints))
        shown = entry.hints
    return Text(f"**Hint {shown} of {len(found.hints)}.** {found.hints[shown - 1]}")


def solution(exercise: str) -> Text:
    """The solution, once the exercise is passed.

    Raises:
        MlplabError: before that; the message says how many hints are left.
    """
    found = find(exercise)
    entry = progress_store.entry(exercise)
    if not entry.passed:
        left = len(found.hints) - entry.hints
        raise MlplabError(
            f"The solution of {exercise} opens when you have passed its check. "
            + (
                f"There {'is a hint' if left == 1 else f'are {left} hints'} left."
                if left
                else "You have seen all hints."
            )
        )
    return Text(f"```python\n{found.solution.strip()}\n```")


def exercises() -> Table:
    """All exercises, in their order.

    Returns:
        Table of exercise, title, state ("passed", "begun", or "").
    """
    known, found = progress_store.read(), _all()
    states = [known.get(exercise.name, progress_store.ExerciseProgress()) for exercise in found]
    return Table(
        {
            "exercise": np.array([exercise.name for exercise in found]),
            "title": np.array([exercise.title for exercise in found]),
            "state": np.array(
                ["passed" if e.passed else "begun" if e.attempts or e.files else "" for e in states], str
            ),
        },
        "Exercises",
    )


def progress(exercise: str | None = None) -> Table:
    """How far you are; of an exercise with targets, the board of your results.

    Args:
        exercise: one with targets.

    Returns:
        Table of exercise, attempts, hints, passed (a date, or ""); or the board, see `targets.board`.
    """
    if exercise is not None:
        return targets.board(find(exercise).name)
    known, found = progress_store.read(), _all()
    entries = [known.get(exercise.name, progress_store.ExerciseProgress()) for exercise in found]
    passed = sum(bool(entry.passed) for entry in entries)
    return Table(
        {
            "exercise": np.array([one.name for one in found]),
            "attempts": np.array([entry.attempts for entry in entries]),
            "hints": np.array([entry.hints for entry in entries]),
            "passed": np.array([entry.passed[:10] for entry in entries], str),
        },
        f"{passed} of {len(found)} exercises passed",
    )
