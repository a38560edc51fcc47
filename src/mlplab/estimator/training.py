"""One fit: the order of its rows, its Keras callback that stops it, and the member that the engine trains."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, shuffle

from mlplab.engine import ArraySource, Member, keras, keras_internals
from mlplab.errors import TrainingError, UsageError
from mlplab.estimator.network import Architecture, Network, Solver, first_weights
from mlplab.estimator.rows import TrainingRows

_VALIDATION_ROWS = 2000
"""Rows that are evaluated in a step, at most."""


@dataclass
class Progress:
    """What a classifier keeps of its epochs; continued by `partial_fit` and `warm_start`."""

    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] = field(default_factory=list)
    best_loss: float = np.inf
    best_score: float = -np.inf
    epochs_without_improvement: int = 0
    rows_seen: int = 0


class ShuffledLikeScikitLearn(ArraySource):
    """Rows in the order of scikit-learn's networks: each epoch shuffles the order of the one before.

    Args:
        rows: the arrays.
        subset: integers, the rows that are read; None: all.
        batch_size: rows a step.
        random: shuffles; None: the rows keep their order.
        first: the position of the first epoch, see `Source.segments`.
    """

    def __init__(
        self,
        rows: ArraySource,
        subset: np.ndarray | None,
        batch_size: int,
        random: np.random.RandomState | None,
        first: int,
    ):
        super().__init__(
            *rows.arrays, batch_size=batch_size, batch=rows.batch, subset=subset, not_finite=rows.not_finite
        )
        self._random, self._first = random, first
        self._current, self._position = super()._order(0), -1

    def _order(self, position: int) -> np.ndarray:
        position = max(position, self._first)
        if self._random is not None and position != self._position:
            self._current = np.asarray(shuffle(self._current, random_state=self._random))
            self._position = position
        return self._current


class Stopping(keras.callbacks.Callback):
    """Ends a training, or lowers its learning rate, as scikit-learn's `_fit_stochastic` does."""

    def __init__(self, estimator: Any, network: keras.Model, progress: Progress, rows: int):
        super().__init__()
        self.progress, self._rows = progress, rows
        self._tol, self._patience = estimator.tol, estimator.n_iter_no_change
        self._schedule = estimator.learning_rate if estimator.solver == "sgd" else "constant"
        self._first_rate, self._power = estimator.learning_rate_init, estimator.power_t
        self._early = estimator.early_stopping
        self._network = network
        self.epochs, self.converged = 0, False
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        self.epochs += 1
        self.progress.loss_curve.append(logs["loss"])
        self.progress.rows_seen += self._rows
        improved = self._score_improved(logs) if self._early else self._loss_improved(logs["loss"])
        self.progress.epochs_without_improvement = 0 if improved else self.progress.epochs_without_improvement + 1
        if self._schedule == "invscaling":
            self._network.optimizer.learning_rate = self._first_rate / (self.progress.rows_seen + 1) ** self._power
        if self.progress.epochs_without_improvement > self._patience:
            self._stop_or_slow_down()

    def _loss_improved(self, loss: float) -> bool:
        improved = loss <= self.progress.best_loss - self._tol
        self.progress.best_loss = min(loss, self.progress.best_loss)
        return improved

    def _score_improved(self, logs: dict[str, Any]) -> bool:
        score = logs["val_accuracy"]
        self.progress.validation_scores.append(score)
        self.progress.validation_loss_curve.append(logs["val_loss"])
        improved = score >= self.progress.best_score + self._tol
        if score > self.progress.best_score:
            self.progress.best_score, self.best_weights = score, self._network.get_weights()
        return improved

    def _stop_or_slow_down(self) -> None:
        rate = float(np.asarray(self._network.optimizer.learning_rate))
        if self._schedule != "adaptive" or rate <= 1e-6:
            self._network.stop_training = self.converged = True
        else:
            self._network.optimizer.learning_rate = rate / 5
            self.progress.epochs_without_improvement = 0


@dataclass
class Training:
    """A fit that is prepared, or done.

    Attributes:
        member: what the engine trains.
        limit: the epochs after which it warns that it did not converge; None: never.
    """

    network: Network
    rows: TrainingRows
    member: Member
    stopping: Stopping
    limit: int | None


