"""The candidates of a search and their folds, trained as populations."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing

from mlplab.engine import fit_members
from mlplab.errors import UsageError
from mlplab.estimator.classifier import MLPClassifier
from mlplab.estimator.rows import TrainingRows
from mlplab.estimator.training import Training
from mlplab.progress import Progress, ProgressListener

_AT_ONCE = 256
"""Networks trained together at most, so that any number of candidates needs no more memory than these."""

Split = tuple[np.ndarray, np.ndarray]
"""Row numbers for training and for testing."""


@dataclass
class Fit:
    """One candidate on one fold.

    Attributes:
        estimator: the candidate's, fitted when `fit_all` is done.
        classifier: the estimator itself, or the last step of a pipeline.
        training: of the classifier.
        error: what was raised in place of a fit.
        seconds: its share of the time in which all were trained.
    """

    estimator: Any
    classifier: MLPClassifier
    training: Training | None = None
    error: Exception | None = None
    seconds: float = 0.0


def classifier_of(estimator: Any) -> MLPClassifier:
    """Return the classifier that is trained: the estimator itself, or the last step of a pipeline.

    Raises:
        UsageError: for any other estimator.
    """
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, MLPClassifier):
        return last
    raise UsageError(
        "PopulationSearchCV searches for a mlplab.MLPClassifier, or a scikit-learn Pipeline that ends with one; got "
        f"{type(last).__module__.split('.')[0]}'s {type(last).__name__}"
        f"{' at the end of a pipeline' if last is not estimator else ''}. Take sklearn.model_selection.GridSearchCV."
    )


def fit_all(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    splits: Sequence[Split],
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    *,
    raises: bool,
    progress: ProgressListener,
) -> list[Fit]:
    """Fit every candidate on every fold.

    Args:
        estimator: see `classifier_of`.
        candidates: parameters to set.
        splits: of X and y.
        fit_params: arguments of the estimator's `fit`; those with a value for each row are split too.
        raises: whether the first error is raised, or kept in its `Fit`.
        progress: called with the training steps done.

    Returns:
        The fits of the first candidate, one for each split, then those of the next.
    """
    prepared = _Prepared(X, y, splits, fit_params)
    fits = []
    for parameters in candidates:
        for number in range(len(splits)):
            copies: Any = clone(estimator), clone(dict(parameters), safe=False)
            candidate = copies[0].set_params(**copies[1])
            fit = Fit(candidate, classifier_of(candidate))
            fits.append(fit)
            try:
                fit.training = fit.classifier.begin_fit(prepared.rows(candidate, parameters, number))
            except Exception as error:  # a pipeline's transformer may raise any, for error_score to judge
                if raises:
                    raise
                fit.error = error
    _train([fit for fit in fits if fit.training is not None], progress)
    for fit in fits:
        if fit.training is None:
            continue
        try:
            fit.classifier.finish_fit(fit.training)
        except ArithmeticError as error:
            if raises:
                raise
            fit.error = error
        fit.training = None
    return fits


class _Prepared:
    """The rows of each fold, validated and transformed once for all candidates that agree on how."""

    def __init__(self, X: Any, y: Any, splits: Sequence[Split], fit_params: Mapping[str, Any]):
        self._X, self._y, self._splits, self._fit_params = X, y, splits, fit_params
        self._known: dict[Any, tuple[list[Any], TrainingRows]] = {}

    def rows(self, candidate: Any, parameters: Mapping[str, Any], number: int) -> TrainingRows:
        """Return the rows that the classifier of a candidate is fitted to, and fit the steps before it."""
        pipeline = candidate if isinstance(candidate, Pipeline) else None
        last = "" if pipeline is None else pipeline.steps[-1][0] + "__"
        before = {} if pipeline is None else {name: v for name, v in parameters.items() if not name.startswith(last)}
        key = number, joblib.hash(before)
        if key not in self._known:
            self._known[key] = self._fitted(candidate, number)
        steps, rows = self._known[key]
        if pipeline is not None:
            pipeline.steps[:-1] = steps
        return rows

    def _fitted(self, candidate: Any, number: int) -> tuple[list[Any], TrainingRows]:
        train = self._splits[number][0]
        X, y = _safe_indexing(self._X, train), _safe_indexing(self._y, train)
        parameters = {name: _of_rows(value, train, len(self._y)) for name, value in self._fit_params.items()}
        classifier, steps = classifier_of(candidate), []
        if isinstance(candidate, Pipeline):
            name = candidate.steps[-1][0] + "__"
            if unknown := [each for each in parameters if not each.startswith(name)]:
                raise UsageError(
                    f"Only the last step of a pipeline takes arguments of fit here: {name}sample_weight; got "
                    f"{', '.join(unknown)}. Take sklearn.model_selection.GridSearchCV."
                )
            parameters = {each.removeprefix(name): value for each, value in parameters.items()}
            transformers = candidate[:-1]
            X, steps = transformers.fit_transform(X, y), transformers.steps
        return steps, classifier.validated_rows(X, y, **parameters)


def _of_rows(value: Any, rows: np.ndarray, count: int) -> Any:
    """Return the part of an argument of `fit` that belongs to some rows; all of it if it has no value for each row."""
    return _safe_indexing(value, rows) if hasattr(value, "__len__") and len(value) == count else value


def _train(fits: list[Fit], progress: ProgressListener) -> None:
    """Train the classifiers in populations: of one architecture first, since these share a program."""
    trainings = [(fit, fit.training) for fit in fits if fit.training is not None]
    trainings.sort(key=lambda pair: repr(pair[1].network.architecture))
    total = sum(training.member.source.steps * training.member.epochs for _, training in trainings)
    before = 0
    for start in range(0, len(trainings), _AT_ONCE):
        together, began = trainings[start : start + _AT_ONCE], time.perf_counter()
        members = [training.member for _, training in together]
        fit_members(members, progress=lambda done, _, before=before: progress(Progress(before + done, total)))
        before += sum(member.source.steps * member.epochs for member in members)
        for fit, _ in together:
            fit.seconds = (time.perf_counter() - began) / len(together)
