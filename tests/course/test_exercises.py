"""Every exercise is whole: its starter runs and is not the answer, its solution is, and nothing gives it away."""

import inspect

import pytest

from mlplab.course import check, exercises, hint, progress, solution
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program
from mlplab.errors import MlplabError

NAMES = exercises()["exercise"].tolist()
SHORTER = {"challenge": {"epochs": 2}}
"""Constants of a solution that takes longer than a test should; two epochs of it reach the first target."""


def handed_in(name, text, constants=None):
    exercise = find(name)
    made = run_program(text, exercise.folder / "solution.py", constants or {})
    return {asked: made[asked] for asked in exercise.asked if asked in made}


def test_there_are_eight_in_their_order():
    assert NAMES == [
        "softmax-regression",
        "hidden-layer",
        "two-dense-layers",
        "learning-curve",
        "learning-rate",
        "regularisation",
        "another-data-set",
        "challenge",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_starter_runs_and_is_not_the_answer(name, few_seeds):
    answer = check(name, **handed_in(name, find(name).starter))
    assert not answer.passed


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_passes_and_opens_then(name, few_seeds):
    with pytest.raises(MlplabError, match="opens when you have passed its check"):
        solution(name)
    answer = check(name, **handed_in(name, find(name).solution, SHORTER.get(name)))
    assert answer.passed, answer
    assert find(name).solution.strip() in solution(name)
    assert [row["exercise"] for row in progress() if row["passed"]] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_the_text_names_what_is_to_be_handed_in(name):
    exercise = find(name)
    asked = [asked for asked, parameter in exercise.asked.items() if parameter.default is inspect.Parameter.empty]
    assert asked
    last = exercise.text.rpartition("Hand in:")[2]
    for one in asked:
        assert f"`{one}`" in last, f"the text of {name} does not say that {one} is to be handed in"


@pytest.mark.parametrize("name", NAMES)
def test_neither_text_nor_hints_give_the_solution(name):
    exercise = find(name)
    given = set(exercise.starter.splitlines())
    own = [line.strip() for line in exercise.solution.splitlines() if line.strip() and line not in given]
    assert own
    for line in own:
        if len(line) > 12:
            assert line not in exercise.text
            assert all(line not in part for part in exercise.hints)


@pytest.mark.parametrize("name", NAMES)
def test_hints_come_one_after_the_other(name):
    count = len(find(name).hints)
    assert count >= 3
    shown = [hint(name) for _ in range(count + 1)]
    assert len(set(shown)) == count
    assert shown[0].startswith(f"**Hint 1 of {count}.**")
    assert shown[-1] == shown[-2]
