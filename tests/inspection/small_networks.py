"""Small runs of drawn networks, and an independent forward pass in NumPy, float64."""

from pathlib import Path
from typing import Any

import numpy as np

import mlplab
from mlplab import keras, scores
from mlplab.runs import Config, Predictions, Run, Settings, machine
from mlplab.runs.checkpoint import Checkpoint
from mlplab.runs.dataset_ref import identity
from mlplab.runs.directory import RunDirectory
from mlplab.runs.probabilities import probabilities_of
from mlplab.runs.result import Logged, RunResult, Scores
from mlplab.training.splits import fit_preprocessing

layers = keras.layers


def small_data(shape: tuple[int, ...], classes: int, seed: int = 0) -> tuple[Any, Any]:
    """Draw rows around one point for each class, uint8 images or float features: 300 training and 120 test rows."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, *shape))

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.arange(n) % classes)
        rows = centres[labels] + 1.5 * rng.normal(size=(n, *shape))
        images = np.clip(127 + 30 * rows, 0, 255).astype(np.uint8)
        return (rows.astype(np.float32) if len(shape) == 1 else images), labels

    return part(300), part(120)


def run_of(
    model: keras.Model, data: Any, out: Path, logits: bool = False, standardize: bool = False, validation: int = 100
) -> Run:
    """Write a finished run of a model with drawn weights, which needs no compiled training step.

    Some training rows are held out for validation, and the test rows are predicted.
    """
    rng = np.random.default_rng(1)
    drawn = [w if w.ndim < 2 else rng.normal(size=w.shape) / np.sqrt(w[..., 0].size) for w in model.get_weights()]
    model.set_weights(drawn)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=logits))
    loaded = mlplab.load(data)
    order = rng.permutation(len(loaded.train))
    split = {"train": np.sort(order[validation:]), "validation": np.sort(order[:validation])}
    config = Config(
        settings=Settings(standardize=standardize),
        data=identity(loaded),
        input_shape=loaded.train.inputs.shape[1:],
        class_names=loaded.class_names,
        preprocessing=fit_preprocessing(loaded.train.inputs, split["train"], standardize),
        versions=machine.versions(),
        device="cpu",
        threads=1,
    )
    test, directory = loaded.test, RunDirectory(out)
    probabilities = probabilities_of(model, test.inputs, config)
    directory.write_start(config, model)
    directory.write_network_start(split, Checkpoint(0, [], {}))
    directory.write_weights(model.get_weights())
    directory.write_predictions("test", Predictions(np.arange(len(test)), test.labels, probabilities))
    scores_of_test = Scores(**scores.accuracy(test.labels, probabilities))
    directory.write_result(
        RunResult(1, str(out), model.count_params(), 0, Logged(None, None), None, scores_of_test, {}, [], {}, None, {})
    )
    return Run(out)


def forward(model: keras.Model, x: np.ndarray) -> list[np.ndarray]:
    """Compute the output of each layer of a Sequential dense network for preprocessed x (n, …)."""
    outputs, x = [], np.asarray(x, np.float64)
    for layer in model.layers:
        weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
        kind = type(layer).__name__
        if kind in ("Flatten", "Reshape"):
            x = x.reshape(len(x), -1)
        elif kind == "Rescaling":
            x = x * layer.scale + layer.offset
        elif kind == "BatchNormalization":
            gamma, beta, mean, variance = weights
            x = gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta
        elif kind == "Dense":
            x = _activated(x @ weights[0] + (weights[1] if len(weights) > 1 else 0), layer.activation.__name__)
        elif kind == "Activation":
            x = _activated(x, layer.activation.__name__)
        else:
            assert kind == "Dropout", kind
        outputs.append(x)
    return outputs


def differences(run: Run, row: np.ndarray, logits: bool = False) -> np.ndarray:
    """Central differences of log p of the predicted class in NumPy, float64, in the shape of the row."""
    x = np.asarray(run.config.preprocessing(row[None]), np.float64)
    steps = 1e-6 * np.eye(row.size).reshape(row.size, *row.shape)
    predicted = forward(run.model, x)[-1][0].argmax()
    outputs = (forward(run.model, x + sign * steps)[-1] for sign in (1, -1))
    up, down = ((np.log(_activated(out, "softmax")) if logits else np.log(out))[:, predicted] for out in outputs)
    return ((up - down) / 2e-6).reshape(row.shape)


def _activated(x: np.ndarray, name: str) -> np.ndarray:
    if name == "softmax":
        exponentials = np.exp(x - x.max(1, keepdims=True))
        return exponentials / exponentials.sum(1, keepdims=True)
    return {
        "relu": lambda: np.maximum(x, 0),
        "tanh": lambda: np.tanh(x),
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "linear": lambda: x,
    }[name]()
