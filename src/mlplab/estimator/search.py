"""`PopulationSearchCV`: scikit-learn's grid search, with all candidates and folds trained as populations."""

from collections import deque
from typing import Any, Self

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import process_routing

from mlplab.engine.interrupts import deferred_interrupt
from mlplab.errors import UsageError, require
from mlplab.estimator.candidates import Fit, classifier_of, fit_all
from mlplab.progress import bar


class PopulationSearchCV(GridSearchCV):
    """`sklearn.model_selection.GridSearchCV` for `mlplab.MLPClassifier`: candidates and folds are trained at once.

    Candidates that differ in alpha, learning rate, dropout rate or random_state share one compiled program, over all
    cores or GPUs. What differs in its layers, activation, solver or batch_size takes another program, trained in turn.
    Each candidate's scores are those that the classifier alone has on the fold, on a processor bit for bit.

    Args:
        estimator: a `mlplab.MLPClassifier`, or a `sklearn.pipeline.Pipeline` that ends with one. The steps before are
            fitted once for all candidates that agree on their parameters.
        param_grid, scoring, refit, cv, error_score, return_train_score: as in `GridSearchCV`.
        n_jobs, pre_dispatch: to be left out, as this process uses all cores; the environment variable `MLPLAB_DEVICES`
            sets how many.
        verbose: from 1 on a progress bar, from 2 on a line for each fit.

    Attributes:
        cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_,
        multimetric_, classes_, n_features_in_, feature_names_in_: as in `GridSearchCV`. `mean_fit_time` is the time of
        the population divided by its members.

    Raises:
        UsageError: in `fit`, for another estimator, or n_jobs.

    Example:
        (x, y), _ = mlplab.load_data("digits")
        classifier = mlplab.MLPClassifier((16,), tol=0.05, n_iter_no_change=2, random_state=0)
        grid = {"alpha": [0.0001, 1.0], "learning_rate_init": [0.001, 0.01]}
        search = mlplab.PopulationSearchCV(classifier, grid, cv=3).fit(x.reshape(len(x), -1) / 16, y)
        print(search.best_params_, search.best_score_)
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )

    @deferred_interrupt()
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit all candidates on all folds, and the best one on all rows.

        Args:
            X: (n, features), as the estimator takes it.
            y: labels, (n,) or (n, labels).
            params: `sample_weight`, or `STEP__sample_weight` of a pipeline's last step; `groups` for the splitter.
        """
        classifier_of(self.estimator)
        require(self.n_jobs is None, "n_jobs", self.n_jobs, "left out, since one process trains on all cores")
        if y is None:
            raise UsageError("y must be the labels of the rows; got None. Call fit(X, y).")
        X, y = indexable(X, y)
        of_fit, of_split = self._routed(params)
        folds: Any = self.cv  # None, which is 5 folds, is not among the types that scikit-learn declares
        splitter: Any = check_cv(folds, y, classifier=True)
        splits = list(splitter.split(X, y, **of_split))
        candidates = list(ParameterGrid(self.param_grid))
        with bar(self.verbose, f"{len(candidates)} candidates × {len(splits)} folds") as progress:
            fits = fit_all(
                *(self.estimator, candidates, splits, X, y, of_fit),
                raises=self.error_score == "raise",
                progress=progress,
            )
        seconds = np.array([fit.seconds for fit in fits]).reshape(len(candidates), len(splits))
        params.pop("groups", None)  # the splits are made
        search = self._scored(fits, splits).fit(X, y, **params)
        search.cv_results_ |= {"mean_fit_time": seconds.mean(axis=1), "std_fit_time": seconds.std(axis=1)}
        vars(self).update({name: value for name, value in vars(search).items() if name.endswith("_")})
        return self

    def _scored(self, fits: list[Fit], splits: list[Any]) -> GridSearchCV:
        """Return scikit-learn's search, which scores the fits, ranks them and refits the best."""
        # Rows for training are taken out of X only where scores on them are wanted.
        none = np.empty(0, int)
        return GridSearchCV(
            _Fitted(self.estimator, deque(fits)),
            self.param_grid,
            scoring=check_scoring(self.estimator) if self.scoring is None else self.scoring,
            n_jobs=1,
            refit=self.refit,
            cv=[(train if self.return_train_score else none, test) for train, test in splits],
            verbose=self.verbose if self.verbose > 1 else 0,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
        )

    def _routed(self, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the arguments of the estimator's `fit`, and those of the splitter's `split`."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            return dict(routed.estimator.fit), dict(routed.splitter.split)
        return {k: v for k, v in params.items() if k != "groups" and v is not None}, {"groups": params.get("groups")}


class _Fitted(BaseEstimator):
    """Stands for the estimator in scikit-learn's search: `fit` makes it the next of the fits that are done.

    The search asks for the folds of the first candidate, then for those of the next, as `fits` has them; and at last,
    where it refits, for the best candidate on all rows, which is fitted then.
    """

    def __init__(self, estimator: Any, fits: deque[Fit]):
        self.estimator, self.fits = estimator, fits

    def set_params(self, **params: Any) -> Self:
        self._params = params
        return self

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        if self.fits:
            done = self.fits.popleft()
            if done.error is not None:
                raise done.error
            fitted = done.estimator
        else:
            best: Any = clone(self.estimator)
            fitted = best.set_params(**self._params).fit(X, y, **params)
        # So that scorers, and the person who gets the best one, meet the estimator itself. What scikit-learn has put
        # on this object stays.
        added = {name: value for name, value in vars(self).items() if name not in ("estimator", "fits", "_params")}
        self.__class__, self.__dict__ = type(fitted), {**added, **vars(fitted)}
        return self

    def score(self, X: Any, y: Any) -> float:
        raise NotImplementedError("fit comes first; then this is another class.")

    def __sklearn_clone__(self) -> "_Fitted":
        return _Fitted(self.estimator, self.fits)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.estimator)

    def get_metadata_routing(self) -> Any:
        return self.estimator.get_metadata_routing()
