"""Every exercise is complete, and its text and hints do not give the solution away."""

import pytest

from mlplab.course import exercises, hint, progress, progress_store, solution
from mlplab.course.exercise import find
from mlplab.errors import MlplabError

NAMES = exercises()["exercise"].tolist()


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


def test_the_solution_opens_after_the_pass():
    with pytest.raises(MlplabError, match=r"opens when you have passed its check\. There are 3 hints left"):
        solution("learning-curve")
    with progress_store.update("learning-curve") as known:
        known.passed = progress_store.now()
    assert find("learning-curve").solution.strip() in solution("learning-curve")
    assert [row["exercise"] for row in progress() if row["passed"]] == ["learning-curve"]
    assert exercises().rows()[3]["state"] == "passed"


@pytest.mark.parametrize("name", NAMES)
def test_the_text_names_what_is_to_be_handed_in(name):
    exercise = find(name)
    assert exercise.required
    last = exercise.text.rpartition("Hand in:")[2]
    for one in exercise.required:
        assert f"`{one}`" in last, f"the text of {name} does not say that {one} must be submitted"


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
