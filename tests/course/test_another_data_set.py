"""Task 3 of the notebook: its wrong answers, and right ones in another style."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wrong import Wrong

import mlplab
from mlplab import course, keras
from mlplab.course.answer import Answer
from mlplab.course.exercise import find
from mlplab.course.reference_scores import run_program

NAME = "another-data-set"
ASKED = ("mnist_model", "fashion_model", "hardest")
Names = dict[str, Any]

CLOTHES = "fashion_model = train(X_train, Y_train)"
WRONG = [
    Wrong(
        "an extra layer",
        "    outputs =",
        '    x = layers.Dense(20, activation="relu")(x)\n    outputs =',
        "`mnist_model`: Your model has 2 hidden Dense layers; the task asks for 1.",
    ),
    Wrong(
        "50 units",
        "Dense(20",
        "Dense(50",
        "`mnist_model`: Your first Dense layer has 50 units; the task asks for 20.",
    ),
    Wrong(
        "sigmoid in place of relu",
        "relu",
        "sigmoid",
        "`mnist_model`: Your first Dense layer has the activation sigmoid; the task asks for the activation relu.",
    ),
    Wrong(
        "softmax twice",
        "    model = keras.Model(",
        "    outputs = layers.Softmax()(outputs)\n    model = keras.Model(",
        "`mnist_model`: Your model has softmax twice: the output layer has it, and a layer after it once more. "
        "Take one away.",
    ),
    Wrong(
        "no bias",
        "Dense(20,",
        "Dense(20, use_bias=False,",
        "`mnist_model`: Your model has 15,890 parameters that are trained; the task's has 15,910. "
        "Does every layer have its bias?",
    ),
    Wrong(
        "another loss",
        "categorical_crossentropy",
        "mean_squared_error",
        "`mnist_model`: Your loss is mean_squared_error; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "a loss for class numbers",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
        "`mnist_model`: Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
        "It wants class numbers; the labels here are one-hot, (n, 10).",
    ),
    Wrong(
        "another optimizer",
        '"adam"',
        '"sgd"',
        "`mnist_model`: Your optimizer is sgd; the task asks for adam.",
    ),
    Wrong(
        "another network for the clothes",
        CLOTHES,
        'fashion_model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(10, "softmax")])',
        "`fashion_model`: Your model has no hidden Dense layers; the task asks for 1.",
    ),
    Wrong(
        "one model handed in twice",
        CLOTHES,
        "fashion_model = mnist_model",
        "`mnist_model` and `fashion_model` are one and the same model; the task asks for two.",
    ),
    Wrong(
        "two models of the same layers",
        CLOTHES,
        "fashion_model = keras.Model(mnist_model.inputs, mnist_model.outputs)",
        "`mnist_model` and `fashion_model` share their weights: what one learns, the other forgets. "
        "Build new layers for the second.",
    ),
    Wrong(
        "the class's number",
        "class_names[np.argmin(right)]",
        "np.argmin(right)",
        "`hardest` is the number #; the task asks for the name of a class, in quotes.",
    ),
    Wrong(
        "the class's number as text",
        "class_names[np.argmin(right)]",
        '"6"',
        "`hardest` is '6'; the task asks for the name of a class of Fashion-MNIST.",
    ),
    Wrong(
        "a name misspelt",
        "class_names[np.argmin(right)]",
        '"Ankel boot"',
        "`hardest`: Unknown class 'Ankel boot'. Did you mean 'Ankle boot'?",
    ),
    Wrong(
        "the share in place of the name",
        "class_names[np.argmin(right)]",
        "np.min(right)",
        "`hardest` is a float64; the task asks for the name of a class, in quotes.",
    ),
    Wrong(
        "not trained",
        "",
        "",
        "`mnist_model`: Your model is not trained: its optimizer has not taken a step. "
        "mlplab.fit(model, …) is missing.",
    ),
]


def matches(answer: Answer, message: str) -> bool:
    """Whether its first line is the message, in which # is any number or class."""
    return bool(re.fullmatch(r"[\w./ -]+".join(re.escape(part) for part in message.split("#")), answer.message))


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_each_wrong_answer_has_its_message(wrong):
    answer = wrong.answer(NAME)
    assert not answer.passed
    assert matches(answer, wrong.message), answer.message


@pytest.fixture(scope="module")
def solved() -> Names:
    """What the solution makes."""
    exercise = find(NAME)
    return run_program(exercise.solution, exercise.folder / "solution.py", {})


def trained(made: Names, images: int = 60_000, largest: float = 1, roll: int = 0, **more: Any) -> keras.Model:
    """A model for the clothes, otherwise trained than asked; `roll` gives each image another one's label."""
    model = keras.models.clone_model(made["fashion_model"])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    how = {"epochs": 6, "batch_size": 128, "verbose": 0, "seed": 7, **more}
    targets = np.roll(made["Y_train"], roll, axis=0)
    mlplab.fit(model, made["X_train"][:images] * largest, targets[:images], **how)
    return model


