"""`MLPClassifier` is scikit-learn's, to rounding: same first weights, order, loss, penalty, stopping and attributes."""

import copy
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.neural_network import MLPClassifier as OfScikitLearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlplab
from mlplab.errors import DataError, TrainingError, UsageError

ROWS = 200
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def rows(digits):
    """200 digits, their labels, and weights."""
    x = digits.train.images[:ROWS].reshape(ROWS, -1) / np.float32(16)
    return x, digits.train.labels[:ROWS], np.random.default_rng(0).random(ROWS)


def labels_of(kind, y):
    several = np.stack([y > 4, y % 2 == 0, y == 1], axis=1).astype(int)
    return {"multiclass": y, "binary": np.where(y > 4, "large", "small"), "multilabel": several}[kind]


def assert_alike(ours, theirs, x, atol=2e-5):
    for ours_of_layer, theirs_of_layer in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(ours_of_layer, theirs_of_layer, atol=atol)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, atol=atol)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=atol)
    np.testing.assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), atol=20 * atol)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    for name in ("validation_scores_", "best_validation_score_", "best_loss_", "loss_"):
        expected = getattr(theirs, name)
        assert expected is None or np.allclose(getattr(ours, name), expected, atol=atol), name
        assert (getattr(ours, name) is None) == (expected is None), name


@pytest.mark.parametrize(
    ("kind", "weighted", "parameters"),
    [
        ("multiclass", True, {"alpha": 3.0, "batch_size": 64}),  # the last batch is smaller, its penalty larger
        (
            "multiclass",
            False,
            {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "shuffle": False},
        ),
        (
            "multiclass",
            True,
            {"early_stopping": True, "n_iter_no_change": 2, "learning_rate_init": 0.05, "max_iter": 30},
        ),
        (
            "binary",
            False,
            {
                "solver": "sgd",
                "learning_rate": "adaptive",
                "learning_rate_init": 0.5,
                "tol": 0.01,
                "n_iter_no_change": 1,
            }
            | {"early_stopping": True, "activation": "logistic", "max_iter": 25},
        ),
        ("multilabel", True, {"hidden_layer_sizes": (6, 5), "activation": "tanh", "alpha": 1.0}),
    ],
)
def test_a_training_equals_that_of_scikit_learn(rows, kind, weighted, parameters):
    x, y, weights = rows
    y, weights = labels_of(kind, y), weights if weighted else None
    parameters = {"hidden_layer_sizes": 8, "random_state": 3, "max_iter": 4, "learning_rate_init": 0.01, **parameters}
    ours, theirs = mlplab.MLPClassifier(**parameters), OfScikitLearn(**parameters)
    assert_alike(ours.fit(x, y, sample_weight=weights), theirs.fit(x, y, sample_weight=weights), x)


def test_one_step_of_all_rows_has_the_gradient_of_the_penalised_weighted_mean(rows):
    """An oracle of its own: softmax regression by hand, in float64."""
    x, y, weights = rows
    parameters = {
        "hidden_layer_sizes": (),
        "solver": "sgd",
        "momentum": 0,
        "alpha": 50.0,
        "max_iter": 1,
        "batch_size": ROWS,
    }
    start = OfScikitLearn(**parameters, learning_rate_init=1e-30, random_state=0).fit(x, y)
    kernel, bias = start.coefs_[0].astype(float), start.intercepts_[0].astype(float)
    probabilities = np.exp(x @ kernel + bias)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    error = weights[:, None] * (probabilities - np.eye(10)[y])
    fitted = mlplab.MLPClassifier(**parameters, learning_rate_init=0.5, random_state=0).fit(x, y, weights)
    expected = kernel - 0.5 * (x.T @ error + 50.0 * kernel) / weights.sum()
    np.testing.assert_allclose(fitted.coefs_[0], expected, atol=1e-6)
    np.testing.assert_allclose(fitted.intercepts_[0], bias - 0.5 * error.sum(axis=0) / weights.sum(), atol=1e-6)
    picked = np.log(probabilities[np.arange(ROWS), y])
    loss = -np.average(picked, weights=weights) + 25.0 * (kernel**2).sum() / weights.sum()
    assert fitted.loss_ == pytest.approx(loss, rel=1e-6)


