"""From what a learner hands in to an answer: the exercise's check is followed until something is wrong.

A check is a generator function, `check` in an exercise's checks.py. It yields one after the other what it has found
(`findings`), and raises `Wrong` where something does not hold.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mlplab.course import progress_store, targets
from mlplab.course.answer import Answer, Range, joined
from mlplab.course.checks.findings import Measured, Target, Wrong
from mlplab.course.exercise import Exercise
from mlplab.course.reference_scores import prediction_interval, usual_values
from mlplab.errors import DataError, FetchError, MlplabError, ModelError, UsageError


def check(exercise: Exercise, names: Mapping[str, Any]) -> Answer:
    """The answer to what was handed in, by name. It is recorded as an attempt, and as passed where it is.

    Raises:
        MlplabError: if progress cannot be written, or a data set is not to be had.
    """
    answer = _answer(exercise, names)
    with progress_store.changing(exercise.name) as entry:
        entry.attempts += 1
        if answer.passed and not entry.passed:
            entry.passed = progress_store.now()
    return answer


def _answer(exercise: Exercise, names: Mapping[str, Any]) -> Answer:
    wanted = [name for name, asked in exercise.asked.items() if asked.default is asked.empty]
    if missing := [name for name in wanted if name not in names]:
        names_ = "this name" if len(wanted) == 1 else "these names"
        said = f"There is no {joined(missing)}: the task asks for {joined(wanted)}, by {names_}."
        return Answer(exercise.name, False, said)
    holds: list[str] = []
    ranges: list[Range] = []
    details: list[str] = []
    message = f"{exercise.title}: solved."
    try:
        for found in _findings(exercise, names):
            if isinstance(found, Measured):
                ranges.append(_range(exercise, names, found))
                _judge(ranges[-1], found)
            elif isinstance(found, Target):
                message, lines = targets.handed_in(exercise.name, found)
                details += lines
            else:
                holds.append(found)
    except Wrong as wrong:
        return Answer(exercise.name, False, str(wrong), tuple(holds), tuple(ranges), tuple(details))
    return Answer(exercise.name, True, message, tuple(holds), tuple(ranges), tuple(details))


def _findings(exercise: Exercise, names: Mapping[str, Any]) -> Iterator[str | Measured | Target]:
    """What the check finds. A model of one's own may raise anything when it is asked: that is wrong, too."""
    try:
        yield from exercise.check(**{name: names[name] for name in exercise.asked if name in names})
    except (Wrong, DataError, FetchError, UsageError):
        raise
    except ModelError as error:
        raise Wrong(str(error)) from error
    except Exception as error:  # a layer, loss or object of the learner's own may raise anything
        raise Wrong(f"The check could not go on: what you handed in raised {type(error).__name__}: {error}") from error


def _range(exercise: Exercise, names: Mapping[str, Any], found: Measured) -> Range:
    """The learner's value beside the solution's, trained with the same choices: what may be left out, and was not."""
    optional = {name for name, asked in exercise.asked.items() if asked.default is not asked.empty}
    chosen = {name: names[name] for name in optional & names.keys()}
    values = usual_values(exercise, chosen, lambda made: _measured(exercise, made))[found.name]
    low, high = prediction_interval(values)
    if all(0 <= value <= 1 for value in values):  # shares of something
        low, high = max(0.0, low), min(1.0, high)
    return Range(found.name, found.value, low, high, values)


def _measured(exercise: Exercise, names: Mapping[str, Any]) -> dict[str, float]:
    """Of the solution. What its own check finds wrong with it is nothing that the learner did."""
    try:
        return {one.name: one.value for one in _findings(exercise, names) if isinstance(one, Measured)}
    except Wrong as wrong:
        raise MlplabError(
            f"The solution of {exercise.name} did not pass its own check here, so that there is no usual range: "
            f"{wrong} Please tell the exercise's author."
        ) from wrong


def _judge(measured: Range, found: Measured) -> None:
    advice = None if measured.inside else found.below if measured.value < measured.low else found.above
    if advice is not None:
        raise Wrong(f"Your {measured.name} is {measured}. {advice}")