def saying_coat(made: Names) -> keras.Model:
    """A model for the clothes that says Coat a little too often."""
    model = trained(made)
    bias = np.array(model.layers[-1].bias)
    bias[made["class_names"].index("Coat")] += 0.5
    model.layers[-1].bias.assign(bias)
    return model


CHANGED: dict[str, tuple[Callable[[Names], Names], str]] = {
    "swapped": (
        lambda made: {"mnist_model": made["fashion_model"], "fashion_model": made["mnist_model"]},
        "`mnist_model` and `fashion_model` are swapped: the first was trained on Fashion-MNIST, the second on MNIST.",
    ),
    "both trained on the clothes": (
        lambda made: {"mnist_model": trained(made)},
        "`mnist_model`: Your model was trained on fashion-mnist: it gets # of its test images right, and # of those "
        "of mnist, which this check is about.",
    ),
    "labels out of order": (
        lambda made: {"fashion_model": trained(made, roll=1)},
        "Your test accuracy on fashion-mnist is #: below the usual #–#. So few are right where the pixels were not "
        "divided by 255 before training, or where images and labels got out of order.",
    ),
    "the easiest class": (
        lambda made: {"hardest": made["class_names"][np.argmax(made["right"])]},
        "`hardest` is #, the class that your fashion_model gets right most often; the task asks for the one that it "
        "gets right least often.",
    ),
    "the class that is said wrongly most often": (
        lambda made: {"fashion_model": saying_coat(made), "hardest": "Coat"},
        "`hardest` is Coat, which your fashion_model says wrongly most often, of images of other classes. "
        "The task asks the other way round: of which class's own images does it get the fewest right?",
    ),
    "another class": (
        lambda made: {"hardest": "Dress"},
        "`hardest` is Dress: your fashion_model gets # of its images right, and fewer of those of another class.",
    ),
    "too few epochs": (
        lambda made: {"fashion_model": trained(made, epochs=1)},
        "`fashion_model`: Your model was trained for 1 epoch; the task asks for 6.",
    ),
    "other batches": (
        lambda made: {"fashion_model": trained(made, epochs=1, batch_size=256)},
        "`fashion_model`: Your batches have 256 images; the task asks for 128.",
    ),
}


def checked(made: Names, changes: Names) -> Answer:
    return course.check(NAME, **{name: {**made, **changes}[name] for name in ASKED})


@pytest.mark.parametrize("what", CHANGED)
def test_each_wrong_result_has_its_message(what, solved, few_seeds):
    change, message = CHANGED[what]
    answer = checked(solved, change(solved))
    assert not answer.passed
    assert matches(answer, message), answer.message


def test_pixels_that_are_not_scaled_are_named(solved, few_seeds):
    answer = checked(solved, {"fashion_model": trained(solved, largest=255)})
    assert not answer.passed
    assert re.search("divided? .*by 255", answer.message, re.IGNORECASE), answer.message


RIGHT: dict[str, Callable[[Names], Names]] = {
    "as the solution has it": lambda made: {},
    "a NumPy string, with small letters": lambda made: {"hardest": np.str_(f" {made['hardest'].lower()} ")},
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_pass(style, solved, few_seeds):
    answer = checked(solved, RIGHT[style](solved))
    assert answer.passed, answer


def test_a_sequential_model_trained_by_keras_passes(solved, few_seeds):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Reshape((784,)), keras.layers.Dense(20), keras.layers.ReLU(), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Softmax()])
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(), optimizer=keras.optimizers.Adam())
    classes = solved["Y_train"].argmax(1).astype("int32")
    mlplab.fit(model, solved["X_train"], classes, epochs=4, batch_size=128, verbose=0)
    mlplab.fit(model, solved["X_train"], classes, epochs=2, batch_size=128, verbose=0)
    outputs = mlplab.predict(model, solved["X_test"], verbose=0)
    report = mlplab.classification_report(outputs, solved["y_test"], class_names=solved["class_names"])
    answer = checked(solved, {"fashion_model": model, "hardest": report["class"][report["recall"].argmin()]})
    assert answer.passed, answer


JUNK = [None, "", "8", "shoe", 6, np.int64(6), 0.6, True, [], ["Shirt"], {"a": None}, np.zeros(3), object(), dict]


@pytest.mark.parametrize("name", ASKED)
def test_anything_else_is_answered_too(name, solved):
    for junk in JUNK:
        answer = checked(solved, {name: junk})
        assert not answer.passed
        assert answer.message.startswith(f"`{name}`")
