"""Targets are claimed once, in the order of the learner's results, and the test set is looked at no more often."""

import pytest

from mlplab.course import progress, progress_store, targets
from mlplab.course.checks.findings import Target, WrongAnswer

TARGETS = (0.87, 0.885, 0.895)


def submit(value, looks, test=0.88):
    def look():
        looks.append(value)
        return test, 10_000

    return targets.submit("challenge", Target(value, 10_000, TARGETS, look, f"a network of {value}"))


def test_the_test_accuracy_is_shown_once_a_target():
    looks = []
    message, said = submit(0.872, looks)
    assert message == "Target 0.87 claimed."
    assert "Test accuracy, shown once for it: 0.8800 (0.873–0.886)." in said
    assert said[-1] == "1 of 3 targets claimed; the next is 0.885."
    assert progress_store.progress_of("challenge").is_open
    message, said = submit(0.88, looks)
    assert message == "It reaches 0.87, which you have claimed before."
    assert "The test accuracy stays hidden." in said
    assert looks == [0.872]
    message, said = submit(0.9, looks, test=0.89)
    assert message == "Targets 0.885, 0.895 claimed."
    assert said[-1] == "You have claimed all targets."
    assert looks == [0.872, 0.9]
    assert progress_store.progress_of("challenge").unclaimed == 0


def test_a_result_below_all_targets_is_on_the_board_and_wrong():
    looks = []
    with pytest.raises(WrongAnswer, match=r"Your validation accuracy is 0\.8600; the first target is 0\.87\."):
        submit(0.86, looks)
    assert looks == []
    assert progress("challenge")["validation"].tolist() == [0.86]


def test_the_board_has_all_results_best_first():
    for value in (0.88, 0.9, 0.872):
        submit(value, [])
    board = progress("challenge")
    assert board["validation"].tolist() == [0.9, 0.88, 0.872]
    assert board["settings"][0] == "a network of 0.9"
    assert [row["test"] for row in board] == [0.88, 0.88, None]
    assert (board["validation_low"] < board["validation"]).all()
    assert (board["validation"] < board["validation_high"]).all()
    assert board.figure.axes[0].get_xlabel() == "validation accuracy"


def test_an_empty_board_is_no_error():
    assert len(progress("challenge")) == 0


def test_nothing_is_claimed_where_the_look_at_the_test_set_finds_something_wrong():
    def look():
        raise WrongAnswer("It was trained on the validation images.")

    with pytest.raises(WrongAnswer, match="trained on the validation images"):
        targets.submit("challenge", Target(0.93, 10_000, TARGETS, look, "a network"))
    assert progress_store.progress_of("challenge") == progress_store.ExerciseProgress()
