"""scikit-learn's own checks of an estimator."""

import warnings

import pytest
from sklearn.utils.estimator_checks import check_estimator

import mlplab


@pytest.mark.slow
def test_scikit_learns_checks_pass():
    """One of them compares to 1e-7, about the resolution of float32; so the training is short."""
    classifier = mlplab.MLPClassifier((), solver="sgd", learning_rate_init=0.03, batch_size=30, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(classifier, on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed
    assert len(results) > 50
    assert {each["check_name"] for each in results if each["status"] == "skipped"} <= {
        *("check_array_api_input", "check_classifiers_multilabel_output_format_decision_function"),
    }
