"""What cannot be trained is refused before anything is trained, in one error that says what came and what to do."""

import subprocess
import sys

import models
import numpy as np
import pytest

import mlplab
from mlplab import keras
from mlplab.engine import ArraySource
from mlplab.errors import DataError, ModelError, UsageError

layers = keras.layers
N = 64
X = np.zeros((N, 28, 28), "float32")
Y = (np.arange(N) % 10).astype("int32")


def at(array, index, value):
    array = array.astype("float32") if isinstance(value, float) else array.copy()
    array[index] = value
    return array


class _DataSet:
    """Batches by a method of their own."""

    def __iter__(self):
        return iter([(X, Y)])


DATA = {
    "a data set that Keras does not know": ({"x": _DataSet(), "y": None}, r"x must be an array.*_DataSet.*generator"),
    "lists of numbers": ({"x": [[1.0, 2.0]], "y": [0]}, r"x must be an array.*float.*np.asarray of a list"),
    "labels in a list": ({"y": Y.tolist()}, r"y must be an array.*int.*np.asarray"),
    "strings": ({"x": X.astype(str)}, r"x must hold numbers; got dtype <U"),
    "objects": ({"y": Y.astype(object)}, r"y must hold numbers; got dtype object"),
    "a scalar": ({"x": np.float32(1)}, r"x must have rows"),
    "nothing": ({"x": None, "y": None}, r"x is missing: give an array"),
    "a masked array": (
        {"x": np.ma.masked_array(X, X == 0)},
        r"x must be a plain array; got a masked array with 50,176 masked",
    ),
    "masked labels": (
        {"y": np.ma.masked_array(Y)},
        r"y must be a plain array; got a masked array with 0 masked values",
    ),
    "NaN": (
        {"x": at(at(X, (3, 1, 2), np.nan), (9, 0, 0), np.nan)},
        r"x has 2 values that are NaN.*first at \[3, 1, 2\]",
    ),
    "infinity": ({"x": at(X, (5, 0, 27), -np.inf)}, r"x has 1 values that are NaN or infinite.*\[5, 0, 27\]"),
    "too large for float32": ({"x": at(X, 0, 1.0).astype("float64") * 1e39}, r"x has 784 values"),
    "NaN in validation": ({"validation_data": (at(X, (0, 0, 0), np.nan), Y)}, r"validation_data's x has 1 values"),
    "NaN in weights": ({"sample_weight": at(np.ones(N), 4, np.nan)}, r"sample_weight has 1 values"),
    "a label too high": ({"y": at(Y, 7, 10)}, r"labels from 0 to 9 .*10 outputs; got 0 to 10\. .*11 units"),
    "a label too low": ({"y": at(Y, 7, -1)}, r"got -1 to 9\. Number the classes from 0"),
    "labels between numbers": ({"y": at(Y, 7, 2.5)}, r"Expected integer labels in y"),
    "validation's label too high": (
        {"validation_data": (X, Y + 1)},
        r"Expected labels from 0 to 9 in validation_data's y.*got 1 to 10",
    ),
    "rows that do not match": ({"y": Y[:-1]}, r"same number of rows; got x: 64, y: 63"),
    "weights that do not match": ({"sample_weight": np.ones(3)}, r"x: 64, y: 64, sample_weight: 3"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, r"no rows"),
}
USAGE = {
    "less than no epochs": ({"epochs": -1}, r"epochs must be a whole number of at least 0; got -1"),
    "half an epoch": ({"epochs": 0.5}, r"epochs must be a whole number.*0.5"),
    "a negative first epoch": ({"initial_epoch": -1}, r"initial_epoch"),
    "a negative batch": ({"batch_size": -32}, r"batch_size must be a whole number of at least 1; got -32"),
    "a batch of no rows": ({"batch_size": 0}, r"batch_size"),
    "a fractional batch": ({"batch_size": 32.0}, r"batch_size must be a whole number.*32.0"),
    "a negative validation batch": ({"validation_split": 0.5, "validation_batch_size": -1}, r"validation_batch_size"),
    "all held out": ({"validation_split": 1.0}, r"validation_split must be between 0 and 1.*1.0 of 64 rows"),
    "less than none held out": ({"validation_split": -0.5}, r"validation_split must be between"),
    "nothing held out": ({"validation_split": 0.5, "x": X[:1], "y": Y[:1]}, r"leave rows in both parts"),
    "never validated": ({"validation_freq": 0}, r"validation_freq"),
    "both weights": ({"class_weight": {0: 2.0}, "sample_weight": np.ones(N)}, r"not both"),
    "class weights in an array": ({"class_weight": np.ones(10)}, r"must be a dict.*dict\(enumerate"),
    "no steps": ({"steps_per_epoch": 0}, r"steps_per_epoch must be a whole number of at least 1; got 0"),
    "half a validation step": ({"validation_steps": 0.5}, r"validation_steps must be a whole number"),
    "steps beside a source": (
        {"x": ArraySource(X, Y), "y": None, "steps_per_epoch": 3},
        r"steps_per_epoch: the Source",
    ),
    "a negative seed": ({"seed": -1}, r"seed must be"),
    "a shuffle that is none": ({"shuffle": "yes"}, r"shuffle must be True, False or 'batch'; got 'yes'"),
    "labels beside a source": ({"x": ArraySource(X, Y)}, r"y: the Source given as x brings its own"),
    "batches beside a source": ({"x": ArraySource(X, Y), "y": None, "batch_size": 3}, r"batch_size: the Source"),
}


