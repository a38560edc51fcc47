"""Compare validation accuracies with targets: a model's on the last 10,000 training images, a run's on its own rows."""

import math

from mlplab.course.checks import expect
from mlplab.course.checks.findings import Target, WrongAnswer
from mlplab.runs import Run

DATASET = "fashion-mnist"
TARGETS = (0.87, 0.885, 0.895, 0.905, 0.911)
SECONDS = 3600
HELD_OUT = slice(50_000, None)


def check(model):
    if isinstance(model, Run):
        yield from _check_run(model)
        return
    yield expect.model(model, DATASET, branches=True)
    yield expect.trained(model)
    images = 10_000
    valid = expect.accuracy(model, DATASET, "train", HELD_OUT)
    expect.not_far_below(valid, DATASET, "validation accuracy")

    def test():
        accuracy = expect.accuracy(model, DATASET, "test")
        spread = math.sqrt((valid * (1 - valid) + accuracy * (1 - accuracy)) / images)
        if valid - accuracy > 4 * spread:  # chance makes such a difference once in 30,000 cases
            raise WrongAnswer(
                "Your model's accuracy on the validation images is far above that on new images: it was trained on "
                "them. No target is claimed. Train on the first 50,000 images only."
            )
        return accuracy, images

    yield Target(valid, images, TARGETS, test, expect.settings(model))


def _check_run(run):
    if run.result is None:
        raise WrongAnswer(f"Your run is not finished: mlplab train --resume {run.path} continues it.")
    if run.config.data["name"] != DATASET:
        raise WrongAnswer(f"Your run was trained on {run.config.data['name']}; the challenge is on {DATASET}.")
    validation, test = run.result["validation"], run.result["test"]
    if not validation:
        raise WrongAnswer("Your run has no validation rows: train it without --validation 0.")
    settings = f"{run.path.name}: {expect.settings(run.model, f'{len(run.epochs)} epochs')}"
    yield f"It is a finished run on {DATASET}"
    yield Target(validation["accuracy"], validation["n"], TARGETS, lambda: (test["accuracy"], test["n"]), settings)
