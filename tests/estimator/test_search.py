"""`PopulationSearchCV` gives what `GridSearchCV` gives, candidate by candidate and fold by fold."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.neural_network import MLPClassifier as OfScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlplab
from mlplab.errors import TrainingError, UsageError

ROWS = 192  # two folds of three batches: one form of the compiled programs
FOLDS = KFold(2)
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
    pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite"),
]


@pytest.fixture(scope="module")
def rows(digits):
    return digits.train.images[:ROWS].reshape(ROWS, -1) / 16, digits.train.labels[:ROWS]


def classifier(**parameters):
    return mlplab.MLPClassifier((6,), max_iter=2, batch_size=32, random_state=0, **parameters)


def assert_same_results(ours, theirs):
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name, expected in theirs.cv_results_.items():
        if name.startswith(("split", "mean_t", "std_t", "rank")):
            np.testing.assert_array_equal(ours.cv_results_[name], expected, err_msg=name)
    assert (ours.best_params_, ours.best_index_, ours.best_score_) == (
        *(theirs.best_params_, theirs.best_index_, theirs.best_score_),
    )
    assert (ours.n_splits_, ours.multimetric_) == (theirs.n_splits_, theirs.multimetric_)


@pytest.mark.slow
def test_each_score_is_that_of_the_classifier_alone_bit_for_bit(rows):
    grid = [
        {"alpha": [1e-4, 3.0], "learning_rate_init": [0.001, 0.05], "dropout": [0.2]},
        {"hidden_layer_sizes": [()], "early_stopping": [True], "validation_fraction": [1 / 3]},
    ]
    options = {"cv": FOLDS, "scoring": "neg_log_loss", "return_train_score": True}
    ours = mlplab.PopulationSearchCV(classifier(), grid, **options).fit(*rows)
    theirs = GridSearchCV(classifier(), grid, **options).fit(*rows)
    assert_same_results(ours, theirs)
    np.testing.assert_array_equal(ours.predict_proba(rows[0]), theirs.predict_proba(rows[0]))
    assert type(ours.best_estimator_) is mlplab.MLPClassifier
    assert ours.score(*rows) == theirs.score(*rows)
    assert (ours.cv_results_["mean_fit_time"] > 0).all()
    assert pickle.loads(pickle.dumps(ours)).score(*rows) == ours.score(*rows)


@pytest.mark.slow
def test_pipelines_weights_groups_and_several_scores(rows):
    x, y = rows
    weights, groups = np.random.default_rng(0).random(ROWS), np.arange(ROWS) % 4
    pipeline = make_pipeline(StandardScaler(), classifier())
    grid = {"standardscaler__with_mean": [True, False], "mlpclassifier__alpha": [1e-4, 3.0]}
    options = {"cv": GroupKFold(2), "scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    arguments = {"groups": groups, "mlpclassifier__sample_weight": weights}
    ours = mlplab.PopulationSearchCV(pipeline, grid, **options).fit(x, y, **arguments)
    theirs = GridSearchCV(pipeline, grid, **options).fit(x, y, **arguments)
    assert_same_results(ours, theirs)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


def test_a_candidate_that_fails_gets_the_error_score_and_the_others_theirs(rows):
    grid = {"learning_rate_init": [0.01, 1e30], "solver": ["sgd", "lbfgs"]}
    search = mlplab.PopulationSearchCV(classifier(), grid, cv=FOLDS).fit(*rows)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [True, False, False, False]
    for failing, error in (({"solver": ["lbfgs"]}, UsageError), ({"learning_rate_init": [1e30]}, TrainingError)):
        with pytest.raises(error):
            mlplab.PopulationSearchCV(classifier(solver="sgd"), failing, cv=FOLDS, error_score="raise").fit(*rows)


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (OfScikitLearn(), {}, "sklearn's MLPClassifier. Take sklearn.model_selection.GridSearchCV"),
        (make_pipeline(LogisticRegression()), {}, "LogisticRegression at the end of a pipeline"),
        (mlplab.MLPClassifier(), {"n_jobs": 2}, "n_jobs must be left out"),
    ],
)
def test_what_it_cannot_search_is_refused(rows, estimator, options, message):
    with pytest.raises(UsageError, match=message):
        mlplab.PopulationSearchCV(estimator, {}, **options).fit(*rows)
