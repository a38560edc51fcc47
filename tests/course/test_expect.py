"""What checks are made of, given what nobody expected: each says what came, in words, and none falls over."""

import math
import types
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import mlplab
from mlplab import course, keras
from mlplab.course.checks import expect
from mlplab.course.checks.findings import WrongAnswer
from mlplab.course.checks.layers import dense, flatten, layers_of
from mlplab.errors import UsageError

layers = keras.layers
DIGITS = "digits"
UNBUILT = (
    "Your model is not built: its inputs have no shape yet. Start it with keras.Input(…), or train it."
)


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


class Named(keras.Model):
    """A functional model of a class of one's own: its layers can be read."""

    def __init__(self):
        inputs = keras.Input((8, 8))
        super().__init__(inputs, layers.Dense(10, "softmax")(layers.Flatten()(inputs)))


def network(*between, image=(8, 8), output=None, compiled=True):
    """Flatten, what is given, and an output layer of ten, on digits."""
    last = layers.Dense(10, "softmax") if output is None else output
    model = keras.Sequential([keras.Input(image), layers.Flatten(), *between, last])
    if compiled:
        model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def images():
    (X, y), (X_test, y_test) = mlplab.load_data(DIGITS)
    return X.astype("float32") / 16, np.eye(10, dtype="float32")[y], X_test.astype("float32") / 16, y_test


@pytest.fixture(scope="module")
def trained(images):
    """A network and its History, watched on the last 200 training images."""
    keras.utils.set_random_seed(1)
    X, Y, *_ = images
    model = network(layers.Dense(32, "relu"))
    history = mlplab.fit(
        model, X[:-200], Y[:-200], epochs=8, batch_size=32, validation_data=(X[-200:], Y[-200:]), verbose=0
    )
    return model, history


NO_MODELS = {
    "`model` is None: there is no model yet. Build one, and give it that name.": None,
    "`model` is a str; the task asks for a Keras model.": "model",
    "`model` is an int; the task asks for a Keras model.": 7,
    "`model` is a list; the task asks for a Keras model.": [1, 2],
    "`model` is a dict; the task asks for a Keras model.": {"model": None},
    "`model` is a NumPy array; the task asks for a Keras model.": np.zeros((10, 784)),
    "`model` is a Dense; the task asks for a Keras model.": layers.Dense(10),
    "`model` is a KerasTensor; the task asks for a Keras model.": keras.Input((8, 8)),
    "`model` is the class Model, not an object of it; the task asks for a Keras model.": keras.Model,
    "`model` is a function; the task asks for a Keras model.": network,
    "`model` is the History that fit returns; the task asks for the trained model.": keras.callbacks.History(),
}


@pytest.mark.parametrize("message", NO_MODELS)
def test_what_is_no_model(message):
    if isinstance(NO_MODELS[message], keras.callbacks.History):
        NO_MODELS[message].history = {"loss": [1.0]}
    with pytest.raises(WrongAnswer) as wrong:
        expect.model(NO_MODELS[message], DIGITS)
    assert str(wrong.value) == message


@pytest.mark.parametrize("given", [value for value in NO_MODELS.values() if value is not None])
def test_a_check_never_raises_for_what_is_no_model(given):
    for exercise in ("softmax-regression", "two-dense-layers"):
        assert not course.check(exercise, given).passed
    assert not course.check("hidden-layer", given, linear_model=given).passed


def test_a_model_of_several_is_told_by_name():
    with pytest.raises(WrongAnswer, match=r"^`linear_model` is None: there is no model"), expect.of("linear_model"):
        expect.model(None, DIGITS, "linear_model")
    with pytest.raises(WrongAnswer, match=r"^`linear_model`: Your model is not compiled"), expect.of("linear_model"):
        expect.compiled(network(compiled=False))


SHAPES = {
    "Your model takes inputs of shape (28, 28); an image is (8, 8): keras.Input((8, 8)).": lambda: network(
        image=(28, 28)
    ),
    "Your model takes inputs of shape (64,); an image is (8, 8): keras.Input((8, 8)).": lambda: network(image=(64,)),
    "Your model takes inputs of shape (8, 8, 1); an image is (8, 8): keras.Input((8, 8)).": lambda: network(
        image=(8, 8, 1)
    ),
    "Your model gives 3 numbers for an image; there are 10 classes.": lambda: network(output=layers.Dense(3)),
    "Your model gives 1 number for an image; there are 10 classes.": lambda: network(output=layers.Dense(1)),
    "Your model gives (8, 10) numbers for an image; there are 10 classes. "
    "Is there a Flatten layer before the first Dense layer?": lambda: keras.Sequential(
        [keras.Input((8, 8)), layers.Dense(10)]
    ),
    "Your model gives (10,) and (10,) numbers for an image; there are 10 classes.": lambda: two_outputs(),
    UNBUILT: lambda: keras.Sequential([layers.Flatten(), layers.Dense(10, "softmax")]),
    "The layers of your model cannot be read: Subclassed.call is code. "
    "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs).": Subclassed,
    "The layers of your model cannot be read: it has none. "
    "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs).": keras.Model,
    "In your model, branches meet at joined; the task asks for a single line of layers.": lambda: branches(),
}


