"""The hidden layer and its activation: wrong answers, and right ones in another style."""

import pytest
from styles import on_digits
from wrong import Wrong

NAME = "hidden-layer"
HIDDEN = "x = layers.Dense(64, activation=activation)(x)"
OUTPUT = 'layers.Dense(10, activation="softmax")(x)'
LOSS = '"categorical_crossentropy"'
FIT = "mlplab.fit(network, X_train, Y_train, epochs=5, batch_size=256, verbose=2)"
LINEAR = "linear_model = trained(None)"
TWICE = "`linear_model` is `model` itself, under another name. Build a second network, with layers anew."

WRONG = [
    Wrong(
        "the activation in both",
        "trained(None)",
        'trained("relu")',
        "`linear_model`: Your first Dense layer has the activation relu; the task asks for no activation.",
    ),
    Wrong(
        "the activation in neither",
        'trained("relu")',
        "trained(None)",
        "`model`: Your first Dense layer has no activation; the task asks for the activation relu.",
    ),
    Wrong(
        "sigmoid in place of relu",
        '"relu"',
        '"sigmoid"',
        "`model`: Your first Dense layer has the activation sigmoid; the task asks for the activation relu.",
    ),
    Wrong(
        "a relu that leaks",
        '"relu"',
        "layers.LeakyReLU(0.1)",
        "`model`: Your first Dense layer has the activation LeakyReLU; the task asks for the activation relu.",
    ),
    Wrong(
        "the two swapped",
        'model = trained("relu")\nlinear_model = trained(None)',
        'model = trained(None)\nlinear_model = trained("relu")',
        "Your two networks have each other's name: `linear_model` is the one without the activation.",
    ),
    Wrong("one network twice", LINEAR, "linear_model = model", TWICE),
    Wrong(
        "the first network's layers again",
        LINEAR,
        "linear_model = keras.Model(model.inputs, model.layers[-1](model.layers[-2].output))",
        "`model` and `linear_model` share a layer: who trains one changes the other. Make new layers for each.",
    ),
    Wrong(
        "units swapped",
        "Dense(64,",
        "Dense(46,",
        "`model`: Your first Dense layer has 46 units; the task asks for 64.",
    ),
    Wrong(
        "units of hidden and output layer exchanged",
        f"{HIDDEN}\n    outputs = {OUTPUT}",
        f"{HIDDEN.replace('64', '10')}\n    outputs = {OUTPUT.replace('10', '64')}",
        "`model`: Your model gives 64 numbers for an image; there are 10 classes.",
    ),
    Wrong(
        "no hidden layer",
        HIDDEN,
        f"{HIDDEN} if activation else x",
        "`linear_model`: Your model has no hidden Dense layers; the task asks for 1.",
    ),
    Wrong(
        "an extra hidden layer",
        HIDDEN,
        f"{HIDDEN}\n    {HIDDEN}",
        "`model`: Your model has 2 hidden Dense layers; the task asks for 1.",
    ),
    Wrong(
        "dropout",
        HIDDEN,
        f"{HIDDEN}\n    x = layers.Dropout(0.2)(x)",
        "`model`: There is a Dropout layer after your first Dense layer that the task does not ask for.",
    ),
    Wrong(
        "Flatten after the hidden layer",
        f"x = layers.Flatten()(inputs)\n    {HIDDEN}",
        f"x = {HIDDEN.removeprefix('x = ').replace('(x)', '(inputs)')}\n    x = layers.Flatten()(x)",
        "`model`: Your layers are in another order than asked: layer 1 is Dense, and the task has Flatten there.",
    ),
    Wrong(
        "no bias in the hidden layer",
        "Dense(64,",
        "Dense(64, use_bias=False,",
        "`model`: Your model has 50,826 parameters that are trained; the task's has 50,890. "
        "Does every layer have its bias?",
    ),
    Wrong(
        "sigmoid in the output layer",
        '"softmax"',
        '"sigmoid"',
        "`model`: Your output layer has the activation sigmoid; the task asks for the activation softmax.",
    ),
    Wrong(
        "softmax twice in one of them",
        "outputs = " + OUTPUT,
        f"outputs = {OUTPUT}\n    outputs = outputs if activation else layers.Softmax()(outputs)",
        "`linear_model`: Your model has softmax twice: the output layer has it, and a layer after it once more. "
        "Take one away.",
    ),
    Wrong(
        "squared error",
        LOSS,
        '"mean_squared_error"',
        "`model`: Your loss is mean_squared_error; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "the loss for class numbers with one-hot labels",
        LOSS,
        '"sparse_categorical_crossentropy"',
        "`model`: Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
        "It wants class numbers; the labels here are one-hot, (n, 10).",
    ),
    Wrong(
        "None in place of a network",
        LINEAR,
        "linear_model = None",
        "`linear_model` is None: no model has been made yet. Build one, and give it that name.",
    ),
    Wrong(
        "the accuracy in place of a network",
        LINEAR,
        "linear_model = 0.84",
        "`linear_model` is a float; the task asks for a Keras model.",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_each_wrong_answer_has_its_message(wrong):
    answer = wrong.answer(NAME)
    assert not answer.passed
    assert answer.message == wrong.message


TRAINED_WRONG = {
    "one of them not trained": (
        (FIT, f"if activation:\n        {FIT}"),
        "`linear_model`: Your model is not trained: its optimizer has not taken a step. "
        "mlplab.fit(model, …) is missing.",
    ),
    "one of them trained longer": (
        ("epochs=5", "epochs=5 if activation else 10"),
        "`linear_model`: Your model was trained for 10 epochs; the task asks for 5.",
    ),
    "the first trained twice": (
        (LINEAR, f"{LINEAR}\n{FIT.replace('network', 'model')}"),
        "`model`: Your model was trained for 10 epochs; the task asks for 5. "
        "Running fit again goes on where it left off: build the model anew first.",
    ),
    "other batches": (
        ("batch_size=256", "batch_size=64"),
        "`model`: Your batches have 64 images; the task asks for 256.",
    ),
    "another optimizer for one of them": (
        ('"adam"', '"adam" if activation else "rmsprop"'),
        "`linear_model`: Your optimizer is rmsprop; the task asks for adam.",
    ),
}


@pytest.mark.parametrize("what", TRAINED_WRONG)
def test_each_wrong_training_has_its_message(what):
    edit, message = TRAINED_WRONG[what]
    answer = on_digits(NAME, edit)
    assert not answer.passed
    assert answer.message == message


RIGHT = {
    "Sequential, with the activation in a layer of its own": [
        ("x = layers.Flatten()(inputs)", ""),
        (HIDDEN, ""),
        ("outputs = " + OUTPUT, ""),
        (
            "keras.Model(inputs, outputs)",
            "keras.Sequential([layers.Flatten(), layers.Dense(64), layers.Activation(activation or 'linear'), "
            "layers.Dense(10, 'softmax')])",
        ),
    ],
    "functions and objects in place of names": [
        ('trained("relu")', "trained(layers.ReLU())"),
        ("trained(None)", "trained(keras.activations.linear)"),
        ('"softmax"', "keras.activations.softmax"),
        (LOSS, "keras.losses.CategoricalCrossentropy()"),
    ],
    "an operation in place of a layer": [
        (HIDDEN, "x = layers.Dense(64)(x)\n    x = keras.ops.relu(x) if activation else x"),
    ],
    "the linear one a copy of the other": [
        (
            LINEAR,
            "linear_model = keras.models.clone_model(model)\n"
            "linear_model.layers[2].activation = keras.activations.linear\n"
            'linear_model.compile(loss="categorical_crossentropy", optimizer="adam")\n'
            f"{FIT.replace('network', 'linear_model')}",
        ),
    ],
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_in_another_style_pass(style, few_seeds):
    answer = on_digits(NAME, *RIGHT[style])
    assert answer.passed, answer