def begin(estimator: Any, rows: TrainingRows, network: Network | None, progress: Progress, one_epoch: bool) -> Training:
    """Prepare a fit.

    Args:
        estimator: the classifier, whose parameters were checked.
        rows: what it is fitted to.
        network: to train further; None: a new one.
        progress: of the epochs before.
        one_epoch: train for one epoch, and keep the optimizer that the network has.
    """
    random = check_random_state(estimator.random_state)
    if network is None:
        network = _new_network(architecture_of(estimator, rows), random)
    if not (one_epoch and network.solver):
        network.compile(_solver_of(estimator))
    network.training.alpha.assign(estimator.alpha)
    subset, held_out = _split(estimator, rows, random)
    trained = rows.source.rows if subset is None else len(subset)
    batch_size = min(200, trained) if estimator.batch_size == "auto" else estimator.batch_size
    order, first = random if estimator.shuffle else None, keras_internals.steps_taken(network.training)
    source = ShuffledLikeScikitLearn(rows.source, subset, batch_size, order, first)
    validation = None
    if held_out is not None:
        validation = rows.source.reordered(subset=held_out, batch_size=min(_VALIDATION_ROWS, len(held_out)))
    stopping = Stopping(estimator, network.training, progress, trained)
    epochs = 1 if one_epoch else int(estimator.max_iter)
    verbose = 2 if estimator.verbose else 0
    member = Member(network.training, source, validation, epochs=epochs, callbacks=[stopping], verbose=verbose)
    return Training(network, rows, member, stopping, None if one_epoch else epochs)


def finish(training: Training) -> None:
    """Bring a fit to its end: the best weights are taken, and what went wrong is said.

    Raises:
        TrainingError: if the loss or a weight is no longer finite.
    """
    stopping = training.stopping
    if training.member.failure is not None:
        raise TrainingError(training.member.failure)
    if stopping.best_weights is not None:
        training.network.training.set_weights(stopping.best_weights)
    if stopping.epochs == training.limit and not stopping.converged:
        warnings.warn(
            f"The training did not converge in max_iter={training.limit} epochs: its loss or validation score still "
            "improves by more than tol. Give a larger max_iter, or leave it if that is how long you want to train.",
            ConvergenceWarning,
            stacklevel=3,
        )


def architecture_of(estimator: Any, rows: TrainingRows) -> Architecture:
    """Return the architecture that the parameters of a classifier describe."""
    return Architecture(
        rows.columns,
        tuple(int(units) for units in np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, object))),
        estimator.activation,
        rows.labels.kind,
        rows.labels.outputs,
        float(estimator.dropout),
        bool(estimator.batch_norm),
    )


def _new_network(architecture: Architecture, random: np.random.RandomState) -> Network:
    weights = first_weights(architecture, random)
    # Only where it matters, so that without dropout the numbers that follow are those of scikit-learn.
    network = Network(architecture, seed=int(random.randint(2**31 - 1)) if architecture.dropout else 0)
    network.set_weights(weights)
    return network


def _solver_of(estimator: Any) -> Solver:
    names = [name for name in Solver.__dataclass_fields__ if name != "measures_accuracy"]
    parameters = {name: getattr(estimator, name) for name in names}
    return Solver(**parameters, measures_accuracy=estimator.early_stopping)


def _split(
    estimator: Any, rows: TrainingRows, random: np.random.RandomState
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the row numbers for training and validation, as scikit-learn splits them; None: all, and none."""
    if not estimator.early_stopping:
        return None, None
    stratify = rows.targets if rows.labels.outputs == 1 else None
    fraction = estimator.validation_fraction
    training, validation = train_test_split(
        np.arange(rows.source.rows), random_state=random, test_size=fraction, stratify=stratify
    )
    if len(validation) < 2:
        raise UsageError(
            f"validation_fraction must leave at least 2 rows for validation; {fraction} of {rows.source.rows} leaves "
            f"{len(validation)}. Give a larger fraction, or early_stopping=False."
        )
    return np.asarray(training), np.asarray(validation)
