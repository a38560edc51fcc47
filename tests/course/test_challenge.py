"""Task 2 of the notebook: its wrong answers, and that runs and networks with branches are taken."""

import json
import shutil

import numpy as np
import pytest
from programs import answer_to, count_steps, run

import mlplab
from mlplab import Run, course, keras
from mlplab.course import progress_store

layers = keras.layers
HELD_OUT = slice(50_000, None)
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fully_optimized")]  # they train for longer than they compile


def network(*middle, inputs=(28, 28), output=None):
    output = output or layers.Dense(10, "softmax")
    model = keras.Sequential([keras.Input(inputs), layers.Flatten(), *middle, output])
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def images(fashion_mnist):
    train = fashion_mnist.train
    return train.images.astype("float32") / 255, keras.utils.to_categorical(train.labels)


def trained(model, images, rows=slice(5000), epochs=2):
    keras.utils.set_random_seed(0)
    mlplab.fit(model, images[0][rows], images[1][rows], epochs=epochs, batch_size=100, verbose=0)
    return model


def counted(model):
    count_steps(model, np.empty((50_000, 28, 28), bool))
    return model


WRONG = {
    "nothing": (lambda images: None, "`model` is None: there is no model yet."),
    "a History": (
        lambda images: count_steps(network(), images[0][:64]),
        "`model` is the History that fit returns; the task asks for the trained model.",
    ),
    "not trained": (lambda images: network(), "Your model is not trained: its optimizer has not taken a step."),
    "no softmax": (
        lambda images: counted(network(output=layers.Dense(10))),
        "Your model's outputs are not probabilities",
    ),
    "hardly trained, as if labels were out of order": (
        lambda images: counted(network(layers.Dense(32, "relu"))),
        "Your validation accuracy is 0.",
    ),
    "trained on the validation images": (
        lambda images: trained(network(layers.Dense(256, "relu")), images, HELD_OUT, epochs=15),
        "Your model's accuracy on the validation images is far above that on new images: it was trained on them.",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_answer_has_its_message(what, images):
    make, message = WRONG[what]
    answer = course.check("challenge", make(images))
    assert not answer.passed
    assert answer.message.startswith(message), answer.message
    assert ("in different orders" in answer.message) == (what == "hardly trained, as if labels were out of order")
    assert progress_store.progress_of("challenge").claimed == []


def test_each_wrong_run_has_its_message(fashion_run, digits_run, tmp_path):
    unfinished, unvalidated = tmp_path / "unfinished", tmp_path / "unvalidated"
    shutil.copytree(fashion_run.path, unfinished)
    (unfinished / "result.json").unlink()
    shutil.copytree(fashion_run.path, unvalidated, ignore=shutil.ignore_patterns("SHA256SUMS"))
    result = json.loads((unvalidated / "result.json").read_text("utf-8"))
    (unvalidated / "result.json").write_text(json.dumps({**result, "validation": None}), "utf-8")
    for wrong_run, message in (
        (Run(unfinished), "Your run is not finished: mlplab train --resume"),
        (digits_run, "Your run was trained on digits; the challenge is on fashion-mnist."),
        (Run(unvalidated), "Your run has no validation rows"),
        (fashion_run, "Your validation accuracy is 0.8"),
    ):
        answer = course.check("challenge", wrong_run)
        assert not answer.passed
        assert answer.message.startswith(message), answer.message
    [line] = course.progress("challenge")
    assert line["settings"].startswith("fashion: Dense 20 relu, Dense 10 softmax; adam 0.001; 2 epochs; 15,910")


def test_a_network_with_branches_is_taken(images):
    inputs = keras.Input((28, 28))
    x = layers.Dense(64, "relu")(layers.Flatten()(inputs))
    x = layers.Add()([x, layers.Dense(64, "relu")(x)])
    model = keras.Model(inputs, layers.Dense(10, "softmax")(x))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    answer = course.check("challenge", trained(model, images))
    assert "the first target is 0.87. It is on the board" in answer.message
    [line] = course.progress("challenge")
    assert line["settings"].startswith("Dense 64 relu, Dense 64 relu, Add, Dense 10 softmax; adam 0.001; 2 epochs")


def test_a_smaller_solution_reaches_the_first_target():
    answer = answer_to("challenge", run("challenge", epochs=4, hidden=(256, 128)))
    assert answer.passed, answer
    assert "Target 0.87 claimed." in answer.message
