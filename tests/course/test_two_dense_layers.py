"""Task 1 of the notebook: its wrong answers, and right ones in another style."""

import pytest
from styles import on_digits
from wrong import Wrong

NAME = "two-dense-layers"
DENSE = 'x = layers.Dense(50, activation="relu")(x)'
DROPOUT = "x = layers.Dropout(0.2)(x)"
OUTPUT = 'layers.Dense(10, activation="softmax")(x)'
LOSS = '"categorical_crossentropy"'
FIT = "mlplab.fit(model, X_train, Y_train, epochs=10, batch_size=32, verbose=2)"
HIDDEN = f"{DENSE}\n{DROPOUT}\n{DENSE}\n{DROPOUT}\n"

WRONG = [
    Wrong(
        "no dropout after the second layer",
        f"{DROPOUT}\noutputs",
        "outputs",
        "A Dropout layer is missing after your second Dense layer.",
    ),
    Wrong(
        "no dropout after the first layer",
        f"{DROPOUT}\n{DENSE}",
        DENSE,
        "A Dropout layer is missing after your first Dense layer.",
    ),
    Wrong(
        "no dropout at all",
        f"{DROPOUT}\n",
        "",
        "A Dropout layer is missing after your first Dense layer.",
    ),
    Wrong(
        "dropout twice after the first layer",
        HIDDEN,
        f"{DENSE}\n{DROPOUT}\n{DROPOUT}\n{DENSE}\n{DROPOUT}\n",
        "There is a Dropout layer after your first Dense layer that the task does not ask for.",
    ),
    Wrong(
        "dropout before the Dense layers",
        HIDDEN,
        f"{DROPOUT}\n{DENSE}\n{DROPOUT}\n{DENSE}\n",
        "Your layers are in another order than asked: layer 2 is Dropout, and the task has Dense there.",
    ),
    Wrong(
        "both Dense layers first",
        HIDDEN,
        f"{DENSE}\n{DENSE}\n{DROPOUT}\n{DROPOUT}\n",
        "Your layers are in another order than asked: layer 3 is Dense, and the task has Dropout there.",
    ),
    Wrong(
        "dropout after the output layer",
        f"{DROPOUT}\noutputs = {OUTPUT}",
        f"outputs = layers.Dropout(0.2)({OUTPUT})",
        "Your last layer is Dropout: it would throw some probabilities away. It goes before the output layer.",
    ),
    Wrong(
        "another kind of noise",
        "layers.Dropout(0.2)",
        "layers.AlphaDropout(0.2)",
        "There is an AlphaDropout layer after your first Dense layer; the task has a Dropout layer there.",
    ),
    Wrong(
        "batch normalisation in front of the dropout",
        f"{DROPOUT}\n{DENSE}",
        f"x = layers.BatchNormalization()(x)\n{DROPOUT}\n{DENSE}",
        "There is a BatchNormalization layer after your first Dense layer that the task does not ask for.",
    ),
    Wrong(
        "another rate",
        f"{DROPOUT}\noutputs",
        f"{DROPOUT.replace('0.2', '0.5')}\noutputs",
        "Your second Dropout layer has rate 0.5; the task asks for 0.2.",
    ),
    Wrong(
        "the share that stays as the rate",
        "Dropout(0.2)",
        "Dropout(0.8)",
        "Your first Dropout layer has rate 0.8; the task asks for 0.2.",
    ),
    Wrong(
        "sigmoid in place of relu",
        f"{DENSE}\n{DROPOUT}\noutputs",
        f"{DENSE.replace('relu', 'sigmoid')}\n{DROPOUT}\noutputs",
        "Your second Dense layer has the activation sigmoid; the task asks for the activation relu.",
    ),
    Wrong(
        "the activation forgotten",
        'Dense(50, activation="relu")',
        "Dense(50)",
        "Your first Dense layer has no activation; the task asks for the activation relu.",
    ),
    Wrong(
        "the activation after the dropout, in a layer of its own",
        HIDDEN,
        HIDDEN.replace(', activation="relu"', "").replace(DROPOUT, f"{DROPOUT}\nx = layers.Activation('tanh')(x)"),
        "There is an Activation layer after your first Dense layer that the task does not ask for.",
    ),
    Wrong(
        "20 units in the second layer",
        f"{DENSE}\n{DROPOUT}\noutputs",
        f"{DENSE.replace('50', '20')}\n{DROPOUT}\noutputs",
        "Your second Dense layer has 20 units; the task asks for 50.",
    ),
    Wrong(
        "units of hidden and output layers swapped",
        f"outputs = {OUTPUT}",
        f"outputs = {OUTPUT.replace('10', '50')}",
        "Your model gives 50 numbers for an image; there are 10 classes.",
    ),
    Wrong(
        "one hidden layer",
        HIDDEN,
        f"{DENSE}\n{DROPOUT}\n",
        "Your model has 1 hidden Dense layer; the task asks for 2.",
    ),
    Wrong(
        "an extra layer",
        f"outputs = {OUTPUT}",
        f"{DENSE}\noutputs = {OUTPUT}",
        "Your model has 3 hidden Dense layers; the task asks for 2.",
    ),
    Wrong(
        "one layer used twice",
        HIDDEN,
        f"hidden = layers.Dense(784, activation='relu', name='shared')\n"
        f"x = hidden(x)\n{DROPOUT}\nx = hidden(x)\n{DROPOUT}\n",
        "Your model goes through the layer shared more than once, with the same weights each time; "
        "the task asks for a layer of its own at each place.",
    ),
    Wrong(
        "branches in place of a line",
        HIDDEN,
        f"{HIDDEN.replace('x = ', 'y = ', 1)}x = layers.Add(name='sum')([x, layers.Dense(50)(y)])\n",
        "In your model, sum is where branches meet; the task asks for one layer after the other.",
    ),
    Wrong(
        "Flatten forgotten",
        "x = layers.Flatten()(inputs)",
        "x = inputs",
        "Your model gives (28, 10) numbers for an image; there are 10 classes. "
        "Is there a Flatten layer before the first Dense layer?",
    ),
    Wrong(
        "images as rows",
        "keras.Input(X_train.shape[1:])",
        "keras.Input((784,))",
        "Your model takes inputs of shape (784,); an image is (28, 28): keras.Input((28, 28)).",
    ),
    Wrong(
        "softmax twice",
        f"outputs = {OUTPUT}",
        f"outputs = layers.Activation('softmax')({OUTPUT})",
        "Your model has softmax twice: the output layer has it, and a layer after it once more. Take one away.",
    ),
    Wrong(
        "softmax in the loss once more",
        LOSS,
        "[keras.losses.CategoricalCrossentropy(from_logits=True)]",
        "Your loss has from_logits=True, and the output layer has softmax: it is taken twice. Keep one of them.",
    ),
    Wrong(
        "the wrong loss",
        LOSS,
        "keras.losses.MeanSquaredError()",
        "Your loss is mean_squared_error; the task asks for categorical_crossentropy.",
    ),
    Wrong(
        "the loss for class numbers with one-hot labels",
        LOSS,
        "keras.losses.SparseCategoricalCrossentropy()",
        "Your loss is sparse_categorical_crossentropy; the task asks for categorical_crossentropy. "
        "It wants class numbers; the labels here are one-hot, (n, 10).",
    ),
    Wrong(
        "another optimizer",
        '"adam"',
        "keras.optimizers.RMSprop()",
        "Your optimizer is rmsprop; the task asks for adam.",
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
    "the cell of fit run again": (
        (FIT, f"{FIT}\n{FIT}"),
        "Your model was trained for 20 epochs; the task asks for 10. "
        "Running fit again goes on where it left off: build the model anew first.",
    ),
}


@pytest.mark.parametrize("what", TRAINED_WRONG)
def test_each_wrong_training_has_its_message(what):
    edit, message = TRAINED_WRONG[what]
    answer = on_digits(NAME, edit)
    assert not answer.passed
    assert answer.message == message


def test_weights_set_back_after_training_are_below_the_usual_range(few_seeds):
    answer = on_digits(NAME, (FIT, f"before = model.get_weights()\n{FIT}\nmodel.set_weights(before)"))
    assert not answer.passed
    assert "below the usual" in answer.message


FUNCTIONAL = f"x = layers.Flatten()(inputs)\n{HIDDEN}outputs = {OUTPUT}\n"
RIGHT = {
    "Sequential, not built before fit": [
        (FUNCTIONAL, ""),
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
        (
            HIDDEN,
            "drop, relu = layers.Dropout(0.2), layers.ReLU()\nx = drop(relu(layers.Dense(50)(x)))\n"
            "x = drop(relu(layers.Dense(50)(x)))\n",
        ),
    ],
    "a part of the model a model": [
        (
            HIDDEN,
            "part = keras.Sequential([layers.Dense(50, 'relu'), layers.Dropout(0.2)])\nx = part(x)\n"
            "x = layers.Dropout(0.2)(layers.Dense(50, 'relu')(x))\n",
        ),
    ],
    "class numbers, objects, and other metrics": [
        (LOSS, "keras.losses.SparseCategoricalCrossentropy()"),
        ('"adam"', "keras.optimizers.Adam(0.001)"),
        ("to_categorical(y_train)", "to_categorical(y_train).argmax(1)"),
        ('["accuracy"]', '[keras.metrics.SparseCategoricalAccuracy(name="right")]'),
    ],
}


@pytest.mark.parametrize("style", RIGHT)
def test_right_answers_in_another_style_pass(style, few_seeds):
    answer = on_digits(NAME, *RIGHT[style])
    assert answer.passed, answer
