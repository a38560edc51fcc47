"""The network of a classifier: the Keras model that people see, and the one that trains the same layers."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mlplab.engine import keras, predict
from mlplab.estimator.labels import Kind
from mlplab.models import mlp
from mlplab.models.penalised import PenalisedNetwork, all_labels_right

_OF_KERAS = {"identity": "linear", "logistic": "sigmoid"}
"""Keras's names of activations, where scikit-learn has others."""
_ROWS = 1024
"""Rows that are predicted in a step."""


@dataclass(frozen=True)
class Architecture:
    """What a network is built of.

    Attributes:
        inputs: numbers a row.
        hidden: units of each hidden layer.
        activation: of the hidden layers, by scikit-learn's or Keras's name.
        kind, outputs: see `Labels`.
        dropout: fraction of a hidden layer's outputs that training sets to 0.
        batch_norm: whether each hidden layer is normalised before its activation.
    """

    inputs: int
    hidden: tuple[int, ...]
    activation: str
    kind: Kind
    outputs: int
    dropout: float = 0.0
    batch_norm: bool = False


@dataclass(frozen=True)
class Solver:
    """How a network is trained: the parameters of `MLPClassifier` that make Keras's optimizer and loss."""

    solver: str
    learning_rate_init: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    measures_accuracy: bool = False

    def optimizer(self) -> keras.optimizers.Optimizer:
        """Return a new optimizer. Keras's SGD and Adam are those of scikit-learn."""
        if self.solver == "sgd":
            return keras.optimizers.SGD(self.learning_rate_init, float(self.momentum), bool(self.nesterovs_momentum))
        return keras.optimizers.Adam(self.learning_rate_init, self.beta_1, self.beta_2, self.epsilon)


class Network:
    """A dense network that computes logits, trained with scikit-learn's loss.

    Args:
        architecture: what it is built of.
        seed: of dropout.

    Attributes:
        training: the model that is trained; it ends in logits.
        solver: what it was last compiled with.
    """

    def __init__(self, architecture: Architecture, seed: int = 0):
        self.architecture, self.seed = architecture, seed
        self.solver: Solver | None = None
        activation = _OF_KERAS.get(architecture.activation, architecture.activation)
        hidden = mlp(
            (architecture.inputs,),
            architecture.outputs,
            architecture.hidden,
            activation=activation,
            dropout=architecture.dropout,
            batch_norm=architecture.batch_norm,
            seed=seed,
        ).layers[:-1]
        last = keras.layers.Dense(architecture.outputs, name="logits")
        self.training = PenalisedNetwork([keras.Input((architecture.inputs,)), *hidden, last])
        self._model: keras.Sequential | None = None

    def compile(self, solver: Solver) -> None:
        """Compile the network with a new optimizer."""
        self.solver, reduction, kind = solver, "mean_with_sample_weight", self.architecture.kind
        loss: keras.losses.Loss
        if kind == "multiclass":
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=reduction)
            accuracy: keras.Metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
        else:
            loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=reduction)
            accuracy = keras.metrics.MeanMetricWrapper(all_labels_right, name="accuracy")
        self.training.compile(
            solver.optimizer(),
            loss,
            # Keras takes the mean over the labels of a row, scikit-learn the sum.
            loss_weights=float(self.architecture.outputs) if kind == "multilabel" else None,
            weighted_metrics=[accuracy] if solver.measures_accuracy else None,
        )

    @property
    def model(self) -> keras.Sequential:
        """The same layers and a last one that makes probabilities, compiled for evaluation."""
        if self._model is None:
            several = self.architecture.kind == "multiclass"
            last = keras.layers.Activation("softmax" if several else "sigmoid")
            inputs = keras.Input((self.architecture.inputs,))
            self._model = keras.Sequential([inputs, *self.training.layers, last])
            loss = "sparse_categorical_crossentropy" if several else "binary_crossentropy"
            assert self.solver is not None
            self._model.compile(self.solver.optimizer(), loss, metrics=["accuracy"])
        return self._model

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return float32 (n, outputs) for float32 rows (n, inputs).

        The rows that fill no batch are repeated up to a power of two: few programs serve all numbers of rows.
        """
        whole = len(x) - len(x) % _ROWS
        parts = [predict(self.training, x[:whole], batch_size=_ROWS, verbose=0)] if whole else []
        if rest := len(x) - whole:
            rows = 1 << (rest - 1).bit_length()
            padded = np.resize(x[whole:], (rows, x.shape[1]))
            parts.append(predict(self.training, padded, batch_size=rows, verbose=0)[:rest])
        return np.concatenate(parts)

    def set_weights(self, weights: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Give each dense layer its kernel and, if it has one, its bias."""
        for layer, (kernel, bias) in zip(self._dense(), weights, strict=True):
            layer.set_weights([kernel, bias] if layer.use_bias else [kernel])

    @property
    def kernels(self) -> list[np.ndarray]:
        return [np.array(layer.kernel) for layer in self._dense()]

    @property
    def biases(self) -> list[np.ndarray]:
        """The bias of each dense layer; where the layer is normalised, the offset that stands in its place."""
        normalisations = iter([x for x in self.training.layers if isinstance(x, keras.layers.BatchNormalization)])
        return [np.array(each.bias if each.use_bias else next(normalisations).beta) for each in self._dense()]

    def _dense(self) -> Iterator[keras.layers.Dense]:
        return (layer for layer in self.training.layers if isinstance(layer, keras.layers.Dense))

    def __getstate__(self) -> dict[str, Any]:
        """Return arrays and settings, without objects of Keras: what pickles and copies are made of."""
        optimizer = self.training.optimizer if self.solver else None
        return {
            "architecture": self.architecture,
            "seed": self.seed,
            "weights": self.training.get_weights(),
            "solver": self.solver,
            "optimizer": [np.array(v) for v in optimizer.variables] if optimizer and optimizer.built else None,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["architecture"], state["seed"])
        if state["solver"] is not None:
            self.compile(state["solver"])
        self.training.set_weights(state["weights"])
        if state["optimizer"] is not None:
            self.training.optimizer.build(self.training.trainable_variables)
            for variable, value in zip(self.training.optimizer.variables, state["optimizer"], strict=True):
                variable.assign(value)


def first_weights(architecture: Architecture, random: np.random.RandomState) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw kernel and bias of each layer as scikit-learn does, `BaseMultilayerPerceptron._init_coef`.

    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", eq. 16, for
    the biases too; with a third of the variance for the logistic function.
    """
    factor = 2.0 if _OF_KERAS.get(architecture.activation, architecture.activation) == "sigmoid" else 6.0
    weights = []
    for fan_in, fan_out in pairwise((architecture.inputs, *architecture.hidden, architecture.outputs)):
        limit = np.sqrt(factor / (fan_in + fan_out))
        kernel = random.uniform(-limit, limit, (fan_in, fan_out))
        weights.append((kernel, random.uniform(-limit, limit, fan_out)))
    return weights
