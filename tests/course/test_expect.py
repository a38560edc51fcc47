"""The requirements of checks meet unexpected values: each answers with a sentence, and none fails."""

import math

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


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


class Named(keras.Model):
    """A functional model of another class; its layers can be read."""

    def __init__(self):
        inputs = keras.Input((8, 8))
        super().__init__(inputs, layers.Dense(10, "softmax")(layers.Flatten()(inputs)))


def network(*between, image=(8, 8), output=None, **compile_arguments):
    """Flatten, the given layers, and an output layer of ten, for digits."""
    last = layers.Dense(10, "softmax") if output is None else output
    model = keras.Sequential([keras.Input(image), layers.Flatten(), *between, last])
    defaults = {"loss": "categorical_crossentropy", "optimizer": "adam", "metrics": ["accuracy"]}
    model.compile(**{**defaults, **compile_arguments})
    return model


def two_outputs():
    inputs = keras.Input((8, 8))
    x = layers.Flatten()(inputs)
    return keras.Model(inputs, [layers.Dense(10)(x), layers.Dense(10)(x)])


def history(**logs):
    made = keras.callbacks.History()
    made.history = logs
    return made


def my_loss(y_true, y_pred):
    return keras.ops.mean(y_pred)


def model(value):
    return lambda: expect.model(value() if callable(value) and value is not keras.Model else value, DIGITS)


def compiled(**arguments):
    return lambda: expect.compiled(network(**arguments), learning_rate=0.001)


def number(value):
    return lambda: expect.number(value, "gap")


