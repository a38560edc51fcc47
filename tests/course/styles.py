"""Solutions with edits, trained on the small data set `digits`: what shows only in training, and other styles."""

from mlplab.course.answer import Answer
from mlplab.course.checking import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program


def on_digits(name: str, *edits: tuple[str, str]) -> Answer:
    """The answer to the solution of an exercise, with the edits (old, new), trained on digits."""
    exercise = find(name)
    text = exercise.solution
    for old, new in edits:
        assert old in text, f"{old!r} is not in the solution of {name}"
        text = text.replace(old, new)
    return check(exercise, run_program(text, exercise.folder / "solution.py", {"dataset": "digits"}))
