"""Exercises with an instant check, in a notebook and on the command line (`mlplab course`).

exercise.py          an exercise: a folder in exercises/ with text, starter, checks, hints and solution
checks/              the building blocks of checks
checking.py          checks submitted values; answer.py: the answer that a learner sees
reference_scores.py  values that the solution reaches with several seeds
targets.py           the challenge's targets for the validation accuracy, and the board of results
progress_store.py    a learner's progress on disk
sandbox.py           checks a learner's file in a separate process
starting.py          writes the file to start with
offline_folder.py    runs the script that fills a folder for a class without a network

Example:
    print(mlplab.course.exercises())
    print(mlplab.course.text("softmax-regression"))
"""

from dataclasses import replace
from typing import Any

from mlplab.course import checking, progress_store, starting, targets
from mlplab.course.answer import Answer
from mlplab.course.exercise import find
from mlplab.errors import MlplabError, UsageError, unknown_name
from mlplab.table import Table

__all__ = ["Answer", "Text", "check", "exercises", "hint", "progress", "solution", "text"]


_NOT_GIVEN = object()
"""Marks a missing argument; a learner may well submit None."""


class Text(str):
    """Markdown: a notebook renders it, print shows the source."""

    def _repr_markdown_(self) -> str:
        return str(self)

    __repr__ = str.__str__


def check(exercise: str, model: Any = _NOT_GIVEN, **more: Any) -> Answer:
    """Check your result for an exercise. A notebook shows the answer formatted.

    The first check of an exercise trains its solution with several seeds, to know the usual range, which takes some
    seconds.

    Args:
        exercise: its name.
        model: the Keras model, if the exercise asks for `model`.
        more: the other values that it asks for, by the names in its text.

    Returns:
        `Answer`: `.passed`, `.message`, `.figure`. A wrong answer raises no error.

    Raises:
        UsageError: if there is no such exercise, or it does not ask for one of the names.
    """
    chosen = find(exercise)
    names = {**({} if model is _NOT_GIVEN else {"model": model}), **more}
    for name in names:
        if name not in chosen.parameters:
            raise UsageError(unknown_name(f"name for {exercise}", name, chosen.parameters))
    answer = checking.check(chosen, names)
    solved, stuck = f'The solution is open: course.solution("{exercise}")', f'A hint: course.hint("{exercise}")'
    return replace(answer, details=(*answer.details, solved if answer.passed else stuck))


def text(exercise: str) -> Text:
    """Return the task of an exercise."""
    return Text(find(exercise).text)


def hint(exercise: str) -> Text:
    """Return the next hint, from a nudge to nearly everything. After the last one it repeats that."""
    hints = find(exercise).hints
    with progress_store.update(exercise) as progress:
        progress.hints = number = min(progress.hints + 1, len(hints))
    return Text(f"**Hint {number} of {len(hints)}.** {hints[number - 1]}")


def solution(exercise: str) -> Text:
    """Return the solution of an exercise that you have passed.

    Raises:
        MlplabError: if you have not passed it; the message says how many hints remain.
    """
    chosen, progress = find(exercise), progress_store.progress_of(exercise)
    if not progress.passed:
        count = len(chosen.hints) - progress.hints
        remaining = f"There {'is a hint' if count == 1 else f'are {count} hints'} left."
        raise MlplabError(
            f"The solution of {exercise} opens when you have passed its check. "
            f"{remaining if count else 'You have seen all hints.'}"
        )
    return Text(f"```python\n{chosen.solution.strip()}\n```")


def exercises() -> Table:
    """Return all exercises in their order.

    Returns:
        Table of exercise, title, state ("passed", "begun", or "").
    """
    rows = [
        {"exercise": exercise.name, "title": exercise.title, "state": known.state}
        for exercise, known in starting.progress_by_exercise().items()
    ]
    return Table.of_rows(rows, "Exercises")


def progress(exercise: str | None = None) -> Table:
    """Return your progress or, for an exercise with targets, the board of your results.

    Args:
        exercise: an exercise with targets.

    Returns:
        Table of exercise, attempts, hints, passed (a date, or ""); or the board, see `targets.board`.
    """
    if exercise is not None:
        return targets.board(find(exercise).name)
    rows = [
        {"exercise": exercise.name, "attempts": known.attempts, "hints": known.hints, "passed": known.passed[:10]}
        for exercise, known in starting.progress_by_exercise().items()
    ]
    return Table.of_rows(rows, f"{sum(bool(row['passed']) for row in rows)} of {len(rows)} exercises passed")
