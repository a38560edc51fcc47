"""Check two models, each on its data set, and the class that the learner's own model finds hardest."""

from typing import Any

import numpy as np

from mlplab.course.checks import expect, wording
from mlplab.course.checks.data import data_of, images_and_labels
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.checks.layers import dense, flatten
from mlplab.course.checks.measuring import FAR_BELOW, probabilities, unchecked_accuracy
from mlplab.errors import unknown_name

DATASETS = MNIST, FASHION = "mnist", "fashion-mnist"
LAYERS = [flatten(), dense(20, "relu"), dense(10, "softmax")]


def check(mnist_model, fashion_model, hardest):
    models = {"mnist_model": (mnist_model, MNIST), "fashion_model": (fashion_model, FASHION)}
    for name, (model, dataset) in models.items():
        with expect.of(name):
            expect.model(model, dataset, name)
    yield expect.separate(mnist_model=mnist_model, fashion_model=fashion_model)
    for name, (model, _) in models.items():
        with expect.of(name):
            expect.layers(model, LAYERS)
            expect.parameters(model, 15_910)
            expect.compiled(model)
    yield "Both have the layers, the loss and the optimizer that the task asks for"
    hardest = _class_number(hardest)
    for name, (model, dataset) in models.items():
        with expect.of(name):
            expect.trained(model, epochs=6, rows=expect.training_rows(dataset), batch_size=128)
    yield "Both were trained for 6 epochs"
    _not_swapped(mnist_model, fashion_model)
    measured = []
    for name, (model, dataset) in models.items():
        with expect.of(name):
            measured.append(expect.usual_accuracy(model, dataset, f"test accuracy on {dataset}"))
    yield _hardest(fashion_model, hardest)
    yield from measured  # last, because the usual range takes a training of several seeds


def _class_number(hardest: Any) -> int:
    """Return the number of the class of that name, in any case of letters."""
    names = data_of(FASHION).class_names
    if not isinstance(hardest, str):
        value = f"the number {hardest}" if isinstance(hardest, int) and not isinstance(hardest, bool) else ""
        raise WrongAnswer(
            f"`hardest` is {value or wording.kind(hardest)}; the task asks for the name of a class, in quotes."
        )
    given = hardest.strip()
    if given.isdecimal():
        raise WrongAnswer(f"`hardest` is '{given[:20]}'; the task asks for the name of a class of Fashion-MNIST.")
    for number, name in enumerate(names):
        if name.casefold() == given.casefold():
            return number
    raise WrongAnswer(f"`hardest`: {unknown_name('class', given[:40], names)}")


def _not_swapped(mnist_model: Any, fashion_model: Any) -> None:
    crossed = ((mnist_model, FASHION), (fashion_model, MNIST))
    if all(unchecked_accuracy(model, *images_and_labels(dataset, "test")) > FAR_BELOW for model, dataset in crossed):
        raise WrongAnswer(
            "`mnist_model` and `fashion_model` are swapped: the first was trained on Fashion-MNIST, the second on "
            "MNIST."
        )


def _hardest(model: Any, chosen: int) -> str:
    """Require the class with the lowest accuracy of its test images."""
    images, labels = images_and_labels(FASHION, "test")
    guesses, name = probabilities(model, images).argmax(1), data_of(FASHION).class_names[chosen]
    number = np.bincount(labels)
    right = np.bincount(labels[guesses == labels], minlength=len(number)) / number
    if right[chosen] - right.min() < 1.5 / number[chosen]:  # one image may be a matter of rounding
        return f"{name} is the hardest class: your fashion_model's accuracy on its images is {right[chosen]:.3f}"
    if right[chosen] == right.max():
        raise WrongAnswer(
            f"`hardest` is {name}, the class with the highest accuracy of your fashion_model; the task asks for the "
            "one with the lowest."
        )
    if chosen == np.bincount(guesses[guesses != labels]).argmax():
        raise WrongAnswer(
            f"`hardest` is {name}, the class that your fashion_model predicts most often for images of other classes. "
            "The task asks for the reverse: for which class's own images is its accuracy lowest?"
        )
    raise WrongAnswer(
        f"`hardest` is {name}: your fashion_model's accuracy on its images is {right[chosen]:.3f}, and lower on those "
        "of another class."
    )