MISTAKES = {
    "`model` is None: there is no model yet. Build one, and give it that name.": model(None),
    "`model` is a str; the task asks for a Keras model.": model("model"),
    "`model` is a NumPy array; the task asks for a Keras model.": model(np.zeros((10, 784))),
    "`model` is a Dense; the task asks for a Keras model.": model(lambda: layers.Dense(10)),
    "`model` is the class Model, not an object of it; the task asks for a Keras model.": model(keras.Model),
    "`model` is the History that fit returns; the task asks for the trained model.": model(history(loss=[1.0])),
    "Your model takes inputs of shape (8, 8, 1); an image is (8, 8): keras.Input((8, 8)).": model(
        lambda: network(image=(8, 8, 1))
    ),
    "Your model gives (10,) and (10,) numbers for an image; there are 10 classes.": model(two_outputs),
    "Your model is not built: its inputs have no shape yet. Start it with keras.Input(…), or train it.": model(
        lambda: keras.Sequential([layers.Flatten(), layers.Dense(10, "softmax")])
    ),
    "The layers of your model cannot be read: Subclassed.call is code. "
    "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs).": model(Subclassed),
    "The layers of your model cannot be read: it has none. "
    "Build it with keras.Sequential([…]) or keras.Model(inputs, outputs).": model(lambda: keras.Model()),
    "Your loss is huber; the task asks for categorical_crossentropy.": compiled(loss=keras.losses.Huber()),
    "Your loss is my_loss; the task asks for categorical_crossentropy.": compiled(loss=my_loss),
    "Your optimizer is missing; the task asks for adam.": compiled(optimizer=None),
    "Your optimizer is adamw; the task asks for adam.": compiled(
        loss="CategoricalCrossentropy", optimizer=keras.optimizers.AdamW()
    ),
    "Your learning rate is 0.1; the task asks for 0.001.": compiled(
        loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adam(0.1)
    ),
    "`history` is None; the task asks for what fit returns: history = mlplab.fit(…).": lambda: expect.history(None),
    "`history` has curves of length 1 and 3; the task asks for 3 epochs, with validation after each.": (
        lambda: expect.history(history(loss=[1.0] * 3, val_loss=[1.0]), epochs=3)
    ),
    "`gap` is None; the task asks for a number.": number(None),
    "`gap` is a str; the task asks for a number.": number("0.1"),
    "`gap` is a bool; the task asks for a number.": number(True),
    "`gap` is a NumPy array; the task asks for a number.": number(np.zeros(2)),
    "`gap` is a complex128; the task asks for a number.": number(np.complex128(1j)),
    "`gap` is nan; the task asks for a finite number.": number(math.nan),
    "`gap` is inf; the task asks for a finite number.": number(np.float32("inf")),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_each_mistake_has_its_message(message):
    with pytest.raises(WrongAnswer) as wrong:
        MISTAKES[message]()
    assert str(wrong.value) == message


@pytest.mark.parametrize(
    "given",
    ["model", 7, [1, 2], {"model": None}, np.zeros(3), keras.Model, network],
    ids=lambda given: type(given).__name__,
)
def test_a_check_never_raises_for_what_is_no_model(given):
    assert not course.check("softmax-regression", given).passed
    assert not course.check("hidden-layer", given, linear_model=given).passed


def test_one_of_several_models_is_named():
    with pytest.raises(WrongAnswer, match=r"^`linear_model` is None: there is no model"), expect.of("linear_model"):
        expect.model(None, DIGITS, "linear_model")
    with pytest.raises(WrongAnswer, match=r"^`linear_model`: Your optimizer is sgd"), expect.of("linear_model"):
        expect.compiled(network(optimizer="sgd"))


def test_a_functional_model_of_another_class_is_read():
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
def test_layers_are_read_in_every_style(what):
    make, activation = READ[what]
    read = layers_of(make())
    assert [layer.kind for layer in read] == ["Flatten", "Dense", "Dense"]
    assert read[1].activation == activation


@pytest.mark.parametrize("operation", ["relu", "sigmoid", "tanh", "softmax"])
def test_operations_are_read_as_layers(operation):
    inputs = keras.Input((8, 8))
    x = getattr(keras.ops, operation)(layers.Dense(5)(keras.ops.reshape(inputs, (-1, 64))))
    read = layers_of(keras.Model(inputs, layers.Dense(10)(x)))
    assert [(layer.kind, layer.activation) for layer in read] == [("Flatten", ""), ("Dense", operation), ("Dense", "")]


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
def test_absurd_outputs_are_named(message):
    with pytest.raises(WrongAnswer) as wrong:
        expect.accuracy(ABSURD[message](), DIGITS, "test")
    assert message in str(wrong.value)


def test_half_precision_is_accepted():
    keras.utils.set_random_seed(1)
    model = network(output=layers.Dense(10, "softmax", dtype="bfloat16"))
    assert 0 <= expect.accuracy(model, DIGITS, "test") <= 1


@pytest.mark.parametrize("given", [["digits"], np.zeros(3), None, 3], ids=repr)
def test_what_is_not_the_name_of_a_data_set(given):
    with pytest.raises(UsageError, match="`dataset` must be a data set's name, such as 'fashion-mnist'; got"):
        expect.model(network(), given)


@pytest.mark.parametrize("value", [3, np.int64(3), np.float32(3), np.array(3.0), jnp.float32(3)])
def test_every_kind_of_number_is_accepted(value):
    assert expect.number(value, "best_epoch") == 3.0


@pytest.mark.slow
def test_a_loaded_model_keeps_its_epochs_and_raw_pixels_are_named(tmp_path):
    keras.utils.set_random_seed(1)
    (X, y), _ = mlplab.load_data(DIGITS)
    model = network(layers.Dense(32, "relu"))
    mlplab.fit(model, X.astype("float32") / 16, np.eye(10)[y], epochs=8, batch_size=32, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert expect.trained(loaded, epochs=8, rows=len(X), batch_size=32) == (
        f"It was trained for 8 epochs of {len(X):,} images in batches of 32"
    )
    with pytest.raises(WrongAnswer, match="was trained for 8 epochs; the task asks for 3"):
        expect.trained(loaded, epochs=3, rows=len(X), batch_size=32)
    # as if trained on pixels of 0…16: first weights divided by 16; with small sums, all images are of class 0
    kernel, *others, bias = model.get_weights()
    model.set_weights([kernel / 16, *others, bias + 2 * np.eye(10)[0]])
    with pytest.raises(WrongAnswer, match=r"trained on pixel values of 0…16: .* Divide the images by 16 before"):
        expect.accuracy(model, DIGITS, "test")


@pytest.mark.slow
def test_skipped_steps_of_a_scaled_loss_are_accepted():
    """The optimizer skips the first steps, until the scale is small enough, and does not count them."""
    keras.utils.set_random_seed(1)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=3e38)
    model = network(optimizer=scaled)
    (X, y), _ = mlplab.load_data(DIGITS)
    mlplab.fit(model, X.astype("float32") / 16, np.eye(10)[y], epochs=3, batch_size=32, verbose=0)
    assert expect.compiled(model) == "It is compiled with categorical_crossentropy and adam"
    assert int(scaled.iterations) < 3 * math.ceil(len(X) / 32)
    assert expect.trained(model, epochs=3) == "It was trained for 3 epochs"
    with pytest.raises(WrongAnswer, match="the task asks for 4"):
        expect.trained(model, epochs=4)


@pytest.mark.slow
def test_a_model_of_the_other_data_set_is_named():
    keras.utils.set_random_seed(1)
    (X, y), _ = mlplab.load_data("mnist")
    model = network(image=(28, 28))
    mlplab.fit(model, X[:6000].astype("float32") / 255, np.eye(10)[y[:6000]], epochs=4, verbose=0)
    with pytest.raises(WrongAnswer, match=r"^Your model was trained on mnist: its test accuracy there is 0\.[89]"):
        expect.accuracy(model, "fashion-mnist", "test")
