"""Predictions and a run that are drawn, not trained: nothing compiles a training step."""

import numpy as np
import pytest
from small_networks import run_of

import mlplab
from mlplab.inspection.examples import Examples, examples_of
from mlplab.runs import Run


@pytest.fixture(
    scope="session", params=[(1500, [0.1] * 10), (75, [0.4, 0.15, 0.45])], ids=["ten classes", "unbalanced"]
)
def examples(request) -> Examples:
    """Rows whose true class has the largest logit more often than not."""
    n, shares = request.param
    rng = np.random.default_rng(0)
    labels = rng.choice(len(shares), n, p=shares)
    weights = np.exp(rng.normal(size=(n, len(shares))) + 2 * np.eye(len(shares))[labels])
    probabilities = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return examples_of(probabilities, labels, class_names=[f"class {label}" for label in range(len(shares))])


@pytest.fixture(scope="session")
def drawn_run(digits, tmp_path_factory) -> Run:
    """A tanh network on digits with drawn weights, without validation predictions; copy it before writing into it."""
    model = mlplab.mlp((8, 8), 10, [24, 12], dropout=0.1, activation="tanh", seed=0)
    return run_of(model, digits, tmp_path_factory.mktemp("runs") / "digits")
