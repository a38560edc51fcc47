"""Models that the engine is held against Keras with: each builder gives a compiled model, the same at each call."""

import numpy as np

from mlplab import keras

layers = keras.layers


def _inputs():
    return [keras.Input((28, 28)), layers.Flatten()]


def notebook(optimizer="adam", **compile_arguments):
    keras.utils.set_random_seed(7)
    model = keras.Sequential([*_inputs(), layers.Dense(20, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam" if optimizer is None else optimizer, **{**_CLASSIFIER, **compile_arguments})
    return model


def batch_norm_l2():
    keras.utils.set_random_seed(7)
    dense = layers.Dense(30, use_bias=False, kernel_regularizer=keras.regularizers.L2(1e-3))
    model = keras.Sequential(
        [*_inputs(), dense, layers.BatchNormalization(), layers.ReLU(), layers.Dense(10, "softmax")]
    )
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), **_CLASSIFIER)
    return model


def dropout():
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [*_inputs(), *(layer for _ in range(2) for layer in (layers.Dense(50, "relu"), layers.Dropout(0.2)))]
        + [layers.Dense(10, "softmax")]
    )
    model.compile("adam", **_CLASSIFIER)
    return model


def cnn():
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    model.compile("adam", **_CLASSIFIER)
    return model


def two_outputs():
    """Class, and whether the class is above 4; a metric list for each."""
    keras.utils.set_random_seed(7)
    image = keras.Input((28, 28))
    hidden = layers.Dense(20, "relu")(layers.Flatten()(image))
    outputs = {
        "digit": layers.Dense(10, "softmax", name="digit")(hidden),
        "high": layers.Dense(1, "sigmoid", name="high")(hidden),
    }
    model = keras.Model(image, outputs)
    model.compile(
        "adam",
        loss={"digit": "sparse_categorical_crossentropy", "high": "binary_crossentropy"},
        loss_weights={"digit": 1.0, "high": 0.5},
        metrics={"digit": ["accuracy"], "high": ["accuracy", keras.metrics.AUC(name="auc")]},
    )
    return model


class _Scaled(keras.Sequential):
    """A custom step: half-size inputs, and a log of its own beside the metrics."""

    def train_step(self, state, data):
        x, y = data
        logs, state = super().train_step(state, (0.5 * x, y))
        return {**logs, "half": x.mean() * 0.5}, state


def custom_train_step():
    keras.utils.set_random_seed(7)
    model = _Scaled([*_inputs(), layers.Dense(20, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", **_CLASSIFIER)
    return model


_CLASSIFIER = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}

DENSE = {f.__name__: f for f in (notebook, batch_norm_l2, dropout, two_outputs, custom_train_step)}
ALL = {**DENSE, "cnn": cnn}


def targets(model, labels: np.ndarray):
    """Labels in the form that the model's loss takes."""
    return {"digit": labels, "high": (labels > 4).astype("float32")[:, None]} if len(model.outputs) > 1 else labels
