"""Every wrong answer has its message; correct answers in another style reach the check of the accuracy."""

import re

import pytest
from programs import answer_to, build, count, run
from wrong_answers import (
    DENSE,
    FIT,
    FIT_DEEP,
    FIT_NETWORK,
    FLATTEN,
    HIDDEN,
    LINEAR,
    LOSS,
    MODELS,
    OUTPUT,
    TRAININGS,
    WIDE,
)

SMALL = {name: {"dataset": "digits"} for name in ("softmax-regression", "hidden-layer", "two-dense-layers")}


def rows(table):
    return [pytest.param(name, *row[1:], id=f"{name}: {row[0]}") for name, part in table.items() for row in part]


@pytest.mark.parametrize(("name", "edits", "message"), rows(MODELS))
def test_each_wrong_model_has_its_message(name, edits, message):
    answer = answer_to(name, build(name, *edits, **SMALL.get(name, {})))
    assert (answer.passed, answer.message) == (False, message)


@pytest.mark.usefixtures("fashion_mnist")
@pytest.mark.parametrize(("name", "edits", "message"), rows(TRAININGS))
def test_each_wrong_length_of_training_has_its_message(name, edits, message):
    answer = answer_to(name, count(name, *edits, **SMALL.get(name, {})))
    assert (answer.passed, answer.message) == (False, message)


STARTERS = {
    "softmax-regression": "Your model gives 784 numbers for an image; there are 10 classes.",
    "hidden-layer": "`linear_model` is None: there is no model yet. Build one, and give it that name.",
    "two-dense-layers": "Your model has 1 hidden Dense layer; the task asks for 2.",
    "learning-curve": "Your training has no validation: give fit validation_data=(…, …).",
    "learning-rate": "Your `rates` has 1 rate; the task asks for at least four.",
    "another-data-set": "`fashion_model` is None: there is no model yet. Build one, and give it that name.",
}


@pytest.mark.parametrize("name", STARTERS)
def test_the_starter_is_not_the_answer(name):
    make = count if name == "learning-curve" else build
    answer = answer_to(name, make(name, starter=True))
    assert (answer.passed, answer.message) == (False, STARTERS[name])


STYLES = {
    "softmax-regression": {
        "one epoch at a time": [(FIT, f"for _ in range(10):\n    {FIT.replace('epochs=10', 'epochs=1')}")],
        "an object for the loss, a class for the optimizer": [
            (LOSS, "keras.losses.CategoricalCrossentropy()"),
            ('"adam"', "keras.optimizers.Adam()"),
        ],
        "class numbers and their loss": [
            (LOSS, '["sparse_categorical_crossentropy"]'),
            ("keras.utils.to_categorical(y_train)", "y_train"),
        ],
        "Reshape, and softmax as an operation": [
            ("layers.Flatten()", "layers.Reshape((-1,))"),
            (OUTPUT, "keras.ops.softmax(layers.Dense(10)(x))"),
        ],
        "a model in a model": [
            ("keras.Model(inputs, outputs)", "keras.Sequential([inputs, keras.Model(inputs, outputs)])")
        ],
    },
    "hidden-layer": {
        "functions and objects in place of names": [
            ('trained("relu")', "trained(layers.ReLU())"),
            ("trained(None)", "trained(keras.activations.linear)"),
            ('"softmax"', "keras.activations.softmax"),
        ],
        "an operation in place of a layer": [
            (WIDE, "x = layers.Dense(64)(x)\n    x = keras.ops.relu(x) if activation else x")
        ],
        "the linear one a copy of the other": [
            (
                LINEAR,
                "linear_model = keras.models.clone_model(model)\n"
                "linear_model.layers[2].activation = keras.activations.linear\n"
                'linear_model.compile(loss="categorical_crossentropy", optimizer="adam")\n'
                f"{FIT_NETWORK.replace('network', 'linear_model')}",
            ),
        ],
    },
    "two-dense-layers": {
        "Sequential, not built before fit": [
            (f"{FLATTEN}\n{HIDDEN}outputs = {OUTPUT}\n", ""),
            (
                "keras.Model(inputs, outputs)",
                "keras.Sequential([layers.Flatten(), layers.Dense(50, 'relu'), layers.Dropout(0.2), "
                "layers.Dense(50, keras.activations.relu), layers.Dropout(rate=1 / 5), layers.Dense(10, 'softmax')])",
            ),
        ],
        "activations in layers of their own": [
            (DENSE, "x = layers.ReLU()(layers.Dense(50)(x))"),
            (OUTPUT, "layers.Softmax()(layers.Dense(10)(x))"),
        ],
        "one Dropout layer and one activation used twice": [
            (HIDDEN, "drop, relu = layers.Dropout(0.2), layers.ReLU()\n" + 2 * "x = drop(relu(layers.Dense(50)(x)))\n"),
        ],
        "a part of the model a model": [
            (
                HIDDEN,
                "x = keras.Sequential([layers.Dense(50, 'relu'), layers.Dropout(0.2)])(x)\n"
                "x = layers.Dropout(0.2)(layers.Dense(50, 'relu')(x))\n",
            ),
        ],
    },
}
ALL_STYLES = [
    pytest.param(name, edits, id=f"{name}: {style}") for name, all_ in STYLES.items() for style, edits in all_.items()
]


@pytest.mark.parametrize(("name", "edits"), ALL_STYLES)
def test_other_styles_differ_from_the_solution_in_nothing_but_the_accuracy(name, edits, monkeypatch):
    monkeypatch.setattr("mlplab.course.checking.usual_values", lambda *_: dict.fromkeys(VALUES, (0.97, 0.98)))
    answer = answer_to(name, count(name, *edits, dataset="digits"))
    assert re.match(r"Your test accuracy|(`model`: )?Your model predicts the same class", answer.message), answer


VALUES = ("test accuracy", "test accuracy with relu", "test accuracy without activation")


@pytest.mark.slow
def test_a_solution_trained_by_keras_passes_on_another_data_set():
    edits = [
        ("mlplab.fit(model, X_train, Y_train", "model.fit(X_train, y_train"),
        (LOSS, "keras.losses.SparseCategoricalCrossentropy()"),
        ('["accuracy"]', '[keras.metrics.SparseCategoricalAccuracy(name="right")]'),
    ]
    answer = answer_to("two-dense-layers", run("two-dense-layers", *edits, dataset="digits"))
    assert answer.passed, answer


@pytest.mark.slow
def test_two_trained_networks_pass_on_another_data_set():
    answer = answer_to("hidden-layer", run("hidden-layer", dataset="digits"))
    assert answer.passed, answer
    assert "draw the same straight borders as one" in answer.holds[-1]


@pytest.mark.slow
def test_weights_set_back_after_training_are_below_the_usual_range():
    edit = (FIT_DEEP, f"before = model.get_weights()\n{FIT_DEEP}\nmodel.set_weights(before)")
    answer = answer_to("two-dense-layers", run("two-dense-layers", edit, dataset="digits"))
    assert "below the usual" in answer.message


@pytest.mark.slow
def test_pixels_that_are_not_scaled_are_named():
    """One epoch is trained, nine more are counted: the accuracy is far below any range already."""
    more = (FIT, f"{FIT.replace('epochs=10', 'epochs=1')}\nmodel.optimizer.iterations.assign(4690)")
    answer = answer_to("softmax-regression", run("softmax-regression", (" / X_train.max()\n", "\n"), more))
    assert "not divided by 255 before training" in answer.message
