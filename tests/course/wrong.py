"""A table of wrong answers: each is the solution with an edit, and has its message."""

from typing import NamedTuple

from mlplab.course.answer import Answer
from mlplab.course.checking import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program


class Wrong(NamedTuple):
    """A row.

    Attributes:
        what: was done wrong.
        old, new: the edit of the solution's text; `old` occurs in it.
        message: the answer's first line.
        trained: False leaves calls of `fit` out, for what is wrong with a model that need not be trained to see it.
    """

    what: str
    old: str
    new: str
    message: str
    trained: bool = False

    def answer(self, name: str) -> Answer:
        """Of the exercise's check to the edited solution."""
        exercise = find(name)
        text = exercise.solution
        assert self.old in text, f"{self.old!r} is not in the solution of {name}"
        text = text.replace(self.old, self.new)
        if not self.trained:
            text = "\n".join(line for line in text.splitlines() if "mlplab.fit(" not in line)
        return check(exercise, run_program(text, exercise.folder / "solution.py", {}))
