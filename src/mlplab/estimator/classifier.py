"""`MLPClassifier`: scikit-learn's estimator interface over the compiled engine."""

import warnings
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from mlplab.engine import fit_members, keras
from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import UsageError
from mlplab.estimator.labels import Labels
from mlplab.estimator.network import Network
from mlplab.estimator.parameters import MAX_FUN, check_parameters
from mlplab.estimator.rows import TrainingRows, prediction_rows, training_rows
from mlplab.estimator.training import Progress, Training, architecture_of, begin, finish


class MLPClassifier(ClassifierMixin, BaseEstimator):
    """A dense network with the interface of `sklearn.neural_network.MLPClassifier`, trained by mlplab's engine.

    Parameters have scikit-learn's names, defaults and meanings, and `dropout` and `batch_norm` besides. The same
    `random_state` gives the first weights, the order of rows and the validation rows of scikit-learn, so the results
    are equal up to rounding: mlplab computes in float32.

    Args:
        hidden_layer_sizes: units of each hidden layer, or of the only one; empty: softmax regression.
        activation: of the hidden layers: "identity", "logistic", "tanh", "relu", or any of Keras's.
        solver: "adam" or "sgd". ("lbfgs" is refused.)
        alpha: the L2 penalty: alpha / 2 · Σ‖kernel‖² / n is added to the loss of a batch of n rows; with sample
            weights n is their sum.
        batch_size: rows a step; "auto": 200. More than there are means all.
        learning_rate: of sgd: "constant"; "invscaling", `learning_rate_init / (rows seen + 1)**power_t`; "adaptive", a
            fifth whenever the training would stop, down to 1e-6.
        learning_rate_init: the learning rate at the beginning.
        power_t: see learning_rate.
        max_iter: epochs, at most.
        shuffle: whether each epoch has a new order.
        random_state: an int, a `RandomState`, or None: NumPy's global one.
        tol: an epoch that improves the loss, or with early_stopping the validation score, by less counts as none.
        verbose: whether a line is printed for each epoch.
        warm_start: whether `fit` continues with the weights of the fit before.
        momentum, nesterovs_momentum: of sgd.
        early_stopping: hold out validation_fraction of the rows, stop when the accuracy on them improves no more, and
            keep the weights of the best epoch.
        validation_fraction: see early_stopping.
        beta_1, beta_2, epsilon: of adam.
        n_iter_no_change: epochs without improvement after which the training stops.
        max_fun: of scikit-learn's lbfgs; without effect, and refused if it is changed.
        dropout: fraction of a hidden layer's outputs that training sets to 0, in [0, 1).
        batch_norm: whether each hidden layer is normalised before its activation.

    Attributes:
        classes_: the classes, sorted; of several labels a row, their column numbers.
        n_features_in_, feature_names_in_: of X; the names where X has some, as a pandas table.
        loss_curve_: training loss of each epoch, with penalty; loss_: the newest; best_loss_: the smallest, or None.
        validation_scores_, best_validation_score_: accuracies on the validation rows; None without early_stopping.
        validation_loss_curve_: log-losses on these; None without early_stopping.
        n_iter_: epochs of the last fit; t_: rows seen.
        coefs_, intercepts_: kernel (units before, units) and bias (units,) of each layer, as copies.
        n_layers_, n_outputs_, out_activation_: layers with the inputs; outputs; "softmax" or "logistic".
        model_: the Keras model, compiled, for `mlplab.evaluate`, `mlplab.save_run` and all else that takes one.

    Raises:
        UsageError, DataError: in `fit`, before anything is trained. Both are a ValueError.
        TrainingError: if the loss or a weight is no longer finite.

    Example:
        (x, y), (x_test, y_test) = mlplab.load_data("digits")
        x, x_test = x.reshape(len(x), -1) / 16, x_test.reshape(len(x_test), -1) / 16
        classifier = mlplab.MLPClassifier((32,), dropout=0.1, tol=0.02, n_iter_no_change=2, random_state=0)
        print(classifier.fit(x, y).score(x_test, y_test))
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = MAX_FUN,
        dropout: float = 0.0,
        batch_norm: bool = False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm

    @deferred_interrupt()
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the network.

        Args:
            X: (n, features), dense or sparse.
            y: classes of any kind, (n,); or 0 and 1 for each of several labels, (n, labels).
            sample_weight: (n,), at least 0. The loss of a batch is the weighted mean: where a batch holds all rows, a
                weight of k equals k copies.
        """
        rows = self.validated_rows(X, y, sample_weight)
        training = self.begin_fit(rows)
        self._train(training)
        return self.finish_fit(training)

    @deferred_interrupt()
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on some rows; the optimizer continues. The first call needs all `classes`, (classes,).

        With columns of labels `classes` is not looked at.
        """
        check_parameters(self)
        if self.early_stopping:
            raise UsageError(
                "early_stopping=True has no meaning for partial_fit, which trains for one epoch. Set it to False."
            )
        labels = self._labels_of_all(y, classes)
        rows = training_rows(self, X, y, sample_weight, labels, first=not self._is_fitted)
        training = begin(self, rows, self._network_for(rows), self._progress_so_far(), one_epoch=True)
        self._train(training)
        return self.finish_fit(training)

    def validated_rows(self, X: Any, y: Any, sample_weight: Any = None) -> TrainingRows:
        """Return the rows of a fit, which other classifiers can share; checks the parameters first."""
        check_parameters(self)
        continues = self.warm_start and self._is_fitted
        labels = self._labels if continues else None
        rows = training_rows(self, X, y, sample_weight, labels, first=not continues)
        if continues and rows.labels.kind != "multilabel" and len(np.unique(rows.targets)) < len(rows.labels.classes):
            raise UsageError(
                "warm_start continues with the classes of the fit before, and y lacks some of them: "
                f"{self.classes_.tolist()}. Give rows of all, or take partial_fit."
            )
        return rows

    def begin_fit(self, rows: TrainingRows) -> Training:
        """Prepare a fit to rows that `validated_rows` returned, to this classifier or another."""
        check_parameters(self)
        vars(self).update(rows.features)
        if self.warm_start and self._is_fitted:
            return begin(self, rows, self._network_for(rows), self._progress, one_epoch=False)
        return begin(self, rows, None, Progress(), one_epoch=False)

    def finish_fit(self, training: Training) -> Self:
        """Take the network of a fit that is done. Raises `TrainingError` if it diverged."""
        finish(training)
        progress = training.stopping.progress
        self._network, self._labels, self._progress = training.network, training.rows.labels, progress
        self.classes_ = self._labels.classes
        self.n_iter_, self.t_ = training.stopping.epochs, progress.rows_seen
        self.loss_curve_, self.loss_ = progress.loss_curve, progress.loss_curve[-1]
        early = self.early_stopping
        self.best_loss_ = None if early else progress.best_loss
        self.validation_scores_ = progress.validation_scores if early else None
        self.validation_loss_curve_ = progress.validation_loss_curve if early else None
        self.best_validation_score_ = progress.best_score if early else None
        self.n_layers_ = len(training.network.architecture.hidden) + 2
        self.n_outputs_ = self._labels.outputs
        self.out_activation_ = "softmax" if self._labels.kind == "multiclass" else "logistic"
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each row, (n,); or labels as 0 and 1, (n, labels)."""
        logits = self._logits(X)
        return self._labels.predicted(logits)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return float64 (n, classes), in the order of `classes_`; of several labels, of each that it is 1."""
        logits = self._logits(X)
        return self._labels.probabilities(logits)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`, exact also where a probability is too small for a number."""
        logits = self._logits(X)
        return self._labels.probabilities(logits, log=True)

    @property
    def model_(self) -> keras.Sequential:
        return self._fitted_network("model_").model

    @property
    def coefs_(self) -> list[np.ndarray]:
        return self._fitted_network("coefs_").kernels

    @property
    def intercepts_(self) -> list[np.ndarray]:
        return self._fitted_network("intercepts_").biases

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.classifier_tags.multi_label = True
        return tags

    @property
    def _is_fitted(self) -> bool:
        return "_network" in vars(self)

    def _fitted_network(self, attribute: str) -> Network:
        if not self._is_fitted:
            raise AttributeError(f"MLPClassifier has {attribute} once it is fitted: call fit first.")
        return self._network

    def _train(self, training: Training) -> None:
        try:
            fit_members([training.member])
        except KeyboardInterrupt:
            if not training.stopping.epochs:
                raise
            epochs = training.stopping.epochs
            warnings.warn(f"Training was interrupted. The classifier is as after epoch {epochs}.", stacklevel=3)

    def _labels_of_all(self, y: Any, classes: Any) -> Labels | None:
        """Return the classes of all calls of `partial_fit`; None: y has several columns of labels."""
        if self._is_fitted:
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise UsageError(
                    f"classes must be those of the calls before, {self.classes_.tolist()}; got {classes!r}."
                )
            return self._labels
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return None
        if classes is None:
            raise UsageError("classes must be passed on the first call to partial_fit: np.unique of all labels.")
        return Labels.named(classes)

    def _network_for(self, rows: TrainingRows) -> Network | None:
        """Return the network to train further, None if there is none. It must have the parameters' architecture."""
        if not self._is_fitted:
            return None
        wanted, before = architecture_of(self, rows), self._network.architecture
        if wanted != before:
            raise UsageError(
                f"The network of the fit before is {before}, and the parameters describe {wanted}. Set them back to "
                "train it further, or fit a clone: sklearn.base.clone(classifier)."
            )
        return self._network

    def _progress_so_far(self) -> Progress:
        return self._progress if self._is_fitted else Progress()

    def _logits(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "classes_")
        return self._network.logits(prediction_rows(self, X))
