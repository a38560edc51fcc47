"""One small network, trained once: alone, as a population, and interrupted. Tests that write into it copy it."""

import shutil

import pytest
from small_runs import SMALL, Interrupt, Poison

import mlplab
from mlplab.errors import Interrupted


@pytest.fixture(scope="session")
def finished(digits, tmp_path_factory) -> mlplab.Run:
    return mlplab.train(digits, **SMALL, out=tmp_path_factory.mktemp("runs") / "finished")


@pytest.fixture(scope="session")
def population(digits, tmp_path_factory) -> mlplab.Run:
    return mlplab.train(digits, **SMALL, seeds=3, out=tmp_path_factory.mktemp("runs") / "population")


@pytest.fixture(scope="session")
def diverged(digits, tmp_path_factory) -> mlplab.Run:
    """A population whose second member diverged."""
    out = tmp_path_factory.mktemp("runs") / "diverged"
    return mlplab.train(digits, **SMALL, seeds=3, out=out, callbacks=lambda seed: [Poison()] if seed == 5 else [])


@pytest.fixture(scope="session")
def interrupted_path(digits, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "interrupted"
    with pytest.raises(Interrupted, match=r"after epoch 2 of 5.*Continue with: mlplab.resume\(.*interrupted'\)"):
        mlplab.train(digits, **SMALL, out=path, callbacks=[Interrupt(2)])
    return path


@pytest.fixture
def interrupted(interrupted_path, tmp_path):
    """A copy of a run of two epochs, to write into."""
    return shutil.copytree(interrupted_path, tmp_path / "interrupted")


@pytest.fixture
def interrupted_population(digits, tmp_path):
    path = tmp_path / "interrupted-population"
    with pytest.raises(Interrupted, match=r"Continue with: mlplab.resume\(.*interrupted-population'\)"):
        mlplab.train(digits, **SMALL, seeds=3, out=path, callbacks=lambda seed: [Interrupt(2)])
    return path
