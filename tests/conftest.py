"""What all tests share: the real data sets, fetched once into the user's cache, and runs on them."""

import os
import signal

import numpy as np
import pytest

import mlplab
from mlplab import Run
from mlplab.datasets import Data, load
from mlplab.inspection.examples import Examples, examples_of


def pytest_configure(config: pytest.Config) -> None:
    """What XLA compiled once it need not compile again: in this run, the next, or a process that a test starts."""
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(config.cache.mkdir("jax"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, for what tests start too
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def fashion_mnist() -> Data:
    return load("fashion-mnist", quiet=True)


@pytest.fixture(scope="session")
def mnist() -> Data:
    return load("mnist", quiet=True)


@pytest.fixture(scope="session")
def digits() -> Data:
    return load("digits")


@pytest.fixture(scope="session")
def fashion_run(fashion_mnist: Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The notebook's network on the real Fashion-MNIST, two epochs; not to be written into: copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "fashion"
    return mlplab.train("fashion-mnist", hidden=[20], epochs=2, seed=0, out=folder, verbose=0)


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small network on digits; not to be written into: copy it first."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    return mlplab.train("digits", hidden=[16], epochs=3, seed=0, out=folder, verbose=0)


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
