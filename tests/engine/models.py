"""Models for comparisons with Keras. Each builder makes a compiled model, the same at each call."""

import functools

import numpy as np

from mlplab import keras

layers = keras.layers

CLASSIFIER = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def seeded(build):
    """The builder with the random state that its weights are drawn from."""

    @functools.wraps(build)
    def build_seeded(*arguments, **named):
        keras.utils.set_random_seed(7)
        return build(*arguments, **named)

    return build_seeded


def sequential(*hidden, optimizer="adam", inputs=True, **compile_arguments):
    """28 × 28 images through `hidden` to ten classes."""
    first = [keras.Input((28, 28))] if inputs else []
    model = keras.Sequential([*first, layers.Flatten(), *hidden, layers.Dense(10, "softmax")])
    model.compile(optimizer, **{**CLASSIFIER, **compile_arguments})
    return model


@seeded
def notebook(optimizer="adam", **compile_arguments):
    return sequential(layers.Dense(20, "relu"), optimizer=optimizer, **compile_arguments)


def varied(learning_rate=1e-3, units=8):
    """A network whose learning rate and units differ between the members of a population."""
    model = keras.Sequential([keras.Input((28, 28)), layers.Flatten(), layers.Dense(units, "relu"), layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss=loss, metrics=["accuracy"])
    return model


@seeded
def small(optimizer="adam", **compile_arguments):
    """Few weights and quickly compiled: for what is not about the model."""
    return sequential(optimizer=optimizer, **compile_arguments)


@seeded
def batch_norm_l2():
    dense = layers.Dense(30, use_bias=False, kernel_regularizer=keras.regularizers.L2(1e-3))
    sgd = keras.optimizers.SGD(0.05, momentum=0.9)
    return sequential(dense, layers.BatchNormalization(), layers.ReLU(), optimizer=sgd)


@seeded
def dropout():
    return sequential(layers.Dense(50, "relu"), layers.Dropout(0.2), layers.Dense(50, "relu"), layers.Dropout(0.2))


@seeded
def regularised_and_constrained():
    dense = layers.Dense(
        20,
        "relu",
        kernel_regularizer=keras.regularizers.L1L2(1e-4, 1e-4),
        activity_regularizer=keras.regularizers.L2(1e-4),
        kernel_constraint=keras.constraints.MaxNorm(1.0),
        bias_constraint=keras.constraints.NonNeg(),
    )
    return sequential(dense)


@seeded
def several_metrics():
    """One-hot labels; metrics that are numbers and vectors, weighted and not."""
    metrics = ["accuracy", keras.metrics.F1Score(), keras.metrics.AUC(name="auc")]
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    return notebook(loss=loss, metrics=metrics, weighted_metrics=["accuracy"])


@seeded
def without_input():
    return sequential(layers.Dense(20, "relu"), inputs=False)


@seeded
def cnn():
    convolution = layers.Conv2D(4, 3, strides=2, activation="relu")
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            convolution,
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", **CLASSIFIER)
    return model


@seeded
def two_outputs():
    """The two halves of the image → its class, and whether that is above 4; each output with metrics of its own."""
    halves = {name: keras.Input((14, 28), name=name) for name in ("upper", "lower")}
    hidden = layers.Concatenate()([layers.Dense(10, "relu")(layers.Flatten()(half)) for half in halves.values()])
    outputs = {
        "digit": layers.Dense(10, "softmax", name="digit")(hidden),
        "high": layers.Dense(1, "sigmoid", name="high")(hidden),
    }
    model = keras.Model(halves, outputs)
    model.compile(
        "adam",
        loss={"digit": "sparse_categorical_crossentropy", "high": "binary_crossentropy"},
        loss_weights={"digit": 1.0, "high": 0.5},
        metrics={"digit": ["accuracy"], "high": ["accuracy", keras.metrics.AUC(name="auc")]},
        weighted_metrics={"digit": ["accuracy"], "high": []},
    )
    return model


class _Scaled(keras.Sequential):
    """A custom step: half-size inputs, and logs of its own beside the metrics."""

    def train_step(self, state, data):
        x, y = data
        logs, state = super().train_step(state, (0.5 * x, y))
        return {**logs, "half": x.mean() * 0.5, "constant": 3.0}, state


class _OwnLossAndMetrics(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, y, y_pred, sample_weight) + 0.01 * keras.ops.mean(y_pred**2)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return {**super().compute_metrics(x, y, y_pred, sample_weight), "spread": keras.ops.std(y_pred)}


class _Subclass(keras.Model):
    """Nothing is known of it before it is called."""

    def __init__(self):
        super().__init__()
        self.flatten, self.hidden, self.out = layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(10, "softmax")

    def call(self, x):
        return self.out(self.hidden(self.flatten(x)))


def _with_class(kind):
    model = kind([keras.Input((28, 28)), layers.Flatten(), layers.Dense(20, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", **CLASSIFIER)
    return model


@seeded
def custom_train_step():
    return _with_class(_Scaled)


@seeded
def own_loss_and_metrics():
    return _with_class(_OwnLossAndMetrics)


@seeded
def subclass():
    model = _Subclass()
    model.compile("adam", **CLASSIFIER)
    return model


DENSE = {
    build.__name__: build
    for build in (
        *(batch_norm_l2, dropout, regularised_and_constrained, several_metrics, two_outputs, custom_train_step),
        *(own_loss_and_metrics, subclass),
    )
}
ALL = {**DENSE, "notebook": notebook, "cnn": cnn}
PACKED = ("notebook", "batch_norm_l2", "two_outputs", "cnn")


def data(name: str, x: np.ndarray, labels: np.ndarray):
    """Return images and labels in the form that the model of this name takes."""
    if name == "two_outputs":
        return {"upper": x[:, :14], "lower": x[:, 14:]}, {
            "digit": labels,
            "high": (labels > 4).astype("float32")[:, None],
        }
    return x, np.eye(10, dtype="float32")[labels] if name == "several_metrics" else labels
