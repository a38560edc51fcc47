"""What all tests share: the real data sets, fetched once into the user's cache, and runs on them."""

import os
import signal

import pytest

import mlplab
from mlplab import Run
from mlplab.datasets import Data, load


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