@pytest.fixture(scope="module")
def model():
    return models.small()


def refused(error, message, model, arguments):
    before = [v.numpy() for v in model.trainable_variables]
    with pytest.raises(error, match=f"(?s){message}"):
        mlplab.fit(model, **{"x": X, "y": Y, "verbose": 0, **arguments})
    for p, v in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(p, v.numpy())


@pytest.mark.parametrize("what", DATA)
def test_data_that_cannot_be_right(what, model):
    arguments, message = DATA[what]
    refused(DataError, message, model, arguments)


@pytest.mark.parametrize("what", USAGE)
def test_arguments_without_meaning(what, model):
    arguments, message = USAGE[what]
    refused(UsageError, message, model, arguments)


def test_labels_of_one_of_two_outputs():
    x, y = models.data("two_outputs", X, Y)
    refused(DataError, r"in y\['digit'\].*got 1 to 10", models.two_outputs(), {"x": x, "y": {**y, "digit": Y + 1}})


@pytest.mark.parametrize("loss", ["categorical_crossentropy", keras.losses.CategoricalCrossentropy()], ids=type)
def test_class_numbers_for_a_loss_of_one_hot_rows(loss, model):
    model.compile(loss=loss, optimizer="adam")
    with pytest.raises(DataError, match=r"y has class numbers.*keras\.utils\.to_categorical\(y\).*sparse_"):
        mlplab.fit(model, X, Y, verbose=0)


def test_class_weights_with_two_outputs():
    x, y = models.data("two_outputs", X, Y)
    refused(UsageError, "one output", models.two_outputs(), {"x": x, "y": y, "class_weight": {0: 1.0}})


def test_class_weights_of_labels_by_time_step(model):
    refused(
        UsageError,
        r"one label a row; got y of shape \(64, 5, 1\).*sample_weight of shape \(64, 5\)",
        model,
        {"y": np.ones((N, 5, 1)), "class_weight": {0: 1.0}},
    )


def test_weights_of_a_shape_that_does_not_fit():
    message = r"does not fit x of shape .*sample_weight of shape \(n, 3\). Keras says"
    refused(ModelError, message, models.small(), {"sample_weight": np.ones((N, 3))})


def test_weights_by_column_with_two_outputs():
    x, y = models.data("two_outputs", X, Y)
    message = r"one number a row, the same for all outputs.*got shape \(64, 3\)"
    refused(DataError, message, models.two_outputs(), {"x": x, "y": y, "sample_weight": np.ones((N, 3))})


def test_weights_nested_otherwise_than_targets():
    x, y = models.data("two_outputs", X, Y)
    refused(DataError, "nested as y is", models.two_outputs(), {"x": x, "y": y, "sample_weight": {"digit": np.ones(N)}})


