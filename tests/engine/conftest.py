"""Real rows for the engine's tests, few enough to be quick."""

import numpy as np
import pytest

BATCH = 32


@pytest.fixture(scope="session")
def rows(fashion_mnist):
    """100 full batches of Fashion-MNIST and one of 10 rows: images scaled to [0, 1], labels."""
    n = 100 * BATCH + 10
    return fashion_mnist.train.images[:n] / np.float32(255), fashion_mnist.train.labels[:n]


@pytest.fixture(scope="session")
def whole_batches(rows):
    """100 full batches: one shape, one compilation."""
    return rows[0][: 100 * BATCH], rows[1][: 100 * BATCH]


@pytest.fixture(scope="session")
def few(rows):
    """6 full batches and one of 10 rows."""
    n = 6 * BATCH + 10
    return rows[0][:n], rows[1][:n]


@pytest.fixture(scope="session")
def other(fashion_mnist):
    """100 rows that are in none of the above."""
    return fashion_mnist.test.images[:100] / np.float32(255), fashion_mnist.test.labels[:100]