def two_outputs():
    inputs = keras.Input((8, 8))
    x = layers.Flatten()(inputs)
    return keras.Model(inputs, [layers.Dense(10)(x), layers.Dense(10)(x)])


def branches():
    inputs = keras.Input((8, 8))
    x = layers.Flatten()(inputs)
    return keras.Model(inputs, layers.Add(name="joined")([layers.Dense(10)(x), layers.Dense(10)(x)]))


@pytest.mark.parametrize("message", SHAPES)
def test_a_model_of_another_shape(message):
    with pytest.raises(WrongAnswer) as wrong:
        expect.model(SHAPES[message](), DIGITS)
    assert str(wrong.value) == message


def test_a_functional_model_of_a_class_of_ones_own_is_read():
    assert expect.layers(Named(), [flatten(), dense(10, "softmax")])


NESTED = keras.Sequential([keras.Input((8, 8)), layers.Flatten(), layers.Dense(5), layers.ReLU()])
READ = {
    "a model in a model": (lambda: keras.Sequential([NESTED, layers.Dense(10, "softmax")]), "relu"),
    "a layer for the activation": (lambda: network(layers.Dense(5, layers.ReLU())), "relu"),
    "Activation as the activation": (lambda: network(layers.Dense(5, layers.Activation("tanh"))), "tanh"),
    "a linear activation after it": (lambda: network(layers.Dense(5), layers.Activation("linear")), ""),
    "nothing after it": (lambda: network(layers.Dense(5), layers.Identity()), ""),
    "a bounded relu": (lambda: network(layers.Dense(5), layers.ReLU(max_value=6)), "relu with max_value=6"),
    "a function without a name": (lambda: network(layers.Dense(5, lambda x: x)), "<lambda>"),
}


@pytest.mark.parametrize("what", READ)
def test_layers_are_read_whatever_they_are_made_by(what):
    made, activation = READ[what]
    found = layers_of(made())
    assert [layer.kind for layer in found] == ["Flatten", "Dense", "Dense"]
    assert found[1].activation == activation


@pytest.mark.parametrize("operation", ["relu", "sigmoid", "tanh", "softmax"])
def test_operations_are_read_as_layers(operation):
    inputs = keras.Input((8, 8))
    x = getattr(keras.ops, operation)(layers.Dense(5)(keras.ops.reshape(inputs, (-1, 64))))
    found = layers_of(keras.Model(inputs, layers.Dense(10)(x)))
    assert [(layer.kind, layer.activation) for layer in found] == [
        ("Flatten", ""), ("Dense", operation), ("Dense", ""),
    ]  # fmt: skip


def my_loss(y_true, y_pred):
    return keras.ops.mean(y_pred)


COMPILED: dict[str, Any] = {
    "Your model is not compiled: model.compile(loss=…, optimizer=…, metrics=[…]) is missing.": None,
    "Your model is compiled without a loss; the task asks for categorical_crossentropy.": {},
    "Your loss is nonsense; the task asks for categorical_crossentropy.": {"loss": "nonsense"},
    "Your loss is huber; the task asks for categorical_crossentropy.": {"loss": keras.losses.Huber()},
    "Your loss is my_loss; the task asks for categorical_crossentropy.": {"loss": my_loss},
    "Your optimizer is missing; the task asks for adam.": {
        "loss": "categorical_crossentropy", "optimizer": None,
    },
    "Your optimizer is adamw; the task asks for adam.": {
        "loss": "CategoricalCrossentropy", "optimizer": keras.optimizers.AdamW(),
    },
    "Your learning rate is 0.1; the task asks for 0.001.": {
        "loss": keras.losses.categorical_crossentropy, "optimizer": keras.optimizers.Adam(0.1),
    },
}  # fmt: skip


@pytest.mark.parametrize("message", COMPILED)
def test_a_model_compiled_otherwise(message):
    model = network(compiled=False)
    if COMPILED[message] is not None:
        model.compile(**COMPILED[message])
    with pytest.raises(WrongAnswer) as wrong:
        expect.compiled(model, learning_rate=0.001)
    assert str(wrong.value) == message


def test_a_model_that_is_not_trained():
    with pytest.raises(WrongAnswer, match=r"^Your model is not trained: its optimizer has not taken a step\."):
        expect.trained(network())


@pytest.mark.slow
def test_a_model_kept_in_a_file_has_its_epochs_still(trained, tmp_path):
    trained[0].save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rows = expect.training_rows(DIGITS) - 200
    assert expect.trained(loaded, epochs=8, rows=rows, batch_size=32) == "It was trained for 8 epochs"
    with pytest.raises(WrongAnswer, match="was trained for 8 epochs; the task asks for 3"):
        expect.trained(loaded, epochs=3, rows=rows, batch_size=32)


