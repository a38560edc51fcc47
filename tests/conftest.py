"""What all tests share: the real data sets, fetched once into the user's cache."""

import pytest

from mlplab.datasets import Data, load


@pytest.fixture(scope="session")
def fashion_mnist() -> Data:
    return load("fashion-mnist", quiet=True)


@pytest.fixture(scope="session")
def mnist() -> Data:
    return load("mnist", quiet=True)


@pytest.fixture(scope="session")
def digits() -> Data:
    return load("digits")
