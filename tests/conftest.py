"""What all tests share: compiled programs, the real data sets, runs on them, and files made once for all workers."""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import compiled_programs
import numpy as np
import pytest
from filelock import FileLock

import mlplab
from mlplab import Run
from mlplab.datasets import Data, load
from mlplab.inspection.examples import Examples, examples_of

Once = Callable[[str, Callable[[Path], Any]], Path]
LONGEST = ("test_notebooks", "test_cluster", "test_keras_suite", "test_kill", "test_jobs")


def pytest_configure() -> None:
    compiled_programs.with_few_optimizations()
    for library in ("OPENBLAS", "OMP"):  # several threads for each of as many workers as cores wait for one another
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")  # before the workers and child processes import NumPy
    gc.set_threshold(
        20_000, 20, 100
    )  # a worker grows to gigabytes of programs and models, which are slow to look through
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each process that a test starts compiles all files again
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background does this, and child processes inherit
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have the longest tests, so that no worker waits for another's at the end."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let a module that skips itself fail in continuous integration."""
    return not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a test that skips itself fail in continuous integration."""
    return not_skipped((yield))


def not_skipped(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"Continuous integration runs every test, and this one was skipped: {report.longrepr[-1]}"
    return report


@pytest.fixture(scope="module")
def fully_optimized() -> Generator[None]:
    """Let a module compile as people do: one that compares the bits of different programs."""
    with compiled_programs.fully_optimized():
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """One folder for a whole test run, common to all workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def once(shared_folder: Path) -> Once:
    """Make a file or directory once in a test run, for all workers: `path = once(name, make)` calls `make(path)`.

    No test may write into it, since it belongs to all of them.
    """

    def once(name: str, make: Callable[[Path], Any]) -> Path:
        path, complete = shared_folder / name, shared_folder / f"{name}.complete"
        with FileLock(shared_folder / f"{name}.lock"):
            if not complete.exists():
                shutil.rmtree(path, ignore_errors=True)  # of an attempt that failed
                make(path)
                complete.touch()
        return path

    return once


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in whatever order tests run."""
    return np.random.default_rng(0)


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
def fashion_run(once: Once) -> Run:
    """The notebook's network on the real Fashion-MNIST, two epochs; copy it before you write into it."""

    def train(out: Path) -> Run:
        return mlplab.train("fashion-mnist", hidden=[20], epochs=2, seed=0, out=out, verbose=0)

    return Run(once("fashion", train))


@pytest.fixture(scope="session")
def digits_run(once: Once) -> Run:
    """A small network on digits; copy it before you write into it."""
    return Run(once("digits", lambda out: mlplab.train("digits", hidden=[16], epochs=3, seed=0, out=out, verbose=0)))


@pytest.fixture(scope="session")
def unbalanced_run(digits: Data, once: Once) -> Run:
    """Digits 3, 1 and 8 as three classes, of which the second is rare and the third frequent."""

    def part(dataset, counts):
        rows = [np.flatnonzero(dataset.labels == digit)[:count] for digit, count in counts]
        return dataset.images[np.concatenate(rows)], np.repeat([0, 1, 2], [len(r) for r in rows])

    def train(out: Path) -> Run:
        arrays = part(digits.train, [(3, 60), (1, 15), (8, 140)]), part(digits.test, [(3, 30), (1, 12), (8, 33)])
        data = mlplab.load(arrays, class_names=("three", "one", "eight"))
        return mlplab.train(data, hidden=[6], epochs=4, seed=1, out=out, verbose=0)

    return Run(once("unbalanced", train))


@pytest.fixture(scope="session", params=["fashion_run", "digits_run", "unbalanced_run"])
def examples(request: pytest.FixtureRequest) -> Examples:
    """Labelled predictions of each shared run in turn."""
    return examples_of(request.getfixturevalue(request.param), inputs=False)