@pytest.mark.parametrize("verb", [mlplab.fit, mlplab.evaluate], ids=["fit", "evaluate"])
def test_a_model_not_compiled(verb):
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten()])
    with pytest.raises(ModelError, match=rf"Compile the model before mlplab.{verb.__name__}"):
        verb(model, X, Y)


def test_a_model_that_is_none():
    with pytest.raises(ModelError, match=r"takes a keras\.Model; got ndarray"):
        mlplab.fit(X, X, Y)
    with pytest.raises(ModelError, match=r"takes a keras\.Model; got str"):
        mlplab.predict("model", X)


class _Watches(keras.Model):
    """Updates a metric in `call`, or later."""

    def __init__(self, when):
        super().__init__()
        self.dense, self.seen, self.when = layers.Dense(1), keras.metrics.Mean(name="seen"), when

    def call(self, x, training=False):
        if self.when == "call" or (self.when == "evaluating" and not training):
            self.seen.update_state(x)
        return self.dense(keras.ops.reshape(x, (-1, 28 * 28)))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if self.when == "compute_metrics":
            self.seen.update_state(x)
        return super().compute_metrics(x, y, y_pred, sample_weight)


@pytest.mark.parametrize("when", ["call", "evaluating"])
def test_a_metric_updated_in_call(when):
    model = _Watches(when)
    model.compile("sgd", "mse")
    with pytest.raises(ModelError, match=r"updates 'seen' in call.*compute_metrics"):
        mlplab.fit(model, X, Y, verbose=0)


def test_a_metric_updated_after_the_call_is_logged():
    model = _Watches("compute_metrics")
    model.compile("sgd", "mse")
    x = np.full((8, 28, 28), 2.5, "float32")
    assert mlplab.fit(model, x, np.zeros(8), verbose=0).history["seen"] == [2.5]


@pytest.mark.parametrize("trained", [False, True], ids=["new", "trained"])
def test_a_model_for_other_shapes(trained):
    model = models.small()
    if trained:
        mlplab.fit(model, X, Y, verbose=0)
    wrong = np.zeros((N, 10), "float32")
    refused(ModelError, r"does not fit x of shape \(n, 10\) with y of shape \(n\).*Keras says", model, {"x": wrong})
    refused(ModelError, r"y of shape \(n, 4\)", model, {"y": np.zeros((N, 4), "float32")})
    refused(ModelError, r"x of shape \(n, 10\)", model, {"validation_data": (wrong, Y)})
    with pytest.raises(ModelError, match=r"x of shape \(n, 10\)"):
        mlplab.evaluate(model, wrong, Y)
    with pytest.raises(ModelError, match=r"x of shape \(n, 10\)"):
        mlplab.predict(model, wrong)


def test_a_model_that_cannot_be_built_for_the_data():
    model = models.without_input()
    model.add(layers.Conv2D(1, 3))
    for verb in (mlplab.fit, mlplab.evaluate):
        with pytest.raises(ModelError, match=r"does not fit x of shape \(n, 28, 28\)"):
            verb(model, X, Y)


@pytest.mark.slow
def test_weights_frozen_after_the_optimizer_was_built():
    model = models.notebook()
    mlplab.fit(model, X, Y, verbose=0)
    model.layers[1].trainable = False
    refused(ModelError, "frozen.*Compile the model again", model, {})
    mlplab.evaluate(model, X, Y)
    model.compile("adam", **models.CLASSIFIER)
    frozen = model.layers[1].kernel.numpy()
    mlplab.fit(model, X, Y, verbose=0)
    np.testing.assert_array_equal(frozen, model.layers[1].kernel.numpy())


def test_an_optimizer_that_belongs_to_another_model():
    first = models.small()
    mlplab.fit(first, X, Y, verbose=0)
    second = models.small(first.optimizer)
    refused(ModelError, "belongs to another model", second, {})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "backend", "message"),
    [
        ("import mlplab; mlplab.fit", "numpy", "KERAS_BACKEND=numpy"),
        ("import keras; import mlplab; mlplab.fit", "numpy", "imported on 'numpy' before mlplab"),
    ],
    ids=["in the environment", "imported"],
)
def test_keras_on_another_backend(code, backend, message):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"KERAS_BACKEND": backend, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "BackendError" in done.stderr
    assert message in done.stderr