def with_weights(value):
    model = network(layers.Dense(4, "relu"))
    model.set_weights([np.full(weight.shape, value, "float32") for weight in model.weights])
    return model


ABSURD = {
    "Your model's outputs are NaN": lambda: with_weights(np.nan),
    "Your model predicts the same class for every image": lambda: with_weights(0),
    "Your model's outputs are not probabilities": lambda: network(output=layers.Dense(10, "sigmoid")),
    "and the smallest is -": lambda: network(output=layers.Dense(10, "tanh")),
}


@pytest.mark.parametrize("message", ABSURD)
def test_a_model_that_is_absurd(message):
    with pytest.raises(WrongAnswer) as wrong:
        expect.accuracy(ABSURD[message](), DIGITS, "test")
    assert message in str(wrong.value)


@pytest.mark.slow
def test_a_model_that_wants_raw_pixels_is_told_to_divide(trained):
    """The trained network, its first weights divided by 16, as if trained on 0…16; small sums are all class 0."""
    model = keras.models.clone_model(trained[0])
    kernel, *others, bias = trained[0].get_weights()
    model.set_weights([kernel / 16, *others, bias + 2 * np.eye(10)[0]])
    with pytest.raises(
        WrongAnswer, match=r"trained on pixel values of 0…16: .* Divide the images by 16 before training"
    ):
        expect.accuracy(model, DIGITS, "test")


def test_half_precision_is_no_fault():
    keras.utils.set_random_seed(1)
    model = network(output=layers.Dense(10, "softmax", dtype="bfloat16"))
    assert 0 <= expect.accuracy(model, DIGITS, "test") <= 1


@pytest.mark.slow
def test_half_precision_with_a_scaled_loss_is_no_fault_either(images):
    """Its first steps are left out, until the scale is small enough, and not counted."""
    keras.utils.set_random_seed(1)
    model = network(compiled=False)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=3e38)
    model.compile(loss="categorical_crossentropy", optimizer=scaled)
    X, Y, *_ = images
    mlplab.fit(model, X, Y, epochs=3, batch_size=32, verbose=0)
    assert expect.compiled(model) == "It is compiled with categorical_crossentropy and adam"
    assert int(scaled.iterations) < 3 * math.ceil(len(X) / 32)
    assert expect.trained(model, epochs=3, rows=len(X), batch_size=32) == "It was trained for 3 epochs"
    with pytest.raises(WrongAnswer, match="the task asks for 4"):
        expect.trained(model, epochs=4, rows=len(X), batch_size=32)


@pytest.mark.parametrize("given", [["digits"], np.zeros(3), None, 3], ids=repr)
def test_what_is_no_name_of_a_data_set(given):
    with pytest.raises(UsageError, match="`dataset` must be a data set's name, such as 'fashion-mnist'; got"):
        expect.model(network(), given)


@pytest.mark.slow
def test_a_model_of_the_other_data_set_is_told():
    keras.utils.set_random_seed(1)
    (X, y), _ = mlplab.load_data("mnist")
    model = network(image=(28, 28))
    mlplab.fit(model, X[:6000].astype("float32") / 255, np.eye(10)[y[:6000]], epochs=4, verbose=0)
    with pytest.raises(WrongAnswer, match=r"^Your model was trained on mnist: its test accuracy there is 0\.[89]"):
        expect.accuracy(model, "fashion-mnist", "test")


HISTORIES = {
    "`history` is None; the task asks for what fit returns: history = mlplab.fit(…).": None,
    "`history` is a dict; the task asks for what fit returns: history = mlplab.fit(…).": {"val_loss": [1.0]},
    "Your training has no validation: give fit validation_data=(…, …).": types.SimpleNamespace(history={"loss": [1.0]}),
    "Your `history` has 1 epoch; the task asks for 3.": types.SimpleNamespace(history={"val_loss": [1.0]}),
}


@pytest.mark.parametrize("message", HISTORIES)
def test_what_is_no_history(message):
    with pytest.raises(WrongAnswer) as wrong:
        expect.history(HISTORIES[message], epochs=3)
    assert str(wrong.value) == message


NO_NUMBERS = {
    "`gap` is None; the task asks for a number.": None,
    "`gap` is a str; the task asks for a number.": "0.1",
    "`gap` is a bool; the task asks for a number.": True,
    "`gap` is a list; the task asks for a number.": [0.1],
    "`gap` is a NumPy array; the task asks for a number.": np.zeros(2),
    "`gap` is a complex128; the task asks for a number.": np.complex128(1j),
    "`gap` is nan; the task asks for a finite number.": math.nan,
    "`gap` is inf; the task asks for a finite number.": np.float32("inf"),
}


@pytest.mark.parametrize("message", NO_NUMBERS)
def test_what_is_no_number(message):
    with pytest.raises(WrongAnswer) as wrong:
        expect.number(NO_NUMBERS[message], "gap")
    assert str(wrong.value) == message


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), np.array(3.0), jnp.float32(3)])
def test_a_number_is_one_whatever_it_comes_from(value):
    assert expect.number(value, "best_epoch") == 3.0
