"""Runs that the tests of the command line share."""

import pytest
from command_line import mlplab


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """`mlplab train digits`: what it printed, its directory."""
    out = tmp_path_factory.mktemp("cli") / "run"
    return mlplab("train", "digits", "--hidden", 4, "--epochs", 2, "--seed", 5, "--json", "--out", out), out


@pytest.fixture(scope="session")
def trained_seeds(tmp_path_factory):
    """`mlplab train digits --seeds 3`: what it printed, its directory."""
    out = tmp_path_factory.mktemp("cli") / "run"
    options = ["--hidden", 4, "--epochs", 2, "--seed", 5, "--seeds", 3]
    return mlplab("train", "digits", *options, "--json", "--out", out), out
