"""A linear model: its wrong answers, and right ones in another style."""

import pytest
from styles import on_digits
from wrong import Wrong

NAME = "softmax-regression"
FLATTEN = "x = layers.Flatten()(inputs)"
OUTPUT = 'layers.Dense(10, activation="softmax")(x)'
COMPILE = 'model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])'
FIT = "mlplab.fit(model, X_train, Y_train, epochs=10, batch_size=128, verbose=2)"
LOSS = '"categorical_crossentropy"'

WRONG = [
    Wrong(
        "an extra hidden layer",
        FLATTEN,
        FLATTEN + '\nx = layers.Dense(20, activation="relu")(x)',
        "Your model has 1 hidden Dense layer; the task asks for none.",
    ),
    Wrong(
        "two extra hidden layers",
        FLATTEN,
        FLATTEN + "\nx = layers.Dense(20)(layers.Dense(20)(x))",
        "Your model has 2 hidden Dense layers; the task asks for none.",
    ),
    Wrong(
        "sigmoid in place of softmax",
        '"softmax"',
        '"sigmoid"',
        "Your output layer has the activation sigmoid; the task asks for the activation softmax.",
    ),
    Wrong(
        "no activation",
        ', activation="softmax"',
        "",
        "Your output layer has no activation; the task asks for the activation softmax.",
    ),
    Wrong(
        "softmax twice",
        OUTPUT,
        'layers.Softmax()(layers.Dense(10, activation="softmax")(x))',
        "Your model has softmax twice: the output layer has it, and a layer after it once more. Take one away.",
    ),
    Wrong(
        "softmax in the loss once more",
        LOSS,
        "keras.losses.CategoricalCrossentropy(from_logits=True)",
        "Your loss has from_logits=True, and the output layer has softmax: it is taken twice. Keep one of them.",
    ),
    Wrong(
        "no Flatten",
        FLATTEN,
        "x = inputs",
        "Your model gives (28, 10) numbers for an image; there are 10 classes. "
        "Is there a Flatten layer before the first Dense layer?",
    ),
    Wrong(
        "Flatten at the end",
        "outputs = " + OUTPUT,
        'outputs = layers.Dense(10, activation="softmax")(layers.Dense(1)(inputs)[:, :, 0])\n',
        "A Flatten layer is missing: the Dense layers want an image's pixels in one row.",
    ),
    Wrong("one unit", "Dense(10,", "Dense(1,", "Your model gives 1 number for an image; there are 10 classes."),
    Wrong(
        "no bias",
        "Dense(10, ",
        "Dense(10, use_bias=False, ",
        "Your model has 7,840 parameters that are trained; the task's has 7,850. Does every layer have its bias?",
    ),
    Wrong(
        "a frozen layer",
        COMPILE,
        "model.layers[-1].trainable = False\n" + COMPILE,
        "Your model has 0 parameters that are trained; the task's has 7,850. "
        "Is one of its layers frozen, trainable=False?",
    ),
    Wrong(
        "dropout before the output layer",
        FLATTEN,
        FLATTEN + "\nx = layers.Dropout(0.2)(x)",
        "There is a Dropout layer before your first Dense layer that the task does not ask for.",
    ),
    Wrong(
        "dropout after the output layer",
        OUTPUT,
        f"layers.Dropout(0.2)({OUTPUT})",
        "Your last layer is Dropout: it would throw some probabilities away. It goes before the output layer.",
    ),
    Wrong(
        "the pixels scaled by the model",
        FLATTEN,
        "x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))",
        "Your model scales the pixels itself (Rescaling), and the check gives it images of values between 0 and 1. "
        "Take that layer out, and divide the images before training.",
    ),
    Wrong(
        "squared error",
        LOSS,
        '"mse"',
        "Your loss is mean_squared_error; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "the loss for class numbers with one-hot labels",
        LOSS,
        '"sparse_categorical_crossentropy"',
        "Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
        "It wants class numbers; the labels here are one-hot, (n, 10).",
    ),
    Wrong(
        "a loss for two classes",
        LOSS,
        "keras.losses.BinaryCrossentropy()",
        "Your loss is binary_crossentropy; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "a loss that does not exist",
        LOSS,
        '"cross"',
        "Your loss is cross; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "no loss",
        f"loss={LOSS}, ",
        "",
        "Your model is compiled without a loss; the task asks for categorical_crossentropy.",
    ),
    Wrong("another optimizer", '"adam"', '"sgd"', "Your optimizer is sgd; the task asks for adam."),
    Wrong(
        "not compiled",
        COMPILE,
        "",
        "Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing.",
    ),
    Wrong(
        "not trained",
        FIT,
        "",
        "Your model is not trained: its optimizer has not taken a step. mlplab.fit(model, …) is missing.",
    ),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_each_wrong_answer_has_its_message(wrong):
    answer = wrong.answer(NAME)
    assert not answer.passed
    assert answer.message == wrong.message


TRAINED_WRONG = {
    "too few epochs": (
        ("epochs=10", "epochs=3"),
        "Your model was trained for 3 epochs; the task asks for 10.",
    ),
    "too many epochs at once": (
        ("epochs=10", "epochs=20"),
        "Your model was trained for 20 epochs; the task asks for 10.",
    ),
    "fit called again": (
        (FIT, f"{FIT}\n{FIT}"),
        "Your model was trained for 20 epochs; the task asks for 10. "
        "Running fit again goes on where it left off: build the model anew first.",
    ),
    "other batches": (("batch_size=128", "batch_size=32"), "Your batches have 32 images; the task asks for 128."),
    "fewer images": (
        ("X_train, Y_train, epochs", "X_train[:500], Y_train[:500], epochs"),
        "One of your epochs has 4 steps; 1,442 images in batches of 128 make 12. "
        "Was it trained on all images that the task names?",
    ),
    "the History in place of the model": (
        (FIT, f"model = {FIT}"),
        "`model` is the History that fit returns; the task asks for the model that was trained.",
    ),
    "compiled again after training": (
        (FIT, f"{FIT}\n{COMPILE}"),
        "Your model was compiled again after its training, and how it was trained is forgotten. "
        "Build, compile and train it anew, in this order.",
    ),
}


@pytest.mark.parametrize("what", TRAINED_WRONG)
def test_each_wrong_training_has_its_message(what):
    edit, message = TRAINED_WRONG[what]
    answer = on_digits(NAME, edit)
    assert not answer.passed
    assert answer.message == message


REAL_WRONG = {
    "trained on the test images": (
        FIT,
        "Y_test = keras.utils.to_categorical(y_test)\n" + FIT.replace("_train", "_test"),
        "One of your epochs has 79 steps; 60,000 images in batches of 128 make 469. "
        "Was it trained on all images that the task names?",
    ),
    "pixels not scaled": (" / X_train.max()\n", "\n", "not divided by 255 before training"),
    "labels out of order": (
        "categorical(y_train)",
        "categorical(y_train[::-1])",
        "labels got out of order",
    ),
}


@pytest.mark.parametrize("what", REAL_WRONG)
def test_what_shows_on_the_real_images_alone_is_told(what, few_seeds):
    old, new, message = REAL_WRONG[what]
    answer = Wrong(what, old, new, message, trained=True).answer(NAME)
    assert not answer.passed
    assert message in answer.message


SEQUENTIAL = [
    (FLATTEN, ""),
    ("outputs = " + OUTPUT, ""),
    (
        "keras.Model(inputs, outputs)",
        'keras.Sequential([layers.Flatten(), layers.Dense(10), layers.Activation("softmax")])',
    ),
]
RIGHT = {
    "Sequential, not built before fit, the softmax a layer": SEQUENTIAL,
    "an object for the loss, a class for the optimizer": [
        (LOSS, "keras.losses.CategoricalCrossentropy()"),
        ('"adam"', "keras.optimizers.Adam()"),
    ],
    "class numbers and their loss": [
        (LOSS, '["sparse_categorical_crossentropy"]'),
        ("to_categorical(y_train)", "to_categorical(y_train) if False else y_train"),
    ],
    "Reshape, and softmax as an operation": [
        ("layers.Flatten()", "layers.Reshape((-1,))"),
        (OUTPUT, "keras.ops.softmax(layers.Dense(10)(x))"),
    ],
    "trained by Keras, one epoch at a time": [
        (FIT, f"for _ in range(10):\n    {FIT}"),
        ("mlplab.fit(model, ", "model.fit("),
        ("epochs=10", "epochs=1"),
    ],
    "a model around the model": [
        ("model = keras.Model(inputs, outputs)", "model = keras.Sequential([inputs, keras.Model(inputs, outputs)])")
    ],
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_in_another_style_pass(style, few_seeds):
    answer = on_digits(NAME, *RIGHT[style])
    assert answer.passed, answer
