"""Examples of three data sets: Fashion-MNIST, digits, and one that is unbalanced with three classes."""

import numpy as np
import pytest

import mlplab
from mlplab.inspection.examples import Examples, examples_of


@pytest.fixture(scope="session")
def unbalanced_run(digits, tmp_path_factory):
    """Digits 0, 1 and 8, of which the second is rare and the third frequent, with labels of their own."""

    def part(dataset, counts):
        rows = [np.flatnonzero(dataset.labels == digit)[:count] for digit, count in counts]
        return dataset.images[np.concatenate(rows)], np.repeat([0, 1, 2], [len(r) for r in rows])

    arrays = part(digits.train, [(3, 60), (1, 15), (8, 140)]), part(digits.test, [(3, 30), (1, 12), (8, 33)])
    data = mlplab.load(arrays, class_names=("three", "one", "eight"))
    out = tmp_path_factory.mktemp("runs") / "unbalanced"
    return mlplab.train(data, hidden=[6], epochs=4, seed=1, out=out, verbose=0)


@pytest.fixture(scope="session", params=["fashion_run", "digits_run", "unbalanced_run"])
def examples(request) -> Examples:
    return examples_of(request.getfixturevalue(request.param), inputs=False)
