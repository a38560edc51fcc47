"""Checks of the parameters of `MLPClassifier`. They run in `fit`, as scikit-learn wants it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mlplab.engine import keras
from mlplab.errors import UsageError, plain_number, require, require_whole, unknown_name

_RATES = ("constant", "invscaling", "adaptive")
_ACTIVATIONS_OF_SCIKIT_LEARN = ("identity", "logistic", "relu", "tanh")
_SWITCHES = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "batch_norm")
MAX_FUN = 15000
"""scikit-learn's default of a parameter that only its solver lbfgs has."""

_NUMBERS: dict[str, tuple[Callable[[float], bool], str]] = {
    "alpha": (lambda value: 0 <= value < np.inf, "a number of at least 0"),
    "learning_rate_init": (lambda value: 0 < value < np.inf, "a number above 0"),
    "power_t": (lambda value: 0 <= value < np.inf, "a number of at least 0"),
    "tol": (lambda value: value >= 0, "a number of at least 0"),
    "momentum": (lambda value: 0 <= value <= 1, "a number from 0 to 1"),
    "validation_fraction": (lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
    "beta_1": (lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
    "beta_2": (lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
    "epsilon": (lambda value: 0 < value < np.inf, "a number above 0"),
    "dropout": (lambda value: 0 <= value < 1, "a number of at least 0 and below 1"),
}


def check_parameters(estimator: Any) -> None:
    """Raise `UsageError` for a parameter that has no meaning, or that mlplab has not."""
    if isinstance(estimator.solver, str) and estimator.solver == "lbfgs":
        raise UsageError(
            "solver='lbfgs' is not in mlplab, which trains by gradient steps. Take solver='adam', on few rows with "
            "batch_size=len(X) and a larger learning_rate_init; or sklearn.neural_network.MLPClassifier, which has it.",
        )
    require(estimator.solver in ("adam", "sgd"), "solver", estimator.solver, "'adam' or 'sgd'")
    if estimator.max_fun != MAX_FUN:
        raise UsageError(
            f"max_fun belongs to the solver lbfgs, which mlplab has not; got {estimator.max_fun!r}. Leave it out, and "
            "limit the epochs with max_iter.",
        )
    for units in np.atleast_1d(np.asarray(estimator.hidden_layer_sizes, object)):
        require_whole("hidden_layer_sizes", units)
    known = sorted({*_ACTIVATIONS_OF_SCIKIT_LEARN, *_activations_of_keras()})
    if estimator.activation not in known:
        raise UsageError(unknown_name("activation", estimator.activation, known))
    if not isinstance(estimator.batch_size, str) or estimator.batch_size != "auto":
        rows = plain_number(estimator.batch_size)
        valid = isinstance(rows, int) and not isinstance(rows, bool) and rows >= 1
        require(valid, "batch_size", estimator.batch_size, "'auto' or a whole number of at least 1")
    require(estimator.learning_rate in _RATES, "learning_rate", estimator.learning_rate, f"one of {', '.join(_RATES)}")
    require_whole("max_iter", estimator.max_iter)
    if estimator.n_iter_no_change != np.inf:
        require_whole("n_iter_no_change", estimator.n_iter_no_change)
    for name in _SWITCHES:
        value = getattr(estimator, name)
        require(isinstance(value, bool | np.bool_), name, value, "True or False")
    for name, (holds, expected) in _NUMBERS.items():
        value = plain_number(getattr(estimator, name))
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        require(is_number and holds(value), name, value, expected)


def _activations_of_keras() -> set[str]:
    names = {name for name, value in vars(keras.activations).items() if name[0].islower() and callable(value)}
    return names - {"get", "serialize", "deserialize"}
