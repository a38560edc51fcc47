"""Task 3 of the notebook: wrong results and right ones. The solution is trained once."""

import re

import numpy as np
import pytest
from programs import answer_to, copy, run

import mlplab
from mlplab import course, keras

NAME = "another-data-set"
ASKED = ("mnist_model", "fashion_model", "hardest")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solved():
    return run(NAME)


def trained(made, largest=1, roll=0):
    """A model for the clothes, trained for an epoch, of which the history says six; `roll` mixes up the classes."""
    model = keras.models.clone_model(made["fashion_model"])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    mlplab.fit(model, made["X_train"] * largest, np.roll(made["Y_train"], roll, axis=1), batch_size=128, verbose=0)
    return copy(model, epochs=6)


def saying_coat(made):
    """A model for the clothes that predicts Coat a little too often."""
    model = copy(made["fashion_model"])
    bias = np.array(model.layers[-1].bias)
    bias[made["class_names"].index("Coat")] += 0.5
    model.layers[-1].bias.assign(bias)
    return model


WRONG = {
    "swapped": (
        lambda made: {"mnist_model": made["fashion_model"], "fashion_model": made["mnist_model"]},
        "`mnist_model` and `fashion_model` are swapped: the first was trained on Fashion-MNIST, the second on MNIST.",
    ),
    "both trained on the clothes": (
        lambda made: {"mnist_model": copy(made["fashion_model"])},
        "`mnist_model`: Your model was trained on fashion-mnist: its test accuracy there is #, and # on mnist, which "
        "this check is about.",
    ),
    "labels out of order": (
        lambda made: {"fashion_model": trained(made, roll=1)},
        "`fashion_model`: Your test accuracy on fashion-mnist is #. An accuracy so low has two usual reasons: the "
        "pixels were not divided by 255 before training, or images and labels are in different orders.",
    ),
    "the easiest class": (
        lambda made: {"hardest": made["class_names"][np.argmax(made["right"])]},
        "`hardest` is #, the class with the highest accuracy of your fashion_model; the task asks for the one with the "
        "lowest.",
    ),
    "the class that is predicted wrongly most often": (
        lambda made: {"fashion_model": saying_coat(made), "hardest": "Coat"},
        "`hardest` is Coat, the class that your fashion_model predicts most often for images of other classes. The "
        "task asks for the reverse: for which class's own images is its accuracy lowest?",
    ),
    "another class": (
        lambda made: {"hardest": "Dress"},
        "`hardest` is Dress: your fashion_model's accuracy on its images is #, and lower on those of another class.",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_result_has_its_message(what, solved):
    change, message = WRONG[what]
    answer = answer_to(NAME, {**solved, **change(solved)})
    assert not answer.passed
    assert re.fullmatch(r"[\w./ -]+".join(map(re.escape, message.split("#"))), answer.message), answer.message


def test_pixels_that_are_not_scaled_are_named(solved):
    answer = answer_to(NAME, {**solved, "fashion_model": trained(solved, largest=255)})
    assert not answer.passed
    assert re.search("divided? .*by 255", answer.message, re.IGNORECASE), answer.message


def test_the_solution_passes_with_any_string_for_the_class(solved, monkeypatch):
    mnist, fashion = (0.9479, 0.9472, 0.9482), (0.8523, 0.8527, 0.8457)  # what three seeds of the solution reached
    usual = {"test accuracy on mnist": mnist, "test accuracy on fashion-mnist": fashion}
    monkeypatch.setattr("mlplab.course.checking.usual_values", lambda *_: usual)
    for hardest in (solved["hardest"], np.str_(f" {solved['hardest'].lower()} ")):
        answer = answer_to(NAME, {**solved, "hardest": hardest})
        assert answer.passed, answer


JUNK = [None, "", "8", "shoe", 6, 0.6, True, [], ["Shirt"], {"a": None}, np.zeros(3), object(), dict]


@pytest.mark.parametrize("name", ASKED)
def test_anything_else_is_answered_too(name, solved):
    for junk in JUNK:
        answer = course.check(NAME, **{**{key: solved[key] for key in ASKED}, name: junk})
        assert not answer.passed
        assert answer.message.startswith(f"`{name}`")
