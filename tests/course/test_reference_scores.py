"""The usual range: what the solution reaches over seeds, and where one more seed lies."""

import json
import random

import numpy as np
import pytest

import mlplab
from mlplab.course.answer import Answer, UsualRange
from mlplab.course.checking import check
from mlplab.course.exercise import find
from mlplab.course.reference_scores import prediction_interval, run_program
from mlplab.datasets.cache import cache_folder
from mlplab.engine import keras
from mlplab.errors import MlplabError


def test_one_more_value_lies_in_the_prediction_interval_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.normal(0.86, 0.004, (1000, 7))
    for confidence in (0.8, 0.98):
        inside = [low <= one <= high for *six, one in draws for low, high in [prediction_interval(six, confidence)]]
        assert np.mean(inside) == pytest.approx(confidence, abs=3 * np.sqrt(confidence * (1 - confidence) / 1000))


def test_constants_take_the_place_of_the_program_s_own(tmp_path):
    program = "seed = 0\ndataset = 'mnist'\nboth = (seed, dataset)\nif True:\n    seed = 5\n"
    made = run_program(program, tmp_path / "program.py", {"seed": 3})
    assert made["both"] == (3, "mnist")
    assert made["seed"] == 5, "only assignments at the top level are taken out"


def test_a_program_runs_apart_from_the_session(tmp_path):
    keras.utils.set_random_seed(7)
    keras.layers.Dense(1)
    number = int(keras.layers.Dense(1).name.rpartition("_")[2])
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    program = "from mlplab import keras\nkeras.utils.set_random_seed(1)\nlayer = keras.layers.Dense(1)\nprint('loud')"
    made = run_program(program, tmp_path / "program.py", {})
    assert made["layer"].name == "dense"
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # noqa: NPY002
    assert keras.layers.Dense(1).name == f"dense_{number + 1}"
    assert mlplab.engine.keras_internals.get_random_seed() == 7


@pytest.mark.slow
def test_the_range_is_trained_once_and_kept(small_digits, caplog):
    caplog.set_level("INFO", logger="mlplab")
    exercise = find("small-digits")
    model = run_program(exercise.solution, small_digits / "solution.py", {})["model"]
    first = check(exercise, {"model": model})
    assert first.passed, first
    assert caplog.text.count("Training the solution with 3 seeds") == 1
    again = check(exercise, {"model": model})
    assert again.ranges == first.ranges
    assert caplog.text.count("Training the solution") == 1

    [kept] = (cache_folder() / "course").glob("small-digits-*.json")
    values = dict(zip("123", first.ranges[0].seeds, strict=True))
    whole = {seed: {"test accuracy": value} for seed, value in values.items()}
    assert json.loads(kept.read_text()) == whole
    kept.write_text(json.dumps(dict(list(whole.items())[:1])))  # as after Ctrl-C: the others are trained
    assert check(exercise, {"model": model}).ranges == first.ranges
    assert "Training the solution with 2 seeds" in caplog.text
    kept.write_text("{")  # damaged: trained again, to the same values
    assert check(exercise, {"model": model}).ranges == first.ranges
    assert json.loads(kept.read_text()) == whole

    solution = small_digits / "solution.py"
    solution.write_text(solution.read_text() + "# another text")
    check(exercise, {"model": model})
    assert caplog.text.count("Training the solution") == 4, "another solution has another range"


@pytest.mark.slow
def test_a_range_that_cannot_be_kept_is_no_reason_to_fail(small_digits, tmp_path, caplog):
    caplog.set_level("INFO", logger="mlplab")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "course").write_text("a file where the folder should be")
    exercise = find("small-digits")
    model = run_program(exercise.solution, small_digits / "solution.py", {})["model"]
    assert check(exercise, {"model": model}).passed
    assert "could not be written" in caplog.text
    assert "so it will be computed again next time" in caplog.text


@pytest.mark.slow
def test_a_solution_that_fails_its_own_check_is_not_the_learner_s_fault(small_digits):
    exercise = find("small-digits")
    model = run_program(exercise.solution, small_digits / "solution.py", {})["model"]
    solution = small_digits / "solution.py"
    solution.write_text(exercise.solution.replace("Dense(16", "Dense(12"), "utf-8")
    with pytest.raises(MlplabError, match=r"did not pass its own check here.* has 12 units"):
        check(exercise, {"model": model})


def test_a_range_is_drawn_in_one_line():
    measured = UsualRange("test accuracy", 0.858, 0.853, 0.868, (0.855, 0.860, 0.866))
    assert str(measured) == "0.858: inside the usual 0.853–0.868"
    line = measured.line()
    assert line == "├────·───────●─────·───────────────·────┤"
    assert len(line) == 41
    near = UsualRange("test accuracy", 0.8528, 0.8531, 0.868, ())
    assert str(near) == "0.8528: below the usual 0.8531–0.8680", "no range that seems to hold what is outside"
    below = UsualRange("test accuracy", 0.5, 0.853, 0.868, (0.855, 0.860))
    assert str(below) == "0.500: below the usual 0.853–0.868"
    assert below.line().startswith("●      ")
    assert below.line().endswith("┤")
    assert str(UsualRange("x", 0.9, 0.853, 0.868, ())).startswith("0.900: above")
    assert UsualRange("x", 0.5, 0.5, 0.5, (0.5,)).line() == "●"


def test_an_answer_travels_as_json_and_shows_itself():
    measured = UsualRange("test accuracy", 0.858, 0.853, 0.868, (0.855, 0.860, 0.866))
    answer = Answer("x", True, "A <b> network: solved.", ("It has 10 parameters",), (measured,), ("Next",))
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer
    text = str(answer).splitlines()
    assert text[0] == "✓ A <b> network: solved."
    assert "  test accuracy 0.858: inside the usual 0.853–0.868" in text
    page = answer._repr_html_()
    assert "A &lt;b&gt; network: solved." in page
    assert answer.figure.axes[0].get_title("left") == "test accuracy"
    assert Answer("x", False, "wrong").figure is None
