"""Two models, each on its own data set; the hardest class is that of the learner's own model."""

from typing import Any

import numpy as np

from mlplab.course.checks import expect, wording
from mlplab.course.checks.data import images_of
from mlplab.course.checks.findings import Wrong
from mlplab.course.checks.layers import dense, flatten
from mlplab.errors import unknown_name

DATASETS = MNIST, FASHION = "mnist", "fashion-mnist"
LAYERS = [flatten(), dense(20, "relu"), dense(10, "softmax")]
LEARNT = 0.7
"""More than a model gets right of images like those it was trained on, and much more than of others."""


def check(mnist_model, fashion_model, hardest):
    models = {"mnist_model": (mnist_model, MNIST), "fashion_model": (fashion_model, FASHION)}
    for name, (model, dataset) in models.items():
        with expect.of(name):
            expect.model(model, dataset, name)
    yield _apart(mnist_model, fashion_model)
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
    for name, (model, dataset) in models.items():
        with expect.of(name):
            measured = expect.usual_accuracy(model, dataset, f"test accuracy on {dataset}")
        yield measured
    yield _hardest(fashion_model, hardest)


def _apart(mnist_model: Any, fashion_model: Any) -> str:
    if mnist_model is fashion_model:
        raise Wrong("`mnist_model` and `fashion_model` are one and the same model; the task asks for two.")
    theirs = {id(weight) for weight in mnist_model.weights}
    if any(id(weight) in theirs for weight in fashion_model.weights):
        raise Wrong(
            "`mnist_model` and `fashion_model` share their weights: what one learns, the other forgets. "
            "Build new layers for the second."
        )
    return "They are two networks, each with weights of its own"


def _class_number(hardest: Any) -> int:
    """The number of the class of that name; capitals do not matter."""
    names = images_of(FASHION).class_names
    if isinstance(hardest, int | np.integer) and not isinstance(hardest, bool):
        raise Wrong(f"`hardest` is the number {hardest}; the task asks for the name of a class, in quotes.")
    if not isinstance(hardest, str):
        raise Wrong(f"`hardest` is {wording.kind(hardest)}; the task asks for the name of a class, in quotes.")
    if not hardest.strip():
        raise Wrong("`hardest` is empty; the task asks for the name of a class of Fashion-MNIST.")
    found = [number for number, name in enumerate(names) if name.casefold() == hardest.strip().casefold()]
    if found:
        return found[0]
    if hardest.strip().isdecimal():
        raise Wrong(f"`hardest` is '{hardest.strip()[:20]}'; the task asks for the name of a class of Fashion-MNIST.")
    raise Wrong(f"`hardest`: {unknown_name('class', hardest.strip()[:40], names)}")


def _not_swapped(mnist_model: Any, fashion_model: Any) -> None:
    if _right(mnist_model, FASHION) > LEARNT and _right(fashion_model, MNIST) > LEARNT:
        raise Wrong(
            "`mnist_model` and `fashion_model` are swapped: the first was trained on Fashion-MNIST, the second on "
            "MNIST."
        )


def _right(model: Any, dataset: str) -> float:
    images, labels = images_of(dataset).part("test")
    return float((expect.probabilities(model, images, checked=False).argmax(1) == labels).mean())


def _hardest(model: Any, chosen: int) -> str:
    """Of the test images of this class, the model gets the smallest share right."""
    data = images_of(FASHION)
    images, labels = data.part("test")
    guesses = expect.probabilities(model, images).argmax(1)
    number, name = np.bincount(labels, minlength=data.classes), data.class_names[chosen]
    right = np.bincount(labels[guesses == labels], minlength=data.classes) / number
    if right[chosen] - right.min() < 1.5 / number[chosen]:  # one image, which rounding may decide
        return f"{name} is the hardest class: your fashion_model gets {right[chosen]:.3f} of its images right"
    if right[chosen] == right.max():
        raise Wrong(
            f"`hardest` is {name}, the class that your fashion_model gets right most often; the task asks for the one "
            "that it gets right least often."
        )
    if chosen == np.bincount(guesses[guesses != labels], minlength=data.classes).argmax():
        raise Wrong(
            f"`hardest` is {name}, which your fashion_model says wrongly most often, of images of other classes. "
            "The task asks the other way round: of which class's own images does it get the fewest right?"
        )
    raise Wrong(
        f"`hardest` is {name}: your fashion_model gets {right[chosen]:.3f} of its images right, and fewer of those of "
        "another class."
    )