def test_a_weight_of_k_equals_k_copies_and_of_0_none(rows):
    x, y, _ = rows
    times = np.random.default_rng(1).integers(0, 4, ROWS)
    classifier = mlplab.MLPClassifier((8,), batch_size=1000, max_iter=5, random_state=0, alpha=1.0)
    weighted = clone(classifier).fit(x, y, sample_weight=times)
    copied = clone(classifier).fit(x.repeat(times, axis=0), y.repeat(times))
    np.testing.assert_allclose(weighted.predict_proba(x), copied.predict_proba(x), atol=1e-5)


def test_a_batch_without_weight_changes_nothing(rows):
    x, y, _ = rows
    weights = np.repeat([1, 0], ROWS // 2)
    common = {"hidden_layer_sizes": (8,), "solver": "sgd", "momentum": 0.0, "shuffle": False, "max_iter": 2}
    half = mlplab.MLPClassifier(**common, batch_size=ROWS // 2, random_state=0)
    whole = clone(half).fit(x, y, sample_weight=weights)
    assert np.isfinite(whole.loss_curve_).all()
    np.testing.assert_allclose(whole.coefs_[0], half.fit(x[: ROWS // 2], y[: ROWS // 2]).coefs_[0], atol=1e-6)


@pytest.fixture(scope="module")
def fitted(rows):
    x, y, _ = rows
    return mlplab.MLPClassifier((8,), random_state=0, max_iter=3, dropout=0.2, batch_norm=True).fit(x, y)


def test_pickles_and_copies_predict_and_continue_as_the_original(fitted, rows):
    x, y, _ = rows
    for twin in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        np.testing.assert_array_equal(twin.predict_proba(x), fitted.predict_proba(x))
        continued = copy.deepcopy(fitted).partial_fit(x, y)
        np.testing.assert_array_equal(twin.partial_fit(x, y).predict_proba(x), continued.predict_proba(x))
        assert (twin.n_iter_, twin.t_, len(twin.loss_curve_)) == (1, 4 * ROWS, 4)


def test_partial_fit_and_warm_start_equal_those_of_scikit_learn(rows):
    x, y, _ = rows
    parameters = {"hidden_layer_sizes": (8,), "random_state": 0, "max_iter": 2, "batch_size": 50}
    ours, theirs = mlplab.MLPClassifier(**parameters), OfScikitLearn(**parameters)
    for classifier in (ours, theirs):
        classifier.partial_fit(x[:50], y[:50], classes=range(10))
        classifier.partial_fit(x[50:], y[50:])
        classifier.set_params(warm_start=True, alpha=5.0).fit(x, y).partial_fit(x, y)
    assert_alike(ours, theirs, x)


def test_the_keras_model_has_the_probabilities_and_is_evaluated_and_saved_as_any_other(fitted, rows):
    x, y, _ = rows
    np.testing.assert_allclose(mlplab.predict(fitted.model_, x, verbose=0), fitted.predict_proba(x), atol=1e-6)
    evaluated = mlplab.evaluate(fitted.model_, x, y, verbose=0, return_dict=True)
    assert evaluated["accuracy"] == pytest.approx(fitted.score(x, y))
    assert type(fitted.model_) is mlplab.keras.Sequential
    assert [kernel.shape for kernel in fitted.coefs_] == [(64, 8), (8, 10)]
    assert [bias.shape for bias in fitted.intercepts_] == [(8,), (10,)]


def test_dropout_depends_on_random_state_alone(fitted, rows):
    x, y, _ = rows
    np.testing.assert_array_equal(clone(fitted).fit(x, y).predict_proba(x), fitted.predict_proba(x))
    assert clone(fitted).set_params(dropout=0.0).fit(x, y).loss_ < fitted.loss_


def test_tables_sparse_matrices_and_pipelines_are_taken(rows):
    x, y, weights = rows
    classifier = mlplab.MLPClassifier((8,), random_state=0, max_iter=2)
    dense = clone(classifier).fit(x, y, weights)
    assert (
        clone(classifier).fit(sparse.csr_matrix(x), y, weights).predict_proba(sparse.csr_matrix(x))
        == dense.predict_proba(x)
    ).all()
    pipeline = make_pipeline(StandardScaler(), classifier).fit(x, y, mlpclassifier__sample_weight=weights)
    assert pipeline.score(x, y) == accuracy_score(y, pipeline.predict(x))
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(x, columns=[f"pixel {number}" for number in range(64)])
    assert clone(classifier).fit(table, y).feature_names_in_[1] == "pixel 1"


def test_rows_are_predicted_in_any_number(fitted, rows):
    x = np.resize(rows[0], (1500, 64))
    whole = fitted.predict_proba(x)
    for count in (1, 3, 1024, 1031):
        np.testing.assert_allclose(fitted.predict_proba(x[:count]), whole[:count], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "lbfgs"}, r"'lbfgs' is not in mlplab.* Take solver='adam'.*sklearn.neural_network.MLPClassifier"),
        ({"max_fun": 10}, "max_fun belongs to the solver lbfgs.* max_iter"),
        ({"solver": "adamw"}, "solver must be 'adam' or 'sgd'; got 'adamw'"),
        ({"activation": "rleu"}, r"Unknown activation 'rleu'. Did you mean 'relu'"),
        ({"hidden_layer_sizes": (8, 0)}, "hidden_layer_sizes must be a whole number of at least 1; got 0"),
        ({"batch_size": 0}, "batch_size must be 'auto' or a whole number"),
        ({"alpha": -1}, "alpha must be a number of at least 0; got -1"),
        ({"dropout": 1.0}, "dropout must be a number of at least 0 and below 1"),
        ({"shuffle": 1}, "shuffle must be True or False"),
        ({"early_stopping": True, "validation_fraction": 0.005}, "leave at least 2 rows"),
    ],
)
def test_a_parameter_without_meaning_is_refused_with_what_to_do(rows, parameters, message):
    with pytest.raises(UsageError, match=message):
        mlplab.MLPClassifier(**parameters).fit(*rows[:2])


def test_wrong_rows_are_refused(fitted, rows):
    x, y, _ = rows
    classifier = clone(fitted)
    for action, error, message in [
        (lambda: classifier.fit(x, np.zeros(ROWS)), DataError, "at least two classes; got one class"),
        (lambda: classifier.fit(x, np.stack([y, y], 1)), DataError, "one class a row.*MultiOutputClassifier"),
        (lambda: classifier.fit(x, y, np.zeros(ROWS)), ValueError, "zero"),
        (lambda: classifier.fit(x, y, -np.ones(ROWS)), ValueError, "Negative values"),
        (lambda: classifier.fit(x, y / 3.7), ValueError, "continuous"),
        (lambda: classifier.partial_fit(x, y), UsageError, "classes must be passed"),
        (lambda: classifier.set_params(early_stopping=True).partial_fit(x, y), UsageError, "early_stopping"),
        (lambda: classifier.predict(x), NotFittedError, "not fitted"),
        (lambda: classifier.coefs_, AttributeError, "once it is fitted"),
        (lambda: fitted.partial_fit(x, y + 1), DataError, "classes of .*got \\[10\\]"),
        (lambda: fitted.partial_fit(x, y + 20), DataError, "got \\[20, 21, 22, 23, 24\\] and 5 more\\. Name all"),
        (lambda: fitted.partial_fit(x, y, classes=[1, 2]), UsageError, "those of the calls before"),
        (lambda: clone(fitted).set_params(solver="sgd", learning_rate_init=1e30).fit(x, y), TrainingError, "finite"),
    ]:
        with pytest.raises(error, match=message):
            action()
    wider = copy.deepcopy(fitted).set_params(warm_start=True, hidden_layer_sizes=(9,))
    with pytest.raises(UsageError, match=r"hidden=\(8,\).*hidden=\(9,\).*clone"):
        wider.fit(x, y)


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_does_not_converge_warns_and_one_that_does_not_says_nothing(rows, recwarn):
    x, y, _ = rows
    classifier = mlplab.MLPClassifier((8,), random_state=0, max_iter=3)
    with pytest.warns(ConvergenceWarning, match="max_iter=3.*larger max_iter"):
        classifier.fit(x, y)
    recwarn.clear()
    classifier.set_params(tol=10.0, n_iter_no_change=1).fit(x, y)
    assert classifier.n_iter_ == 3  # the first epoch always improves
    assert not [w for w in recwarn if w.category is ConvergenceWarning]


def test_verbose_prints_a_line_an_epoch(rows, capsys):
    x, y, _ = rows
    mlplab.MLPClassifier((8,), random_state=0, max_iter=2, verbose=True).fit(x, y)
    assert capsys.readouterr().out.count("loss:") == 2
