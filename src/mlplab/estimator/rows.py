"""X, y and weights of a fit, validated as scikit-learn does, and on the device."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_sample_weight, validate_data

from mlplab.engine import ArraySource, inputs
from mlplab.errors import DataError
from mlplab.estimator.labels import Labels

_OF_FEATURES = ("n_features_in_", "feature_names_in_")


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """The rows of a fit. Classifiers that are fitted to the same ones share them.

    Attributes:
        labels: the classes.
        targets: see `Labels.targets`.
        source: all rows in their order, on the device.
        features: the attributes of the classifier that describe X: `n_features_in_`, `feature_names_in_`.
    """

    labels: Labels
    targets: np.ndarray
    source: ArraySource
    features: dict[str, Any]

    @property
    def columns(self) -> int:
        return self.features["n_features_in_"]


def training_rows(
    estimator: Any, X: Any, y: Any, sample_weight: Any, labels: Labels | None, first: bool
) -> TrainingRows:
    """Validate the rows of a fit; sets `n_features_in_` and `feature_names_in_` of an estimator.

    Args:
        estimator: the classifier.
        X: (n, features), numbers; dense, or a sparse matrix or array, which is made dense.
        y: (n,) or (n, labels).
        sample_weight: (n,), at least 0, or None.
        labels: all classes, where they are known; None: those in y.
        first: whether no fit is continued, whose X these rows have to match.

    Raises:
        ValueError: as scikit-learn's `validate_data`, for rows that are no numbers, of no finite value, ….
        DataError: for labels that cannot be learned; see `Labels`.
    """
    x, y = validate_data(
        estimator, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=np.float32, reset=first
    )
    x = inputs.as_arrays(x, "X")
    if hasattr(y, "toarray"):
        y = y.toarray()
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    labels = labels or Labels.of(y)
    targets = labels.targets(y)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float32, ensure_non_negative=True)
        if not sample_weight.any():
            raise DataError("sample_weight must not be zero for all rows: no row would count.")
    features = {name: value for name, value in vars(estimator).items() if name in _OF_FEATURES}
    return TrainingRows(labels, targets, inputs.from_arrays((x, targets, sample_weight), len(x)), features)


def prediction_rows(estimator: Any, X: Any) -> np.ndarray:
    """Return float32 (n, features), checked against the rows of the fit."""
    x = validate_data(estimator, X, accept_sparse=["csr", "csc"], dtype=np.float32, reset=False)
    return inputs.as_arrays(x, "X")
