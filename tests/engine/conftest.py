"""Real rows for the engine's tests, few enough to be quick."""

import numpy as np
import pytest

BATCH = 32


@pytest.fixture(scope="session")
def rows(fashion_mnist):
    """100 full batches of Fashion-MNIST: images scaled to [0, 1], labels."""
    n = 100 * BATCH
    return fashion_mnist.train.images[:n] / np.float32(255), fashion_mnist.train.labels[:n]


@pytest.fixture(scope="session")
def few(rows):
    """6 full batches."""
    return rows[0][: 6 * BATCH], rows[1][: 6 * BATCH]


@pytest.fixture(scope="session")
def uneven(rows):
    """6 full batches and one of 10 rows: two shapes, two compilations."""
    n = 6 * BATCH + 10
    return rows[0][:n], rows[1][:n]


@pytest.fixture(scope="session")
def other(fashion_mnist):
    """3 full batches that are in none of the above."""
    return fashion_mnist.test.images[: 3 * BATCH] / np.float32(255), fashion_mnist.test.labels[: 3 * BATCH]
