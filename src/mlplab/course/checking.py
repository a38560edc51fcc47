"""Check what a learner submits: run the exercise's check until something is wrong, and return the answer.

A check is a generator function, `check` in an exercise's checks.py. It yields one finding after the other (`findings`),
and raises `WrongAnswer` for the first mistake.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlplab.course import progress_store, targets
from mlplab.course.answer import Answer, UsualRange, join_names
from mlplab.course.checks.findings import Measured, Target, WrongAnswer
from mlplab.course.exercise import Exercise
from mlplab.course.reference_scores import prediction_interval, usual_values
from mlplab.errors import DataError, FetchError, MissingPackageError, MlplabError, ModelError, UsageError


def check(exercise: Exercise, names: Mapping[str, Any]) -> Answer:
    """Return the answer to the submitted values, by name, and record the attempt.

    Raises:
        MlplabError: if progress cannot be written, or a data set cannot be fetched.
    """
    return record(_answer(exercise, names))


def record(answer: Answer) -> Answer:
    """Count the attempt, keep when the exercise was first passed, and return the answer."""
    with progress_store.update(answer.exercise) as progress:
        progress.attempts += 1
        if answer.passed and not progress.passed:
            progress.passed = progress_store.now()
    return answer


def _answer(exercise: Exercise, names: Mapping[str, Any]) -> Answer:
    required = exercise.required
    if missing := [name for name in required if name not in names]:
        these = "this name" if len(required) == 1 else "these names"
        message = f"There is no {join_names(missing)}: the task asks for {join_names(required)}, by {these}."
        return Answer(exercise.name, False, message)
    holds: list[str] = []
    ranges: list[UsualRange] = []
    details: list[str] = []
    passed, message = True, f"{exercise.title}: solved."
    try:
        for finding in _findings(exercise, names):
            if isinstance(finding, Measured):
                usual = _usual_range(exercise, names, finding)
                ranges.append(usual)
                advice = finding.below if usual.value < usual.low else finding.above
                if not usual.inside and advice is not None:
                    raise WrongAnswer(f"Your {usual.name} is {usual}. {advice}")
            elif isinstance(finding, Target):
                message, lines = targets.submit(exercise.name, finding)
                details += lines
            else:
                holds.append(finding)
    except WrongAnswer as wrong:
        passed, message = False, str(wrong)
    return Answer(exercise.name, passed, message, tuple(holds), tuple(ranges), tuple(details))


def _findings(exercise: Exercise, names: Mapping[str, Any]) -> Iterator[str | Measured | Target]:
    """Yield the findings of the check. An exception from the learner's own code is a wrong answer, too."""
    try:
        yield from exercise.check(**{name: names[name] for name in exercise.parameters if name in names})
    except (WrongAnswer, DataError, FetchError, MissingPackageError, UsageError):
        raise
    except ModelError as error:
        raise WrongAnswer(str(error)) from error
    except Exception as error:  # a learner's own layer, loss or object may raise anything
        raise WrongAnswer(f"The check had to stop, because your code raised {type(error).__name__}: {error}") from error


def _usual_range(exercise: Exercise, names: Mapping[str, Any], measured: Measured) -> UsualRange:
    """Compare the value with the solution's, trained with the same optional choices (such as `dataset`)."""
    choices = {name: names[name] for name in exercise.parameters if name in names and name not in exercise.required}
    values = usual_values(exercise, choices, lambda made: _measure_solution(exercise, made))[measured.name]
    low, high = prediction_interval(values)
    if all(0 <= value <= 1 for value in values):  # accuracies
        low, high = max(0.0, low), min(1.0, high)
    return UsualRange(measured.name, measured.value, low, high, values)


def _measure_solution(exercise: Exercise, names: Mapping[str, Any]) -> dict[str, float]:
    try:
        return {item.name: item.value for item in _findings(exercise, names) if isinstance(item, Measured)}
    except WrongAnswer as wrong:  # a mistake of the exercise, not of the learner
        raise MlplabError(
            f"The solution of {exercise.name} did not pass its own check here, so that there is no usual range: "
            f"{wrong} Please report it to the exercise's author."
        ) from wrong
